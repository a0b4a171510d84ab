"""What the models want at each place: walks annotations, for messages and for the reference."""

import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from proxy.settings import words
from proxy.settings.fields import Reads
from proxy.settings.problems import Loc
from proxy.settings.section import Section

FREE_KEY = "<name>"
"""Stands for the keys that a section's `flat` field takes."""

_UNIONS = (Union, types.UnionType)


class Shape(NamedTuple):
    """A type without its wrappings: a Section, `dict` or `tuple` with arguments, or a scalar.

    Of a type that may also be None it is the rest; of several types it is `Union`.
    """

    base: Any
    arguments: tuple[Any, ...]
    reads: Reads | None
    notes: tuple[Any, ...] = ()
    """What else was annotated, such as bounds."""

    @property
    def section(self) -> type[Section] | None:
        """The model, where the value is a mapping with fixed keys."""
        if not self.reads and isinstance(self.base, type) and issubclass(self.base, Section):
            return self.base
        return None

    @property
    def item(self) -> "Shape | None":
        """The shape of a list's entries or of a mapping's values, where keys are free."""
        if self.reads or not self.arguments:
            return None
        if self.is_mapping:
            return shape_of(self.arguments[-1])
        return shape_of(self.arguments[0]) if self.is_list else None

    @property
    def is_list(self) -> bool:
        """Whether it is written as a list."""
        return not self.reads and self.base in words.LISTS

    @property
    def is_mapping(self) -> bool:
        """Whether it is written as a mapping with free keys."""
        return not self.reads and self.base in words.MAPPINGS

    @property
    def entries(self) -> int | None:
        """How many entries a list must have whose entries differ in type; else None."""
        if self.reads or self.base is not tuple or not self.arguments:
            return None
        return None if Ellipsis in self.arguments else len(self.arguments)

    @property
    def choices(self) -> "list[Shape]":
        """The shapes of several types, any of which is taken; empty for one type."""
        if self.reads or self.base is not Union:
            return []
        return [shape_of(argument) for argument in self.arguments]

    @property
    def hidden(self) -> bool:
        """Whether a secret is, or may by mistake be, written here."""
        if self.reads:
            return self.reads.hidden
        if self.section:
            return any(field.hidden for _, _, field in fields_of(self.section))
        if self.choices:
            return any(choice.hidden for choice in self.choices)
        return self.base in words.SECRETS or bool(self.item and self.item.hidden)

    def step(self, step: str | int) -> "Shape | None":
        """The shape below a key or an index; None for an unknown key."""
        if self.section:
            return _step_into(self.section, str(step))
        if self.choices:
            below = (choice.step(step) for choice in self.choices)
            return next((shape for shape in below if shape), None)
        if isinstance(step, int) != self.is_list:
            return None
        if self.entries is not None and isinstance(step, int):
            return shape_of(self.arguments[step]) if step < self.entries else None
        return self.item

    def wanted(self) -> str:
        """What is wanted here, in words."""
        bounds = words.bounds_of(self.notes)
        if self.reads:
            return words.read(self.reads.kind, self.base, bounds, self.reads.write)
        if self.section:
            keys = [key for key, _, _ in fields_of(self.section)]
            return f"a mapping with {', '.join(keys)}" if keys else "a mapping without keys"
        if self.choices:
            return " or ".join(dict.fromkeys(choice.wanted() for choice in self.choices))
        if self.base is Literal:
            return words.one_of(self.arguments)
        if self.entries is not None:
            return f"a list of {words.counted(self.entries, 'entry')}"
        return words.of_type(self.base, bounds)


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return shape_of(inner, (*metadata, *more))
    if origin in _UNIONS:
        several = tuple(arg for arg in get_args(annotation) if arg is not type(None))
        if len(several) == 1:
            return shape_of(several[0], metadata)
        origin, annotation = Union, Union[several]  # noqa: UP007 - made at run time
    notes = tuple(words.flattened(metadata))
    reads = next((note for note in notes if isinstance(note, Reads)), None)
    return Shape(origin or annotation, get_args(annotation), reads, notes)


def shape_of_field(info: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return shape_of(info.annotation, tuple(info.metadata))


def fields_of(section: type[Section]) -> Iterator[tuple[str, FieldInfo, Shape]]:
    """The keys of a section, in order, each with its field and its shape."""
    for name, info in section.model_fields.items():
        shape = shape_of_field(info)
        if name != section.flat:
            yield key_of(name, info), info, shape
        elif shape.item:
            yield FREE_KEY, info, shape.item


def keys_of(section: type[Section]) -> Mapping[str, FieldInfo]:
    """The keys that a section has by name, as they are written, each with its field."""
    named = ((name, info) for name, info in section.model_fields.items() if name != section.flat)
    return {key_of(name, info): info for name, info in named}


def shape_at(top: type[Section], loc: Loc) -> Shape | None:
    """The shape at a place below a model; None where the models know no such place."""
    shape: Shape | None = Shape(top, (), None)
    for step in loc:
        if shape is None:
            return None
        shape = shape.step(step)
    return shape


def written(top: type[Section], loc: Loc) -> tuple[Loc, Loc | None]:
    """A place as pydantic tells it becomes one as it is written; and where a choice began.

    Pydantic names the field that takes free keys, which the file does not; where one of
    several types is wanted, it names the one that it tried; of a set it counts the
    entries in no order that the file knows.
    """
    shape: Shape | None = Shape(top, (), None)
    walked: Loc = ()
    choice: Loc | None = None
    tried = False
    for step in loc:
        section = shape.section if shape else None
        if tried:
            tried = False
        elif section and section.flat and section.flat == step:
            shape = shape_of_field(section.model_fields[section.flat])
        elif shape and shape.base in words.SETS:
            break
        else:
            walked, shape = (*walked, step), shape and shape.step(step)
            if shape and shape.choices:
                choice, tried = walked if choice is None else choice, True
    return walked, choice


def _step_into(section: type[Section], key: str) -> Shape | None:
    info = keys_of(section).get(key)
    if info:
        return shape_of_field(info)
    free = section.model_fields.get(section.flat)
    return shape_of_field(free).item if free else None


def key_of(name: str, info: FieldInfo) -> str:
    """How a field's key is written."""
    return info.validation_alias if isinstance(info.validation_alias, str) else name
