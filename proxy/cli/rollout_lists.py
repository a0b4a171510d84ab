"""`crossfade rollouts lists`: who is always on new, and who is always on legacy."""

from typing import Annotated, Any

import typer

from proxy.cli.admin_client import USAGE, admin_url, fail
from proxy.cli.changes import edit, path_of, shown, stated
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json, Reason
from proxy.cli.rollout_text import printable
from proxy.cli.tables import print_json

__all__ = ["app"]

LISTS = ("whitelist", "blacklist")

app = typer.Typer(no_args_is_help=True, help="Show and change a rollout's whitelist and blacklist.")

Name = Annotated[str, typer.Argument(help="The rollout, as `rollouts list` names it.")]
Whitelist = Annotated[
    list[str] | None,
    typer.Option("--whitelist", "-w", help="A key that is always on new. Repeatable."),
]
Blacklist = Annotated[
    list[str] | None,
    typer.Option("--blacklist", "-b", help="A key that is always on legacy. Repeatable."),
]


@app.command("show")
def show(
    name: Name, config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False
) -> None:
    """Show the keys on a rollout's lists; for operators.

    Exits with 0, with 1 when there is no such rollout or the proxy cannot be
    reached, 2 on bad usage.
    """
    body = shown(admin_url(admin, config), path_of(name, "/lists"))
    _print(body, as_json=as_json)


@app.command("add")
def add(
    name: Name,
    whitelist: Whitelist = None,
    blacklist: Blacklist = None,
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Put keys on a rollout's lists.

    Exits with 0 when they are on it, 1 when that is refused or the proxy cannot
    be reached, 2 on bad usage.
    """
    body = _change(admin, config, name, reason, "add", (whitelist, blacklist))
    _print(body, as_json=as_json)


@app.command("remove")
def remove(
    name: Name,
    whitelist: Whitelist = None,
    blacklist: Blacklist = None,
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Take keys off a rollout's lists.

    Exits with 0 when they are off, 1 when that is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    body = _change(admin, config, name, reason, "remove", (whitelist, blacklist))
    _print(body, as_json=as_json)


def _change(
    admin: Admin,
    config: AskedConfig,
    name: str,
    reason: str,
    what: str,
    keys: tuple[list[str] | None, list[str] | None],
) -> dict[str, Any]:
    fields = {name: {what: some} for name, some in zip(LISTS, keys, strict=True) if some}
    if not fields:
        fail(USAGE, f"say which keys to {what}: --whitelist KEY, --blacklist KEY")
    if not all(key.strip() for some in keys for key in some or ()):
        fail(USAGE, "a key was empty: --whitelist and --blacklist want the key of a caller")
    return edit(admin_url(admin, config), name, "/lists", stated(reason), fields)


def _print(body: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(body)
        return
    for name in LISTS:
        keys = body.get(name)
        if isinstance(keys, list):
            print(f"{name} ({len(keys)})")
            for key in sorted(map(printable, keys)):
                print(f"  {key}")
        else:
            print(f"{name}: {keys}")
