"""How a scalar of the configuration is read: from what YAML said to a typed value.

A `Reads` in a field's annotation replaces pydantic's own coercion, so that
nothing is guessed: `"5"` is no number, `no` is no name, `2` is no duration.
Only text that came out of the environment (`Expanded`) is read as a number or
a boolean where one is wanted, since the environment knows nothing but text.

A `Reads` also says its kind and bounds in words; the reference is made of them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import AfterValidator, GetCoreSchemaHandler, SecretStr
from pydantic_core import CoreSchema, core_schema

from proxy.settings import values
from proxy.settings.values import UnfitError

_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_BOUNDED = (int, float, str, SecretStr)


class Expanded(str):
    """Text into which an environment variable was expanded."""

    __slots__ = ()


class NotTextError(UnfitError):
    """A value that YAML did not read as text, where text was wanted: quoting helps."""


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads one scalar.

    `parse` turns what YAML said into the value or raises `UnfitError`; `kind` and
    `bounds` say in words what it takes; a `hidden` value is never shown; `write` says
    a value as `parse` reads it.
    """

    parse: Callable[[object], object]
    kind: str
    bounds: str = ""
    hidden: bool = False
    write: Callable[[Any], str] = str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Let `parse` read, and whatever else was annotated judge what it read."""
        schema = core_schema.no_info_plain_validator_function(self.parse)
        if source in _BOUNDED:
            # A plugin's `x: Size = setting(ge=...)` has its bounds inside, where nobody asks.
            return core_schema.chain_schema([schema, handler(source)])
        return schema


def text(kind: str, read: Callable[[str], object] = str, *, longest: int = 4096) -> Reads:
    """Non-empty text, then `read`."""

    def parse(value: object) -> object:
        return read(_text(value, kind, longest))

    return Reads(parse, kind)


def name(kind: str) -> Reads:
    """A name: 1 to 64 letters, digits, `.`, `_` or `-`, beginning with a letter or digit."""
    bounds = "1 to 64 letters, digits, `.`, `_` or `-`"

    def parse(value: object) -> str:
        if isinstance(value, bool | int | float):
            raise NotTextError(kind)
        said = _text(value, kind, 64)
        if not said.isascii() or not said[0].isalnum() or not _name_body(said):
            raise UnfitError(
                f"{kind} of letters, digits, dots, dashes, beginning with a letter or digit"
            )
        return str(said)

    return Reads(parse, kind, bounds)


def choice(*words: str) -> Reads:
    """One of the words."""
    listed = ", ".join(words)

    def parse(value: object) -> str:
        wanted = words[0] if len(words) == 1 else f"one of {listed}"
        if not isinstance(value, str) or value not in words:
            raise UnfitError(wanted, _same_but_for_case(value, words))
        return str(value)

    return Reads(parse, f"one of {listed}", ", ".join(f"`{word}`" for word in words))


def flag() -> Reads:
    """True or false."""

    def parse(value: object) -> bool:
        if isinstance(value, Expanded) and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        if not isinstance(value, bool):
            raise UnfitError("true or false")
        return value

    return Reads(parse, "true or false")


def whole(lowest: int, highest: int) -> Reads:
    """A whole number within bounds (both included)."""
    wanted = f"a whole number from {lowest} to {highest}"

    def parse(value: object) -> int:
        number = value
        if isinstance(value, Expanded) and value.isascii() and value.isdigit() and len(value) < 16:
            number = int(value)
        if isinstance(number, bool) or not isinstance(number, int):
            raise UnfitError(wanted, _unquote_hint(value))
        if not lowest <= number <= highest:
            raise UnfitError(wanted)
        return number

    return Reads(parse, "a whole number", f"{lowest} to {highest}")


def number(
    lowest: float = -math.inf, highest: float = math.inf, *, thousandths: bool = False
) -> Reads:
    """A finite number within bounds (both included), in steps of 0.001 where asked."""
    bounded = math.isfinite(lowest)
    wanted = f"a number from {lowest:g} to {highest:g}" if bounded else "a number"
    bounds = f"{lowest:g} to {highest:g}" if bounded else ""
    if thousandths:
        wanted, bounds = f"{wanted} with at most three decimals", f"{bounds} in steps of 0.001"

    def parse(value: object) -> float:
        said = _number(value)
        if said is None:
            raise UnfitError(wanted, _unquote_hint(value))
        if not math.isfinite(said) or not lowest <= said <= highest:
            raise UnfitError(wanted)
        if thousandths and not values.three_decimals(said):
            raise UnfitError(wanted)
        return said

    return Reads(parse, "a number", bounds)


def duration(lowest: str, highest: str) -> Reads:
    """Seconds, written with a unit, within bounds (both included)."""
    least, most = values.duration(lowest), values.duration(highest)

    def parse(value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool):
            hint = f'add the unit: {value} -> "{value}s"' if abs(value) < 1e9 else ""
            raise UnfitError(values.A_DURATION, hint)
        seconds = values.duration(_text(value, values.A_DURATION, 32))
        if not least <= seconds <= most:
            raise UnfitError(f"a duration from {lowest} to {highest}")
        return seconds

    bounds = f"{lowest} to {highest}"
    return Reads(parse, values.A_DURATION, bounds, write=values.written_duration)


def size(lowest: str, highest: str) -> Reads:
    """Bytes, written with a unit, within bounds (both included)."""
    least, most = values.size(lowest), values.size(highest)

    def parse(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool):
            written = values.written_size(value)
            hint = f'add the unit: {value} -> "{written}"' if abs(value) < 1e15 else ""
            raise UnfitError(values.A_SIZE, hint)
        count = values.size(_text(value, values.A_SIZE, 32))
        if not least <= count <= most:
            raise UnfitError(f"a size from {lowest} to {highest}")
        return count

    return Reads(parse, values.A_SIZE, f"{lowest} to {highest}", write=values.written_size)


def plain(kind: str, *, shortest: int = 0, longest: int, hidden: bool = False) -> Reads:
    """Text that is taken as its decimal digits where YAML read a whole number."""
    lengths = f"{shortest} to {longest}" if shortest else f"at most {longest}"
    bounds = f"{lengths} characters"

    def parse(value: object) -> str:
        said = plain_text(value)
        if said is None:
            raise NotTextError(kind)
        if not shortest <= len(said) <= longest:
            raise UnfitError(f"{kind} of {bounds}", said=_length(len(said)))
        return said

    return Reads(parse, kind, bounds, hidden)


def header_value() -> Reads:
    """A header's whole value: visible ASCII, spaces inside allowed; RFC 9110 section 5.5."""

    def parse(value: object) -> str:
        said = plain_text(value)
        if said is None:
            raise NotTextError("a header value")
        if said != said.strip() or not said.isascii() or (said and not said.isprintable()):
            raise UnfitError("a header value of visible ASCII characters, no space around it")
        if len(said) > 8192:
            raise UnfitError("a header value of at most 8192 characters")
        return said

    return Reads(parse, "a header value", "visible ASCII", hidden=True)


