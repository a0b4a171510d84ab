"""The settings of a plugin: a mapping in the configuration, read into a typed model.

Settings are pydantic models that guess nothing: unknown keys are errors with the nearest
right name, and every problem is told with file, line and column. Besides the types
below, `str`, `int`, `float`, `bool`, `tuple[...]`, `dict[str, ...]`, `Literal[...]` and
other settings can be used.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_core import InitErrorDetails

from proxy.settings import fields
from proxy.settings.naming import Names
from proxy.settings.section import Section
from proxy.settings.values import UnfitError

__all__ = [
    "BaseUrl",
    "Duration",
    "Misfit",
    "Period",
    "RolloutName",
    "RouteName",
    "Secret",
    "Settings",
    "Size",
    "base_url",
    "refuse_misfits",
    "setting",
    "store_url",
]


class Settings(Section):
    """What a plugin can be told: subclass it, one annotated attribute for each key.

    Instances are immutable and are compared by their values: equal settings mean that
    an instance of the plugin is carried over a reload. Numbers are finite.
    """

    model_config = ConfigDict(allow_inf_nan=False)


setting = Field
"""Gives a key its default and its `description`: ``setting(default=…, description=…)``."""

Duration = Annotated[float, fields.duration("0s", "24h")]
"""Seconds, written with a unit: ``250ms``, ``2s``, ``10m``, ``1h``."""

Period = Annotated[float, fields.duration("0s", "9600h")]
"""Seconds, written like a `Duration`, up to 400 days (``9600h``): for how long things are kept."""

Size = Annotated[int, fields.size("0B", "1GiB")]
"""Bytes, written with a unit: ``512B``, ``32KiB``, ``1MiB``."""

Secret = Annotated[SecretStr, fields.secret("a secret", 1)]
"""Text that is never shown, logged or sent; write it as ``${VARIABLE}``."""


RouteName = Annotated[str, fields.name("a route's name"), Names("route")]
"""The name of a route of the configuration: any other name is a problem of the settings, which
tells the routes that there are, and refuses them as a whole. Also for keys of a mapping."""

RolloutName = Annotated[str, fields.name("a rollout's name"), Names("rollout")]
"""The same of a rollout."""


Misfit = tuple[tuple[str | int, ...], str]
"""What in settings does not fit together: its place, as keys and indices; what is wanted there."""


def store_url(*kinds: Literal["memory", "sqlite", "redis"], also: str = "") -> AfterValidator:
    """Take text that says where a store of one of these kinds is.

    Write ``Annotated[str, store_url("memory", "redis")]``. There are ``memory://``;
    ``sqlite:path`` (absolute, or relative to the folder of the configuration file);
    ``redis://[user:password@]host[:port][/database][?prefix=name]``, ``rediss`` with TLS. `also`
    is a further text that is taken. In the status, and in what is said about settings, user and
    password are ``***``; the same is true of errors of the stores.
    """

    def read(text: str) -> str:
        if text != also and not any(_STORES[kind][1](text) for kind in kinds):
            hint = "in a user's name and a password write / ? # @ and % as %2F %3F %23 %40 %25"
            *others, last = filter(None, (also, *(_STORES[kind][0] for kind in kinds)))
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise UnfitError(wanted, hint if "@" in text else "")
        return str(text)

    return AfterValidator(read)


def base_url(text: str) -> str:
    """Return where an API is as `BaseUrl` has it. Raises ValueError for what is no such URL."""
    try:
        parts = urlsplit(text)
        there = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        there = None
    if not there or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("http:// or https://, a host and perhaps a path: no key, no query")
    return text.rstrip("/")


BaseUrl = Annotated[str, Field(max_length=1024), AfterValidator(base_url)]
"""Where an API is: ``https://host/path``, without the slash at its end."""


def refuse_misfits(found: Iterable[Misfit]) -> None:
    """Raise what tells an operator each of them at its place; nothing, if there are none.

    For a validator of settings that are right each by itself: pydantic's of the mode ``after``.
    """
    details = [
        InitErrorDetails(type="value_error", loc=place, input=None, ctx={"error": ValueError(says)})
        for place, says in found
    ]
    if details:
        raise ValidationError.from_exception_data("settings", details, hide_input=True)


def _is_redis(text: str) -> bool:
    try:
        parts = urlsplit(text)
        there = parts.hostname and parts.port != 0
    except ValueError:
        return False
    fits = _DATABASE.fullmatch(parts.path) and _OPTIONS.fullmatch(parts.query)
    return bool(parts.scheme in ("redis", "rediss") and there and fits and not parts.fragment)


_FILE: Final = re.compile(r"sqlite:(?!//(?!/))[^\0]*[^\0/]")
_DATABASE: Final = re.compile(r"/?[0-9]{0,5}")
_OPTIONS: Final = re.compile(r"(prefix=[A-Za-z0-9._:-]{1,64})?")
_STORES: Final[Mapping[str, tuple[str, Callable[[str], bool]]]] = {
    "memory": ("memory://", lambda text: text == "memory://"),
    "sqlite": ("sqlite:path.db", lambda text: _FILE.fullmatch(text) is not None),
    "redis": ("redis://host:6379/0", _is_redis),
}
