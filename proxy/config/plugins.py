"""Plugins in the configuration: the uses on routes, and the `plugins` section.

A plugin's settings are kept as they were written: only its own model knows what they
mean, and it is asked later (`Config.read_settings`). Until then any of them may be a
secret, so that no repr, dump or error shows them.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationError, field_validator

from proxy.settings import fields
from proxy.settings.problems import Loc, shown
from proxy.settings.section import Section
from proxy.settings.values import UnfitError

COMMANDS = (
    *("audit", "check", "config", "decide", "explain", "migrate", "plugins", "ramp"),
    *("reload", "replay", "rollouts", "serve", "status", "version", "why"),
)
"""Our own commands and those to come: a plugin's are called like it, and could not be reached."""

_A_USE = "a plugin such as hello or {headers: {...}}"
_A_NAME = "a plugin's name"
_SETTINGS = "a mapping of settings"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


def plugin_name(value: object) -> str:
    """A plugin's name: 1 to 64 letters, digits and `_`, a letter first; not `path`, no command."""
    if not isinstance(value, str):
        raise UnfitError(_A_NAME)
    if not value:
        raise UnfitError(_A_NAME, said="empty text")
    if not _NAME.fullmatch(value):
        right = value.replace("-", "_")
        likely = _NAME.fullmatch(right) and not isinstance(value, fields.Expanded)
        wanted = f"{_A_NAME} of letters, digits and _, beginning with a letter"
        raise UnfitError(wanted, f"write {right}" if likely else "")
    if value == "path":
        raise UnfitError("another name for a plugin", "path says where plugins are looked for")
    if value in COMMANDS:
        raise UnfitError("another name for a plugin", f"crossfade {value} is a command of its own")
    return str(value)


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        hint = "write {} for no settings" if value is None else ""
        raise UnfitError(_SETTINGS, hint)
    return value


class PluginUse(Section):
    """A plugin as a route uses it, with this use's settings.

    Written as the plugin's name, or as a mapping of the name to the settings, beside
    which `on_error` may stand.
    """

    plugin: str
    on_error: Literal["", "skip", "refuse"] = ""
    """What a fault means for the request; '': what the hook says."""
    settings: dict[str, Any] = Field(default={}, repr=False, exclude=True)
    """As written, without `on_error`."""
    loc: Loc = Field(default=(), repr=False)
    """Where the settings stand in the file: `("routes", 0, "plugins", 1, "headers")`."""


def read_use(value: object) -> PluginUse:
    """A use as it is written; raises `UnfitError`, or ValidationError with several of them."""
    return _read(value, _on_error)


def read_destination(value: object) -> PluginUse:
    """The use that answers by itself: there is no going on without it."""
    return _read(value, _on_error_of_destination)


def placed(use: PluginUse, *loc: str | int) -> PluginUse:
    """The use, knowing where it stands in the file; it knew that only from its own top."""
    return use if len(use.loc) > 1 else use.model_copy(update={"loc": (*loc, *use.loc)})


def _read(value: object, read_on_error: Callable[[object], None]) -> PluginUse:
    if isinstance(value, PluginUse):
        return value
    if not isinstance(value, dict):
        return PluginUse(plugin=_bare(value))
    if len(value) != 1:
        raise _not_one(list(value))
    name, settings = next(iter(value.items()))
    written = settings if isinstance(settings, dict) else {}
    unfit: dict[Loc, UnfitError] = {}
    _try(unfit, (name, "[key]"), plugin_name, name)
    _try(unfit, (name,), _mapping, settings)
    if "on_error" in written:
        _try(unfit, (name, "on_error"), read_on_error, written["on_error"])
    if unfit:
        raise _several(unfit)
    rest = {key: setting for key, setting in written.items() if key != "on_error"}
    on_error = str(written.get("on_error", ""))
    return PluginUse.model_validate(
        {"plugin": name, "on_error": on_error, "settings": rest, "loc": (name,)}
    )


def _try(
    unfit: dict[Loc, UnfitError], loc: Loc, read: Callable[[object], object], value: object
) -> None:
    try:
        read(value)
    except UnfitError as error:
        unfit[loc] = error


def _on_error(value: object) -> None:
    _one_of(value, fields.choice("skip", "refuse"))


def _on_error_of_destination(value: object) -> None:
    if value == "skip":
        hint = "without its destination a request has no answer"
        raise UnfitError("refuse, or no on_error", hint, _said(value))
    _one_of(value, fields.choice("refuse"))


def _one_of(value: object, words: fields.Reads) -> None:
    try:
        words.parse(value)
    except UnfitError as error:
        raise UnfitError(error.wanted, error.hint, _said(value)) from None


def _said(value: object) -> str:
    """A word as it was written; nothing for what may be a secret."""
    if not isinstance(value, str) or isinstance(value, fields.Expanded):
        return ""
    return f'"{shown(value)}"'


def _bare(value: object) -> str:
    if isinstance(value, bool):
        raise fields.NotTextError(_A_USE)
    if not isinstance(value, str):
        raise UnfitError(_A_USE)
    try:
        return plugin_name(value)
    except UnfitError as error:
        raise UnfitError(error.wanted, error.hint, error.said or _said(value)) from None


def _not_one(keys: list[str]) -> UnfitError:
    wanted = "one plugin with its settings: {name: {...}}"
    if not keys:
        return UnfitError(wanted, "write its name", "an empty mapping")
    said = f"the {len(keys)} keys {', '.join(shown(key) for key in keys[:4])}"
    said += ", ..." if len(keys) > 4 else ""
    if "on_error" in keys:
        return UnfitError(wanted, "write on_error among the settings", said)
    hint = "indent settings below the plugin's name; write each plugin as an entry of its own"
    return UnfitError(wanted, hint, said)


def _several(unfit: Mapping[Loc, UnfitError]) -> ValidationError:
    """All of them as one error, each at its place below the value."""
    return ValidationError.from_exception_data(
        "PluginUse",
        [
            {"type": "value_error", "loc": loc, "input": None, "ctx": {"error": error}}
            for loc, error in unfit.items()
        ],
    )


Use = Annotated[PluginUse, fields.Reads(read_use, _A_USE, hidden=True)]
Destination = Annotated[PluginUse, fields.Reads(read_destination, _A_USE, hidden=True)]
Name = Annotated[str, fields.Reads(plugin_name, _A_NAME)]
RawSettings = Annotated[dict[str, Any], fields.Reads(_mapping, _SETTINGS, hidden=True)]


class Plugins(Section):
    """Plugins for the whole process: where they are looked for, and their settings by name.

    A plugin that is named here is active also without a use on a route.
    """

    flat: ClassVar[str] = "applications"

    path: tuple[Annotated[Path, fields.file("the path of a folder")], ...] = Field(
        default=(),
        description="Folders of plugins, or the only one. What is found there takes precedence "
        "over an installed plugin of the same name. Default: none.",
    )
    applications: dict[Name, RawSettings] = Field(
        default={},
        repr=False,
        exclude=True,
        description="The settings of the plugin of this name for the whole process.",
    )

    @field_validator("path", mode="before")
    @classmethod
    def _one_folder(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value
