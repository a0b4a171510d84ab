"""The commands ``crossfade notify …``: they ask the admin listener of a running proxy."""

import sys
from typing import Any
from urllib.parse import urlencode

import orjson

from proxy.api import Commands

__all__ = ["provide_commands"]


def provide_commands(cli: Commands) -> None:
    """Say what there is."""
    _looking(cli)
    _doing(cli)


def _looking(cli: Commands) -> None:
    def channels(json: bool = False) -> None:  # noqa: FBT001, FBT002 (an option)
        """List the channels: what waits for each, and whether it takes what it is sent."""
        found = cli.ask("GET", "/channels")
        if json:
            _print_json(found)
            return
        if not found["channels"]:
            _print("there are no channels: plugins.notify.channels names them")
        for one in found["channels"]:
            state = f"failing, {one['failures']} times: {one['why']}" if one["failures"] else "well"
            _print(
                f"{one['name']:16} {one['kind']:10} {one['minSeverity']:9} {one['rate']:6} "
                f"{one['waiting']} waiting, {one['dead']} dead  {state}"
            )

    def list_(
        dead: bool = False,  # noqa: FBT001, FBT002
        channel: str = "",
        limit: int = 50,
        json: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """List what waits to be told, or with --dead what could not be."""
        asked = {"state": "dead" if dead else "waiting", "limit": str(limit)}
        said = asked | ({"channel": channel} if channel else {})
        found = cli.ask("GET", f"/outbox?{urlencode(said)}")
        if json:
            _print_json(found)
            return
        if not found["deliveries"]:
            _print("nothing is dead" if dead else "nothing waits")
        for one in found["deliveries"]:
            when = f"dead since {one['deadAt']}" if dead else f"due {one['dueAt']}"
            why = f"  {one['why']}" if one["why"] else ""
            _print(
                f"{one['id']:6}  {one['channel']:16} {one['action']:8} {one['severity']:8} "
                f"{one['name']}: {one['subject']}  {when}  {one['attempts']} tries{why}"
            )

    cli.add(channels)
    cli.add(list_, name="list")


def _doing(cli: Commands) -> None:
    def test(channel: str) -> None:
        """Send a test to a channel, and say what it answers."""
        found = cli.ask("POST", "/test", {"channel": channel})
        if not found["taken"]:
            sys.stderr.write(f"{channel} has not taken it: {found['answer']}\n")
            sys.exit(1)
        _print(f"{channel} has taken it: {found['answer']}")

    def retry(id: int = 0, channel: str = "", all: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Have dead deliveries tried again: one by --id, those of a --channel, or --all."""
        found = cli.ask("POST", "/retry", _meant(id, channel, every=all))
        _print(f"{found['deliveries']} deliveries are tried again")

    def drop(id: int = 0, channel: str = "", all: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Forget dead deliveries: one by --id, those of a --channel, or --all."""
        found = cli.ask("POST", "/drop", _meant(id, channel, every=all))
        _print(f"{found['deliveries']} deliveries are forgotten")

    for command in (test, retry, drop):
        cli.add(command)


def _meant(delivery: int, channel: str, *, every: bool) -> dict[str, Any]:
    """Return which are meant. Ends the command where nothing is said, or too much."""
    if [bool(delivery), bool(channel), every].count(True) != 1:
        sys.stderr.write("crossfade: say one of --id ID, --channel NAME and --all\n")
        sys.exit(2)
    said = {"id": delivery or None, "channel": channel or None, "all": every or None}
    return {name: value for name, value in said.items() if value is not None}


def _print_json(found: Any) -> None:
    _print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
