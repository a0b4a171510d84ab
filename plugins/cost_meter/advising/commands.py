"""Commands: ``crossfade advice …``: they ask the admin listener of a running proxy."""

from typing import Any
from urllib.parse import urlencode

import orjson

from proxy.api import Commands

from ..printing import print_json, print_line

__all__ = ["provide_commands"]

_GROUP = "advice"
_ALL_USERS = 100


def provide_commands(cli: Commands) -> None:
    """Add them."""

    def list_(json: bool = False, look: bool = False) -> None:  # noqa: FBT001, FBT002 (options)
        """List what could be cheaper, and what is missing to say more; --look: look now."""
        found = cli.ask("POST", "/advice/look") if look else cli.ask("GET", "/advice")
        _print(found, json=json, how=_print_list)

    def show(id: str, json: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Show one recommendation: evidence, risk, what it changes, what came of it."""
        found = cli.ask("GET", f"/advice/one?{urlencode({'id': id})}")
        _print(found, json=json, how=_print_one)

    def approve(id: str, share: float = 0.0, json: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Change the configuration as it says; --share 5: for 5 % of users first."""
        body = {"id": id} | ({"share": share} if share else {})
        found = cli.ask("POST", "/advice/approve", body)
        _print(found, json=json, how=_print_approved)

    def undo(id: str, json: bool = False) -> None:  # noqa: A002, FBT001, FBT002
        """Put back what was there before."""
        found = cli.ask("POST", "/advice/undo", {"id": id})
        _print(found, json=json, how=lambda _: print_line(f"{id} is undone; the file is as it was"))

    cli.add(list_, name="list", group=_GROUP)
    for command in (show, approve, undo):
        cli.add(command, group=_GROUP)


def _print(found: Any, *, json: bool, how: Any) -> None:
    if json:
        print_json(found)
    else:
        how(found)


def _print_list(found: dict[str, Any]) -> None:
    for one in found["advice"]:
        usd = one["monthlyUsd"]
        state = "by hand" if one["byHand"] else one["state"]
        print_line(
            f"{one['id']:20} {state:9} {usd['p10']} / {usd['p50']} / {usd['p90']} USD a month, "
            f"{one['confidence']} % sure, risk {one['risk']}"
        )
        print_line(f"    {one['says']}")
    for one in found["notAdvised"]:
        what = f"{one['rule']} ({one['subject']})" if one["rule"] else "anything"
        print_line(f"no advice: {what}: missing: {one['missing']}")
    if found["lookedAt"] is None:
        print_line("nobody has looked yet; `crossfade advice list --look` looks now")


def _print_one(found: dict[str, Any]) -> None:
    usd, evidence = found["monthlyUsd"], found["evidence"]
    print_line(f"{found['id']}: {found['state']}\n{found['says']}")
    print_line(f"saves      {usd['p10']} / {usd['p50']} / {usd['p90']} USD a month (p10/p50/p90)")
    print_line(f"confidence {found['confidence']} %")
    print_line(f"risk       {found['risk']}: {found['risks']}")
    print_line(
        f"evidence   {evidence['attempts']} attempts, {evidence['since']} to {evidence['until']}"
    )
    print_line(f"plan       {found['plan']}")
    for title, changes in (("changes", found["changes"]), ("undo", found["undo"])):
        for one in changes:
            print_line(
                f"{title:10} {one['place']}: {_value(one['before'])} -> {_value(one['after'])}"
            )
    realised = found["realised"]
    if realised is not None:
        usd = realised["monthlyUsd"]
        print_line(
            f"realised   {usd['p10']} / {usd['p50']} / {usd['p90']} USD a month, promised were "
            f"{found['promisedUsd']}; {realised['days']} days before and after"
        )
    for line in found["history"]:
        part = f", {line['share']:g} % of users" if line["share"] < _ALL_USERS else ""
        print_line(f"           {line['at']} {line['state']} by {line['by']}{part}")


def _print_approved(found: dict[str, Any]) -> None:
    part = f" for {found['share']:g} % of users" if found["share"] < _ALL_USERS else ""
    print_line(f"{found['id']} is followed{part}; the configuration was changed:")
    for one in found["changes"]:
        print_line(f"    {one['place']}: {_value(one['before'])} -> {_value(one['after'])}")
    print_line(f"`crossfade advice undo {found['id']}` takes it back")


def _value(value: object) -> str:
    return "nothing" if value is None else orjson.dumps(value).decode()