def secret(kind: str, shortest: int, longest: int = 16384) -> Reads:
    """Text that is never shown."""
    few = f"{shortest} character{'' if shortest == 1 else 's'}"

    def parse(value: object) -> SecretStr:
        if not isinstance(value, str):
            raise NotTextError(kind)
        if not shortest <= len(value) <= longest:
            raise UnfitError(f"{kind} of at least {few}", said=_length(len(value)))
        return SecretStr(str(value))

    return Reads(parse, kind, f"at least {few}", hidden=True)


def salt() -> Reads:
    """Text of 1 to 64 bytes in UTF-8."""

    def parse(value: object) -> str:
        said = plain_text(value)
        if said is None:
            raise NotTextError("a salt")
        if not 1 <= len(said.encode()) <= 64:
            raise UnfitError("a salt of 1 to 64 bytes", said=_length(len(said)))
        return said

    return Reads(parse, "a salt", "1 to 64 bytes of UTF-8")


def file(kind: str = "the path of a file") -> Reads:
    """A path; one that is not absolute is taken from the configuration's folder."""

    def parse(value: object) -> Path:
        said = _text(value, kind, 4096)
        if "\0" in said:
            raise UnfitError(kind)
        return Path(said)

    return Reads(parse, kind)


def some(what: str) -> AfterValidator:
    """At least one entry."""

    def check(value: Any) -> Any:
        if not value:
            raise UnfitError(f"at least one {what}", said="none")
        return value

    return AfterValidator(check)


def plain_text(value: object) -> str | None:
    """The text of a string, or of a whole number its decimal digits; None for anything else."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def is_number_word(text: str) -> bool:
    """Whether the text would be a number without its quotes."""
    return _expanded_number(Expanded(text)) is not None


def _text(value: object, kind: str, longest: int) -> str:
    if not isinstance(value, str):
        raise UnfitError(kind)
    if not value:
        raise UnfitError(kind, said="empty text")
    if len(value) > longest:
        raise UnfitError(f"{kind} of at most {longest} characters", said=_length(len(value)))
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Expanded):
        return _expanded_number(value)
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e15 else math.inf
    return None


def _expanded_number(value: Expanded) -> float | None:
    try:
        return None if "_" in value else float(value)
    except ValueError:
        return None


def _name_body(said: str) -> bool:
    return all(letter.isalnum() or letter in "._-" for letter in said)


def _same_but_for_case(value: object, words: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        return ""
    same = [word for word in words if word.lower() == value.lower()]
    return f"write {same[0]}" if same else ""


def _length(characters: int) -> str:
    return f"text of {characters} characters" if characters else "empty text"


def _unquote_hint(value: object) -> str:
    if isinstance(value, Expanded) or not isinstance(value, str):
        return ""
    if value.endswith("%") and _expanded_number(Expanded(value[:-1])) is not None:
        return "leave out the %"
    return "write it without quotes" if is_number_word(value) else ""
