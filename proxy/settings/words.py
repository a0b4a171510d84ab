"""Types in words: what is wanted where a model says `int` and not how it is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Any

from pydantic import SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from proxy.settings.problems import listed

SETS = (set, frozenset, AbstractSet)
LISTS = (tuple, list, Sequence, *SETS)
MAPPINGS = (dict, Mapping, MutableMapping)

NUMBERS: dict[Any, str] = {int: "a whole number", float: "a number"}
SECRETS = (SecretStr, SecretBytes)
NETWORKS = (IPv4Network, IPv6Network)
_OTHERS: dict[Any, str] = {
    bool: "true or false",
    Path: "a path",
    IPv4Address: "an IPv4 address",
    IPv6Address: "an IPv6 address",
    IPv4Network: "a network such as 10.0.0.0/8",
    IPv6Network: "a network such as fd00::/8",
}
_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length", "pattern")


def flattened(metadata: Iterable[Any]) -> Iterator[Any]:
    """The notes of an annotation; pydantic's `Field(...)` stands for those inside it."""
    for note in metadata:
        if isinstance(note, FieldInfo):
            yield from flattened(note.metadata)
        else:
            yield note


def bounds_of(notes: Iterable[Any]) -> dict[str, Any]:
    """The bounds that an annotation sets, by their names in pydantic."""
    found: dict[str, Any] = {}
    for note in notes:
        for name in _BOUNDS:
            value = getattr(note, name, None)
            if value is not None:
                found[name] = value
    return found


def of_type(base: Any, bounds: Mapping[str, Any]) -> str:
    """A type with its bounds, in words."""
    if base in NUMBERS:
        return NUMBERS[base] + _range(bounds)
    if base is str:
        pattern = bounds.get("pattern")
        matching = f" that matches {getattr(pattern, 'pattern', pattern)}" if pattern else ""
        return f"text{_count(bounds, 'character')}{matching}"
    if base in SECRETS:
        return f"a secret{_count(bounds, 'character')}"
    if base in LISTS:
        return "a list" + _count(bounds, "entry")
    if base in MAPPINGS:
        return "a mapping" + _count(bounds, "entry")
    if isinstance(base, type) and issubclass(base, Enum):
        return one_of([member.value for member in base])
    return _OTHERS.get(base) or "something else"


def read(kind: str, base: Any, bounds: Mapping[str, Any], write: Callable[[Any], str]) -> str:
    """What a `Reads` takes, in words; with bounds, no examples, which may lie outside of them."""
    if base in NUMBERS:
        said = _range({name: write(bound) for name, bound in bounds.items()})
    else:
        said = _count(bounds, "character")
    return f"{kind.partition(' such as ')[0]}{said}" if said else kind


def one_of(choices: Iterable[Any]) -> str:
    """The values of which one is wanted."""
    said = [str(choice).lower() if isinstance(choice, bool) else str(choice) for choice in choices]
    return said[0] if len(said) == 1 else f"one of {listed(said)}"


def _range(bounds: Mapping[str, Any]) -> str:
    least, most = bounds.get("ge"), bounds.get("le")
    if least is not None and most is not None:
        text = f" from {least} to {most}"
    else:
        parts = [
            f" {word} {bounds[name]}"
            for name, word in (
                ("ge", "of at least"),
                ("gt", "above"),
                ("le", "of at most"),
                ("lt", "below"),
            )
            if name in bounds
        ]
        text = " and".join(parts)
    return text + (f" in steps of {bounds['multiple_of']}" if "multiple_of" in bounds else "")


def _count(bounds: Mapping[str, Any], thing: str) -> str:
    least, most = bounds.get("min_length"), bounds.get("max_length")
    if least and most is not None:
        return f" of {least} to {counted(most, thing)}"
    if most is not None:
        return f" of at most {counted(most, thing)}"
    return f" of at least {counted(least, thing)}" if least else ""


def counted(number: int, thing: str) -> str:
    """`1 entry`, `2 entries`."""
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing[:-1] + 'ies' if thing.endswith('y') else thing + 's'}"
