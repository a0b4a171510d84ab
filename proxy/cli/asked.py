"""What commands that change a rollout have in common.

Which one, why, of which proxy, and how they tell what has become of it.
"""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from yarl import URL

from proxy.cli.admin_client import admin_url
from proxy.cli.changes import act, edit, rollout_of, stated
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json, Reason
from proxy.cli.rollout_text import Rollout, headline, notes, printable
from proxy.cli.tables import print_json

__all__ = ["Asked", "IfVersion", "Name", "changing", "tell"]

Name = Annotated[str, typer.Argument(help="The rollout, as `rollouts list` names it.")]
IfVersion = Annotated[
    int | None,
    typer.Option("--if-version", help="Only if it still is at this version, as `show` says."),
]

_ABOUT = {"name": Name}
_OPTIONS = {
    "reason": (Reason, ""),
    "config": (AskedConfig, CONFIG),
    "admin": (Admin, None),
    "as_json": (Json, False),
}


class Asked(NamedTuple):
    """Which rollout shall be changed, and why; the reason is asked for when it is needed."""

    name: str
    reason: str
    config: Path
    admin: str | None

    @property
    def base(self) -> URL:
        """The URL of the admin listener. Exits with 2 where none is named."""
        return admin_url(self.admin, self.config)

    def version(self, said: int | None) -> int:
        """Return the version that was said, or else that of now: what follows is for no other."""
        return rollout_of(self.base, self.name)["version"] if said is None else said

    def act(
        self,
        action: str,
        fields: Mapping[str, object] | None = None,
        *,
        version: int | None = None,
    ) -> Rollout:
        """Do one of the rollout's actions, see `proxy.cli.changes.act`."""
        return act(self.base, self.name, action, stated(self.reason), fields, version=version)

    def edit(
        self, rest: str, fields: Mapping[str, object], *, version: int | None = None
    ) -> dict[str, Any]:
        """Change the rollout, or what is below it, see `proxy.cli.changes.edit`."""
        return edit(self.base, self.name, rest, stated(self.reason), fields, version=version)


def tell(rollout: Rollout, *, as_json: bool) -> None:
    """Say how a rollout stands now: a line, and what is to know about it."""
    if as_json:
        print_json(rollout)
        return
    print(f"{printable(rollout['name'])}: {headline(rollout)}")
    for note in notes(rollout):
        print(f"  {note}")


Change = Callable[..., Mapping[str, Any]]


def changing(
    app: typer.Typer, name: str, told: Callable[..., None] = tell, **settings: Any
) -> Callable[[Change], Change]:
    """Make a function the command `name`, which takes what all of them take beside its own.

    The function gets an `Asked`, then its own arguments and options, and returns what `told`
    tells.
    """

    def add(function: Change) -> Change:
        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]

        def run(**given: Any) -> None:
            asked = Asked(*(given.pop(part) for part in Asked._fields))
            as_json = given.pop("as_json")
            told(function(asked, **given), as_json=as_json)

        parameters = [
            *(_parameter(part, kind) for part, kind in _ABOUT.items()),
            *(one.replace(kind=one.KEYWORD_ONLY) for one in own),
            *(_parameter(part, kind, default) for part, (kind, default) in _OPTIONS.items()),
        ]
        run.__doc__ = function.__doc__
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in parameters}
        app.command(name, **settings)(run)
        return function

    return add


def _parameter(
    name: str, kind: object, default: object = inspect.Parameter.empty
) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
