"""The commands ``crossfade queue …``: they ask the admin listener of a running proxy."""

import re
import sys
from typing import Any
from urllib.parse import urlencode

import orjson

from proxy.api import Commands

__all__ = ["provide_commands"]

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def provide_commands(cli: Commands) -> None:
    """Say what there is."""
    _looking(cli)
    _changing_one(cli)
    _changing_many(cli)


def _looking(cli: Commands) -> None:
    def stats(json: bool = False) -> None:  # noqa: FBT001, FBT002 (an option)
        """Show the queue in numbers: what waits, how long, what is paused."""
        found = cli.ask("GET", "/stats")
        if json:
            _print_json(found)
        else:
            _print_stats(found)

    def list_(
        state: str = "",
        user: str = "",
        priority: str = "",
        limit: int = 50,
        after: str = "",
        json: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """List messages, the oldest first."""
        asked = {"state": state, "user": user, "priority": priority, "after": after}
        said = {name: value for name, value in asked.items() if value} | {"limit": str(limit)}
        found = cli.ask("GET", f"/messages?{urlencode(said)}")
        if json:
            _print_json(found)
            return
        for one in found["messages"]:
            code = f"  {one['code']}" if one["code"] else ""
            _print(
                f"{one['id']}  {one['state']:9} {one['priority']:8} {one['type']:11} "
                f"due {one['dueAt']}  {one['attempts']} attempts{code}"
            )

    def show(id: str, text: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Show a message; what it says only with --text, for admins."""
        path = "/message/text" if text else "/message"
        _print_json(cli.ask("GET", f"{path}?{urlencode({'id': id})}"))

    cli.add(stats)
    cli.add(list_, name="list")
    cli.add(show)


def _changing_one(cli: Commands) -> None:
    def requeue(id: str) -> None:  # noqa: A002
        """Have a dead or uncertain message tried again, or a queued one tried now."""
        _print_state(cli.ask("POST", "/requeue", {"id": id}))

    def dead(id: str) -> None:  # noqa: A002
        """Give a message up: it is not sent unless it is requeued."""
        _print_state(cli.ask("POST", "/dead", {"id": id}))

    def settle(id: str, became: str) -> None:  # noqa: A002
        """Say what became of an uncertain message: sent or dead."""
        _print_state(cli.ask("POST", "/settle", {"id": id, "became": became}))

    def approve(id: str, by: str = "") -> None:  # noqa: A002
        """Approve a message that is held, by the person who has read it."""
        _print_state(cli.ask("POST", "/approve", {"id": id, "by": by}))

    def cancel(id: str) -> None:  # noqa: A002
        """Cancel a message that is held or queued."""
        _print_state(cli.ask("POST", "/cancel", {"id": id}))

    for command in (requeue, dead, settle, approve, cancel):
        cli.add(command)


def _changing_many(cli: Commands) -> None:
    def replay(state: str = "dead", user: str = "", code: str = "", yes: bool = False) -> None:  # noqa: FBT001, FBT002
        """Requeue all that are dead, or with --state uncertain; without --yes: say how many."""
        asked = {"state": state, "user": user or None, "code": code or None}
        _ask_twice(cli, "/replay", asked, "requeued", yes=yes)

    def purge(state: str, older_than: str = "0s", yes: bool = False) -> None:  # noqa: FBT001, FBT002
        """Remove messages that have ended (sent, cancelled, dead, uncertain), for admins."""
        asked = {"state": state, "olderThan": _seconds(older_than)}
        _ask_twice(cli, "/purge", asked, "removed", yes=yes)

    def pause(what: str) -> None:
        """Send nothing of: all, priority:low, user:ID."""
        found = cli.ask("POST", "/pause", {"what": what})
        _print(f"{what} is paused" if found["changed"] else f"{what} was paused already")

    def resume(what: str) -> None:
        """End a pause."""
        found = cli.ask("POST", "/resume", {"what": what})
        _print(f"{what} goes on" if found["changed"] else f"{what} was not paused")

    for command in (replay, purge, pause, resume):
        cli.add(command)


def _ask_twice(cli: Commands, path: str, asked: dict[str, Any], what: str, *, yes: bool) -> None:
    """Say how many messages it is about, and do it if that is confirmed by their number."""
    if not yes:
        count = cli.ask("POST", path, asked | {"confirm": False})["messages"]
        _print(f"{count} messages would be {what}.")
        if not count or not _confirmed(count):
            sys.exit(0 if not count else 1)
    found = cli.ask("POST", path, asked | {"confirm": True})
    _print(f"{found['messages']} messages {what}")


def _confirmed(count: int) -> bool:
    sys.stdout.write("Type their number to have it done: ")
    sys.stdout.flush()
    if sys.stdin.readline().strip() == str(count):
        return True
    sys.stderr.write("\nNothing was done. Type the number, or say --yes.\n")
    return False


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([smhd])", text)
    if found is None:
        sys.stderr.write("crossfade: --older-than is a duration such as 90s, 30m, 12h or 7d\n")
        sys.exit(2)
    return float(found[1]) * _UNITS[found[2]]


def _print_stats(found: dict[str, Any]) -> None:
    for state, counts in found["depth"].items():
        each = ", ".join(f"{count} {priority}" for priority, count in counts.items())
        _print(f"{state:10} {sum(counts.values()):7}  {each}")
    for priority, seconds in found["oldestSeconds"].items():
        _print(f"the oldest of {priority} that is due has waited {seconds:.0f} s")
    for what, rate in found["rates"].items():
        _print(f"{what:10} {rate['lastMinute']:7} in a minute, {rate['lastHour']} in an hour")
    for what in found["paused"]:
        _print(f"{what} is paused")
    if found["trouble"]:
        _print(f"{found['trouble']}")


def _print_state(found: dict[str, Any]) -> None:
    _print(f"{found['id']} is {found['state']}")


def _print_json(found: Any) -> None:
    _print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
