"""Who is asked about: keys and attributes as others send them, in the words of the proxy."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StrictStr

from proxy.core.identity import Identity
from proxy.core.key import normalise_value

__all__ = ["MOST_ATTRIBUTES", "MOST_LETTERS", "AskedKey", "Attributes", "caller", "spelt"]

MOST_ATTRIBUTES: Final = 100
"""So many attributes can be told of a caller."""

MOST_LETTERS: Final = 4096
"""So long may a key or an attribute's value be."""

_EXACT = 2**53
_SOURCE = "asked"

AskedKey = Annotated[StrictStr, Field(max_length=MOST_LETTERS)]
_Value = Annotated[StrictStr, Field(max_length=MOST_LETTERS)] | StrictBool | StrictInt | StrictFloat
Attributes = Annotated[
    dict[Annotated[str, Field(max_length=100)], _Value], Field(max_length=MOST_ATTRIBUTES)
]
"""Attribute -> text, number or boolean; numbers and booleans count as the text of a header."""


def spelt(value: Any) -> str | None:
    """Return an attribute's value as a header field would carry it, or None for a structure.

    A whole number has no fraction, since JSON does not tell 30 from 30.0.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value) if isinstance(value, int | float) else None


def caller(key: str, attributes: Mapping[str, Any], *, verified: bool, lower: bool) -> Identity:
    """Return the caller with this key (empty: without one) and these attributes.

    What has no spelling is left out: an attribute that is not there meets no condition.
    """
    found = dict(_spelt_all(attributes.items()))
    normal = normalise_value(key, lower=lower)
    return Identity(normal, _SOURCE if normal else None, verified and normal is not None, found)


def _spelt_all(items: Iterable[tuple[str, Any]]) -> Iterable[tuple[str, str]]:
    for name, value in items:
        text = spelt(value)
        if text is not None:
            yield name, text
