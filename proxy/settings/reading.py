"""Reads a mapping into a model: the value, or every problem in words and with its place.

The configuration and the settings of plugins take the same road. A plugin's model may
use plain types where our own sections say how each scalar is read, so that its values
are validated strictly and pydantic's errors are put into our words.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from proxy.settings import again
from proxy.settings.fields import Expanded, NotTextError, is_number_word
from proxy.settings.places import Places, Spot
from proxy.settings.problems import (
    ConfigError,
    Finding,
    Loc,
    Problem,
    listed,
    nearest,
    printable,
    shown,
)
from proxy.settings.section import Section
from proxy.settings.shape import Shape, keys_of, shape_at, shape_of, written
from proxy.settings.values import UnfitError, network
from proxy.settings.words import NETWORKS, NUMBERS, SETS, counted

SectionT = TypeVar("SectionT", bound=Section)

_LONGEST_MESSAGE = 200
_LENGTHS = {"string_too_short", "string_too_long"}
_COUNTS = {"too_short", "too_long"}
_OWN_WORDS = {"value_error", "assertion_error"}
_SOMETHING = "something else"
_BOOLEAN_WORDS = {"true", "false", "yes", "no", "on", "off"}


@dataclass(frozen=True, slots=True)
class Reader(Generic[SectionT]):
    """Reads one mapping, which stands at `base` in the file, into `model`."""

    model: type[SectionT]
    places: Places
    base: Loc = ()
    beside: tuple[str, ...] = ()
    """Keys that stand in the mapping but are read by somebody else."""
    strict: bool = True
    """Whether plain annotations take nothing but their own kind of value."""

    def read(self, value: object) -> SectionT:
        """The model; raises ConfigError with every problem of the mapping."""
        section, findings = self.validate(value)
        if section is None:
            raise ConfigError(self.problem(finding) for finding in findings)
        return section

    def validate(self, value: object) -> tuple[SectionT | None, list[Finding]]:
        """The model, or what it has against the value."""
        try:
            return self._validated(value), []
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
        except Exception as error:
            wanted = "settings that the plugin's own code can read"
            hint = f"its validator raised {type(error).__name__}"
            return None, [Finding(self.base, wanted, hint)]
        secrets = _secrets(Shape(self.model, (), None), value)
        return None, [self._finding(detail, secrets) for detail in self._chosen(details)]

    def problem(self, finding: Finding) -> Problem:
        """The finding with its place in the file."""
        shape = self._shape(finding.loc)
        hidden = shape is None or shape.hidden
        return self.places.problem(finding, start=len(self.base), hidden=hidden)

    def _validated(self, value: object) -> SectionT:
        if not self.strict:
            return self.model.model_validate(value)
        folder = Path(self.places.file).parent if self.places.file else None
        return again.validated(self.model, value, folder)

    def _shape(self, loc: Loc) -> Shape | None:
        return shape_at(self.model, loc[len(self.base) :])

    def _shape_of_key(self, loc: Loc) -> Shape | None:
        mapping = self._shape(loc[:-1])
        free = mapping and mapping.is_mapping and mapping.arguments
        return shape_of(mapping.arguments[0]) if mapping and free else None

    def _chosen(self, details: Iterable[Any]) -> list[Any]:
        """One detail for each place; of several types that were tried, that which fits best."""
        single: list[Any] = []
        tried: dict[Loc, list[Any]] = {}
        for detail in details:
            loc, choice = written(self.model, detail["loc"])
            placed = {**detail, "loc": (*self.base, *loc)}
            if choice is None:
                single.append(placed)
            else:
                tried.setdefault((*self.base, *choice), []).append(placed)
        for choice, several in tried.items():
            deeper = [detail for detail in several if detail["loc"] != choice]
            own = [detail for detail in several if detail["type"] in _OWN_WORDS]
            single += deeper or own[:1] or [{"type": "choice", "loc": choice}]
        return single

    def _finding(self, detail: Any, secrets: set[str]) -> Finding:
        loc: Loc = detail["loc"]
        unknown = detail["type"] == "extra_forbidden"
        # What pydantic calls a mapping's key; an unknown key may be written so by chance.
        at_key = bool(loc) and loc[-1] == "[key]" and not unknown
        if at_key:
            loc = loc[:-1]
        cause = detail.get("ctx", {}).get("error")
        if isinstance(cause, UnfitError):
            said = cause.said or (f"the name {shown(str(loc[-1]))}" if at_key else "")
            not_text = isinstance(cause, NotTextError)
            return Finding(loc, cause.wanted, cause.hint, said, at_key, not_text)
        if unknown:
            return self._unknown_key(loc)
        if detail["type"] == "missing":
            return self._missing(loc)
        return self._unfit(detail, loc, secrets, at_key=at_key)

    def _unknown_key(self, loc: Loc) -> Finding:
        key = str(loc[-1])
        parent = self._shape(loc[:-1])
        shapes = [parent, *parent.choices] if parent else []
        sections = [shape.section for shape in shapes if shape.section]
        known = list(dict.fromkeys(key for section in sections for key in keys_of(section)))
        beside = self.beside if len(loc) == len(self.base) + 1 else ()
        said = f"the unknown key {shown(key)}"
        wanted = f"one of {listed(known)}" if len(known) > 1 else f"the key {listed(known)}"
        hint = nearest(key, [*known, *beside])
        return Finding(loc, wanted if known else "no settings", hint, said, at_key=True)

    def _missing(self, loc: Loc) -> Finding:
        if isinstance(loc[-1], int):
            return Finding(loc[:-1], self._wanted(loc[:-1]), said="fewer entries")
        key, spot = str(loc[-1]), self.places.spot(self.base)
        hint = f"add the key {shown(key)}"
        if self.base and spot.kind == "text" and len(loc) == len(self.base) + 1:
            hint = f"write {{{shown(spot.text)}: {{{shown(key)}: ...}}}}"
        return Finding(loc, self._wanted(loc), hint)

    def _wanted(self, loc: Loc) -> str:
        shape = self._shape(loc)
        return shape.wanted() if shape else _SOMETHING

    def _unfit(self, detail: Any, loc: Loc, secrets: set[str], *, at_key: bool) -> Finding:
        """A value of another kind than wanted, or out of bounds, or refused by a validator."""
        kind = detail["type"]
        said = f"the name {shown(str(loc[-1]))}" if at_key else ""
        if kind in _OWN_WORDS:
            wanted = _asked(str(detail["ctx"]["error"]), secrets)
            return Finding(loc, wanted, said=said, at_key=at_key)
        shape = self._shape_of_key(loc) if at_key else self._shape(loc)
        wanted = shape.wanted() if shape else _SOMETHING
        if wanted == _SOMETHING and "msg" in detail:
            wanted = _asked(detail["msg"].removeprefix("Input should be "), secrets)
        if kind == "finite_number":
            wanted = "a finite number"
        if at_key:
            return Finding(loc, wanted, said=said, at_key=True)
        said = self._length(detail, loc, shape) if kind in _LENGTHS | _COUNTS else ""
        spot = self.places.spot(self.places.locate(loc, len(self.base))[0])
        if shape and shape.item and shape.base in SETS and not said and spot.kind == "list":
            return Finding(loc, f"a list with nothing but {shape.item.wanted()}")
        hint = _hint(spot, shape, wanted)
        if spot.kind == "nothing" and len(loc) > len(self.base):
            hint = f"fill in or leave out the key {shown(str(loc[-1]))}"
        return Finding(loc, wanted, hint, said, not_text=kind == "string_type")

    def _length(self, detail: Any, loc: Loc, shape: Shape | None) -> str:
        if detail["type"] in _LENGTHS:
            return "" if self.places.spot(loc).text else "empty text"
        length = detail["ctx"]["actual_length"]
        if shape and not shape.is_list and not shape.is_mapping:
            return f"text of {counted(length, 'character')}"
        return counted(length, "entry")


def _hint(spot: Spot, shape: Shape | None, wanted: str) -> str:
    """How to write what was written wrong, if that can be seen."""
    if shape is None or (spot.kind == "text" and "${" in spot.text):
        return ""
    if shape.choices:
        hints = (_hint(spot, choice, wanted) for choice in shape.choices if not choice.is_list)
        return next((hint for hint in hints if hint), "")
    if shape.is_list and spot.kind == "mapping":
        return "begin each entry with a dash"
    if shape.is_list and spot.kind in ("text", "number", "boolean"):
        return "put it in brackets" if shape.hidden else f"write [{shown(spot.text)}]"
    if spot.kind != "text":
        return ""
    if shape.base in NETWORKS:
        return _network_hint(spot.text)
    wants_number = shape.base in NUMBERS and is_number_word(spot.text)
    if wants_number or (shape.base is bool and spot.text.lower() in _BOOLEAN_WORDS):
        return "write it without quotes"
    one_of, _, choices = wanted.partition("one of ")
    return "" if one_of else nearest(spot.text, choices.split(", "))


def _network_hint(text: str) -> str:
    try:
        network(text)
    except UnfitError as error:
        return error.hint
    return ""


def read_plain(model: type[SectionT], value: object, loc: Loc = ()) -> SectionT:
    """Read a mapping that came out of no file; raises ConfigError without lines and columns."""
    return Reader(model, Places.of(value, loc), loc).read(value)


def _asked(message: str, secrets: set[str]) -> str:
    """What a validator said, on one short line and without any secret of these settings."""
    for secret in sorted(secrets, key=len, reverse=True):
        message = message.replace(secret, "***")
    text = printable(" ".join(message.split()))
    if len(text) > _LONGEST_MESSAGE:
        text = f"{text[:_LONGEST_MESSAGE]}..."
    return f"what the plugin asks: {text.removesuffix('.') or 'another value'}"


def _secrets(shape: Shape | None, value: object) -> set[str]:
    """The texts that no message may hold: of hidden fields, unknown keys, the environment."""
    if isinstance(value, dict):
        below = (_secrets(shape and shape.step(str(key)), item) for key, item in value.items())
        return set().union(*below)
    if isinstance(value, list | tuple):
        items = (_secrets(shape and shape.step(i), item) for i, item in enumerate(value))
        return set().union(*items)
    secret = shape is None or shape.hidden or isinstance(value, Expanded)
    return {str(value)} if secret and isinstance(value, str) and len(value) >= 4 else set()
