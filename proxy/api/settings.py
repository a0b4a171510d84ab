"""The settings of a plugin: a mapping in the configuration, read into a typed model.

Settings are pydantic models that guess nothing: unknown keys are errors with the nearest
right name, and every problem is told with file, line and column. Besides the types
below, `str`, `int`, `float`, `bool`, `tuple[...]`, `dict[str, ...]`, `Literal[...]` and
other settings can be used.
"""

from typing import Annotated

from pydantic import ConfigDict, Field, SecretStr

from proxy.settings import fields
from proxy.settings.section import Section

__all__ = ["Duration", "Period", "Secret", "Settings", "Size", "setting"]


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
