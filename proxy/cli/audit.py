"""`crossfade audit`: who changed which rollout, when, and why."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import typer

from proxy.cli.admin_client import admin_url
from proxy.cli.changes import shown
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import printable
from proxy.cli.tables import console, print_json, print_table, when

_COLUMNS = ("when", "rollout", "who", "action", "change", "reason")
_LONGEST_CHANGE = 120
_A_MOMENT = 1e9
"""No number of a rollout is larger, unless it is one of unix seconds."""

_COUNTED = frozenset(("since", "healthy", "run", "segment", "segment_since", "declared", "braked"))
"""What changes along with something else: it stands in the JSON."""


def command(
    rollout: Annotated[
        str | None, typer.Option("--rollout", "-r", help="Only changes of this rollout.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="At most.")] = 20,
    before: Annotated[
        str, typer.Option("--before", help="Go on from here; a list that was cut says where.")
    ] = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the changes of rollouts, by whomever, the newest first.

    Exits with 0, with 1 when the proxy or its store cannot be reached, 2 on bad
    usage.
    """
    query = {"limit": str(limit)}
    query |= {"rollout": rollout} if rollout else {}
    query |= {"before": before} if before else {}
    body = shown(admin_url(admin, config), f"v1/audit?{urlencode(query)}")
    if as_json:
        print_json(body)
        return
    if not body["entries"]:
        print(_nothing(rollout, before))
    print_table(console(), _COLUMNS, _rows(body["entries"]))
    if body.get("next"):
        print(f"There is more: --before {printable(body['next'])}")


def _nothing(rollout: str | None, before: str) -> str:
    """Say that there is no change, and of what: a name may be misspelt, a page may be the last."""
    if before:
        return "Nothing older is in the audit."
    if rollout:
        said = f"No change of {printable(rollout)} is in the audit."
        return f"{said} `crossfade rollouts list` shows which rollouts there are."
    return "Nothing has been changed."


def _rows(entries: list[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for one in entries:
        yield (
            when(one["at"]),
            printable(one["rollout"]),
            f"{printable(one['actor'])} ({printable(one['role'])})",
            printable(one["action"]),
            change_text(one.get("before") or {}, one.get("after") or {}),
            printable(one["reason"]),
        )


def change_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> str | None:
    """Return what became different, such as ``percentage 5 > 25``; None for nothing."""
    parts = [
        f"{name} {_value(name, before.get(name))} > {_value(name, after.get(name))}"
        for name in [*before, *(name for name in after if name not in before)]
        if before.get(name) != after.get(name) and name not in _COUNTED
    ]
    text = printable(", ".join(parts))
    return f"{text[:_LONGEST_CHANGE]}..." if len(text) > _LONGEST_CHANGE else text or None


def _value(name: str, value: object) -> str:
    if value is None or value == "":
        return "-"
    if name == "step" and isinstance(value, int):
        # As everywhere where a person reads it, the first step is 1; -1 is none.
        return str(value + 1) if value >= 0 else "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if value > _A_MOMENT:
            return when(value)
        return f"{value:g}"
    # A mark, a plan, a hold: what it is in full stands in the JSON.
    return value if isinstance(value, str) else "set"
