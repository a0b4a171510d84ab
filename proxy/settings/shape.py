"""What the models want at each place: walks annotations, for messages and for the reference."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from proxy.settings.fields import Reads
from proxy.settings.problems import Loc
from proxy.settings.section import Section


class Shape(NamedTuple):
    """A type without its wrappings: a Section, `dict` or `tuple` with arguments, or a scalar."""

    base: Any
    arguments: tuple[Any, ...]
    reads: Reads | None

    @property
    def section(self) -> type[Section] | None:
        """The model, where the value is a mapping with fixed keys."""
        if isinstance(self.base, type) and issubclass(self.base, Section):
            return self.base
        return None

    @property
    def item(self) -> "Shape | None":
        """The shape of a list's entries or of a mapping's values, where keys are free."""
        if self.base is dict:
            return shape_of(self.arguments[1])
        return shape_of(self.arguments[0]) if self.base is tuple else None

    @property
    def hidden(self) -> bool:
        """Whether a secret is, or may by mistake be, written here."""
        if self.reads:
            return self.reads.hidden
        if self.section:
            return any(field.hidden for _, _, field in fields_of(self.section))
        return bool(self.item and self.item.hidden)

    def step(self, step: str | int) -> "Shape | None":
        """The shape below a key or an index; None for an unknown key."""
        if self.section:
            info = self.section.model_fields.get(str(step))
            return shape_of_field(info) if info else None
        return self.item

    def wanted(self) -> str:
        """What is wanted here, in words."""
        if self.reads:
            return self.reads.kind
        if self.section:
            return f"a mapping with {', '.join(self.section.model_fields)}"
        return "a list" if self.base is tuple else "a mapping"


def shape_of(annotation: Any, metadata: tuple[Any, ...] = ()) -> Shape:
    """The shape of an annotation."""
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        return shape_of(inner, (*metadata, *more))
    if origin in (Union, types.UnionType):
        chosen = next(arg for arg in get_args(annotation) if arg is not type(None))
        return shape_of(chosen, metadata)
    reads = next((note for note in metadata if isinstance(note, Reads)), None)
    return Shape(origin or annotation, get_args(annotation), reads)


def shape_of_field(info: FieldInfo) -> Shape:
    """The shape of a model's field."""
    return shape_of(info.annotation, tuple(info.metadata))


def fields_of(section: type[Section]) -> Iterator[tuple[str, FieldInfo, Shape]]:
    """The keys of a section, in order, each with its field and its shape."""
    for name, info in section.model_fields.items():
        yield name, info, shape_of_field(info)


def shape_at(top: type[Section], loc: Loc) -> Shape | None:
    """The shape at a place below a model; None where the models know no such place."""
    shape: Shape | None = Shape(top, (), None)
    for step in loc:
        if shape is None:
            return None
        shape = shape.step(step)
    return shape
