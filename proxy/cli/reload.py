"""`crossfade reload`: makes a running proxy read its configuration and its plugins now."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import quote

import typer

from proxy.cli.admin_client import FAILED, USAGE, Answer, admin_url, ask, fail
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.tables import print_json

PATIENCE_SECONDS = 180.0
"""Longest wait: plugins start up meanwhile, and requests may have to finish first."""


def command(
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would happen.")
    ] = False,
    file: Annotated[
        str, typer.Option("--file", help="With --dry-run: another file beside the configuration.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Make a running proxy read its configuration file and its plugins now.

    Shows how many of the callers seen last change sides. Exits with 0 when the
    file serves (with --dry-run: when it would), 1 when it was refused (the old
    one goes on serving) or the proxy cannot be reached, 2 on bad usage.
    """
    if file and not dry_run:
        fail(USAGE, "--file goes with --dry-run; what serves is the file of `crossfade serve`")
    query = f"?dry_run=1&file={quote(file, safe='')}" if dry_run else ""
    answer = ask("POST", admin_url(admin, config), f"reload{query}", patience=PATIENCE_SECONDS)
    report(answer, "The configuration", dry_run=dry_run, as_json=as_json)


def report(answer: Answer, subject: str, *, dry_run: bool = False, as_json: bool = False) -> None:
    """Print what came of a reload or a rollback of `subject`. Exits with 1 if it was refused."""
    body = answer.body
    if as_json:
        print_json(body)
        raise typer.Exit(0 if answer.status == 200 else FAILED)
    if answer.status != 200:
        problems = [f"  {one}" for one in body.get("problems", ())]
        fail(FAILED, "\n".join([str(body.get("detail", "")), *problems]))
    print(_sentence(body, subject, dry_run=dry_run))
    if body["released"]:
        print(f"  released from quarantine: {', '.join(body['released'])}")
    for line in move_lines(body.get("moves", ())):
        print(f"  {line}")


def _sentence(body: Mapping[str, Any], subject: str, *, dry_run: bool) -> str:
    changed, generation = body["changed"], body["generation"]
    if not dry_run:
        change = "now serves" if changed else "has not changed; still serving"
        return f"{subject} {change} (generation {generation})."
    if not changed:
        return f"{subject} has not changed (generation {generation} serves)."
    return f"{subject} would serve; nothing has changed yet (generation {generation} serves)."


def move_lines(moves: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return a line for each rollout of a preview, and one for what could not be foreseen."""
    lines = []
    for move in moves:
        then = move["then"]
        name = move["rollout"]
        if then != name:
            name = f"{name} (then {then or 'without a rollout'})"
        lines.append(f"{name}: {_moved(move)}")
        if move["note"]:
            lines.append(f"  {move['note']}")
    return lines


def _moved(move: Mapping[str, Any]) -> str:
    seen = move["seen"]
    if not seen:
        return "no callers seen yet"
    if not move["to_new"] and not move["to_legacy"]:
        return f"nobody of {seen} callers seen last changes sides"
    return (
        f"of {seen} callers seen last {move['to_new']} to new ({move['share_to_new']:g} %), "
        f"{move['to_legacy']} back to legacy ({move['share_to_legacy']:g} %)"
    )
