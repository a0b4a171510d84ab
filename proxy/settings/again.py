"""Strict validation of what YAML said: kinds that YAML does not have are read once more.

YAML has no tuples, sets, paths or addresses, and the environment has nothing but text.
Pydantic, when strict, refuses what stands for them; where it did, the value is turned
into what was wanted, if it can be, and all is validated again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from proxy.settings.fields import Expanded, flag, number
from proxy.settings.problems import Loc
from proxy.settings.section import Section
from proxy.settings.shape import Shape, shape_at, written
from proxy.settings.words import NETWORKS

SectionT = TypeVar("SectionT", bound=Section)

_MOST_PASSES = 32
_FROM_TEXT = (IPv4Address, IPv6Address, *NETWORKS)
_FLAG = flag()
_NUMBER = number()


def validated(model: type[SectionT], value: object, folder: Path | None = None) -> SectionT:
    """The value as a model, strictly; raises ValidationError.

    Relative paths are taken from `folder`, if there is one.
    """
    for _ in range(_MOST_PASSES):
        try:
            return model.model_validate(value, strict=True)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        refused = (written(model, detail["loc"])[0] for detail in details)
        changed = _Turn(_wanted(model, refused), folder).below(value, ())
        if changed is value:
            break
        value = changed
    return model.model_validate(value, strict=True)


def _wanted(model: type[Section], places: Iterable[Loc]) -> dict[Loc, Shape]:
    return {loc: shape for loc in places if (shape := shape_at(model, loc)) is not None}


@dataclass(frozen=True, slots=True)
class _Turn:
    """Turns what stands at these places into what is wanted there, where that can be done."""

    wanted: dict[Loc, Shape]
    folder: Path | None

    def below(self, value: object, loc: Loc) -> object:
        """The value, turned with all below it; the same object where nothing changed."""
        built: Any = value
        if isinstance(value, dict):
            built = {key: self.below(item, (*loc, key)) for key, item in value.items()}
            changed = any(built[key] is not item for key, item in value.items())
        elif isinstance(value, list | tuple):
            built = type(value)(self.below(item, (*loc, i)) for i, item in enumerate(value))
            changed = any(new is not old for new, old in zip(built, value, strict=True))
        else:
            changed = False
        shape = self.wanted.get(loc)
        built = built if changed else value
        return self._turned(built, shape) if shape else built

    def _turned(self, value: object, shape: Shape) -> object:
        for choice in shape.choices or [shape]:
            if isinstance(value, list):
                turned = _from_list(value, choice)
            elif isinstance(value, str) and not choice.reads:
                turned = self._from_text(value, choice)
            else:
                return value
            if turned is not value:
                return turned
        return value

    def _from_text(self, value: str, shape: Shape) -> object:
        try:
            if shape.base is Path:
                return Path(value) if self.folder is None else (self.folder / value).absolute()
            if shape.base in _FROM_TEXT or _is_enum(shape.base):
                return shape.base(value)
            if isinstance(value, Expanded):
                return _from_environment(value, shape)
        except ValueError:
            pass
        return value


def _from_list(value: list[Any], shape: Shape) -> object:
    if shape.base is tuple:
        return tuple(value)
    if shape.base in (set, frozenset) and all(isinstance(item, str | int) for item in value):
        return shape.base(value)
    return value


def _is_enum(base: Any) -> bool:
    return isinstance(base, type) and issubclass(base, Enum)


def _from_environment(value: Expanded, shape: Shape) -> object:
    """Text of the environment, which knows nothing else, as a number or a boolean."""
    if shape.base is bool:
        return _FLAG.parse(value)
    if shape.base is float:
        return _NUMBER.parse(value)
    if shape.base is int:
        return int(value) if len(value) < 16 and "_" not in value else value
    if shape.base is Literal:
        return next((choice for choice in shape.arguments if str(choice) == value), value)
    return value
