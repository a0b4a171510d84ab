"""Settings that name what the configuration declares elsewhere: routes, rollouts.

Whoever reads the settings of a plugin knows what is declared; whoever writes them says by an
annotation which texts are such names. So neither has to know the other.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from proxy.settings.problems import Finding, Loc, listed, nearest, shown
from proxy.settings.section import Section
from proxy.settings.shape import Shape, key_of, shape_of, shape_of_field

__all__ = ["Kind", "Named", "Names", "named_in", "undeclared"]

Kind = Literal["route", "rollout"]


@dataclass(frozen=True, slots=True)
class Names:
    """Stands in the annotation of text that is the name of something declared."""

    kind: Kind


class Named(NamedTuple):
    """A name, and where it stands."""

    loc: Loc
    kind: Kind
    name: str
    at_key: bool
    """Whether it is a key."""


def named_in(section: Section, base: Loc = ()) -> Iterator[Named]:
    """Yield all names in settings that were read, which stand at `base`, in order."""
    for field, info in type(section).model_fields.items():
        loc = base if field == section.flat else (*base, key_of(field, info))
        yield from _named(shape_of_field(info), getattr(section, field), loc)


def undeclared(
    loc: Loc, kind: str, name: str, known: Collection[str], *, at_key: bool = False
) -> Finding:
    """Return what is said of a name that nothing declared has."""
    wanted = f"the name of a declared {kind}: {listed(known)}" if known else f"a declared {kind}"
    hint = nearest(name, known) or f"declare it under {kind}s"
    return Finding(loc, wanted, hint, f"the name {shown(name)}" if at_key else "", at_key)


def _named(shape: Shape, value: Any, loc: Loc) -> Iterator[Named]:
    if isinstance(value, Section):
        yield from named_in(value, loc)
    elif isinstance(value, str):
        for kind in _kinds(shape):
            yield Named(loc, kind, value, at_key=False)
    elif isinstance(value, Mapping):
        yield from _in_mapping(_of_kind(shape, mapping=True), value, loc)
    elif isinstance(value, list | tuple):
        yield from _in_list(_of_kind(shape, mapping=False), value, loc)


def _in_mapping(shape: Shape | None, value: Mapping[Any, Any], loc: Loc) -> Iterator[Named]:
    if shape is None or not shape.item:
        return
    kinds = list(_kinds(shape_of(shape.arguments[0])))
    for key, item in value.items():
        for kind in kinds:
            yield Named((*loc, str(key)), kind, str(key), at_key=True)
        yield from _named(shape.item, item, (*loc, str(key)))


def _in_list(shape: Shape | None, value: Collection[Any], loc: Loc) -> Iterator[Named]:
    for index, item in enumerate(value):
        below = shape and shape.step(index)
        if below:
            yield from _named(below, item, (*loc, index))


def _kinds(shape: Shape) -> Iterator[Kind]:
    """The kinds of which a text of this shape is a name; none where it may be another text."""
    return (note.kind for note in shape.notes if isinstance(note, Names))


def _of_kind(shape: Shape, *, mapping: bool) -> Shape | None:
    """The shape, or that of several which is a mapping, or a list."""
    several = shape.choices or [shape]
    fits = (one for one in several if (one.is_mapping if mapping else one.is_list))
    return next(fits, None)
