"""`crossfade rollouts lists`: who is always on new, and who is always on legacy."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from proxy.cli.admin_client import USAGE, admin_url, fail
from proxy.cli.asked import Asked, Name, changing
from proxy.cli.changes import path_of, shown
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import printable
from proxy.cli.tables import print_json

__all__ = ["app"]

LISTS = ("whitelist", "blacklist")

app = typer.Typer(no_args_is_help=True, help="Show and change a rollout's whitelist and blacklist.")

Whitelist = Annotated[
    list[str] | None,
    typer.Option("--whitelist", "-w", help="A key that is always on new. Repeatable."),
]
Blacklist = Annotated[
    list[str] | None,
    typer.Option("--blacklist", "-b", help="A key that is always on legacy. Repeatable."),
]


def tell_lists(body: Mapping[str, Any], *, as_json: bool) -> None:
    """Say which keys are on both lists."""
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


@app.command("show")
def show(
    name: Name, config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False
) -> None:
    """Show the keys on a rollout's lists; for operators.

    Exits with 0, with 1 when there is no such rollout or the proxy cannot be
    reached, 2 on bad usage.
    """
    body = shown(admin_url(admin, config), path_of(name, "/lists"))
    tell_lists(body, as_json=as_json)


@changing(app, "add", tell_lists)
def add(asked: Asked, whitelist: Whitelist = None, blacklist: Blacklist = None) -> dict[str, Any]:
    """Put keys on a rollout's lists.

    Exits with 0 when they are on it, 1 when that is refused or the proxy cannot
    be reached, 2 on bad usage.
    """
    return _changed(asked, "add", (whitelist, blacklist))


@changing(app, "remove", tell_lists)
def remove(
    asked: Asked, whitelist: Whitelist = None, blacklist: Blacklist = None
) -> dict[str, Any]:
    """Take keys off a rollout's lists.

    Exits with 0 when they are off, 1 when that is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return _changed(asked, "remove", (whitelist, blacklist))


def _changed(
    asked: Asked, what: str, keys: tuple[list[str] | None, list[str] | None]
) -> dict[str, Any]:
    fields = {name: {what: some} for name, some in zip(LISTS, keys, strict=True) if some}
    if not fields:
        fail(USAGE, f"say which keys to {what}: --whitelist KEY, --blacklist KEY")
    if not all(key.strip() for some in keys for key in some or ()):
        fail(USAGE, "a key was empty: --whitelist and --blacklist want the key of a caller")
    return asked.edit("/lists", fields)
