"""Expansion of `${VAR}` and `${VAR:-default}` inside a scalar.

It happens after the YAML was parsed, so a variable's value can never become
structure. `$$` is one dollar sign; a dollar sign before anything else stands
for itself. A default is taken where the variable is unset or empty, as in a
shell; it cannot contain `}` and is not expanded itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

_PIECE = re.compile(r"\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{")
_DEFAULT = re.compile(r"(\$\{[A-Za-z_][A-Za-z0-9_]*:-)[^}]*\}")


@dataclass(slots=True)
class Expansion:
    """What became of a text."""

    text: str = ""
    used: dict[str, str] = field(default_factory=dict)
    """The variables that were looked up, with their values (empty: unset)."""
    unset: list[str] = field(default_factory=list)
    """The variables that have neither a value nor a default."""
    malformed: bool = False
    """Whether a `${` begins nothing."""


def expand(text: str, env: Mapping[str, str]) -> Expansion:
    """Expand the variables in the text."""
    result = Expansion()

    def replace(piece: re.Match[str]) -> str:
        name, default = piece[1], piece[2]
        if piece[0] == "$$":
            return "$"
        if name is None:
            result.malformed = True
            return ""
        value = env.get(name)
        result.used[name] = value or ""
        if default is not None:
            return value or default
        if value is None:
            result.unset.append(name)
        return value or ""

    result.text = _PIECE.sub(replace, text)
    return result


def without_defaults(text: str) -> str:
    """The text with what stands after each `:-` left out: a default may be a secret."""
    return _DEFAULT.sub(r"\1...}", text)
