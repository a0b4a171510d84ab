"""Header fields as a plugin sees and edits them: text, names without case.

Values are read as Latin-1, so that every byte that HTTP allows comes through and goes out
again unchanged (RFC 9110 section 5.5). An edit is checked where it is made; fields that
frame the message or speak of one connection only, and those that the proxy writes
itself, are not a plugin's to set.
"""

import re
from collections.abc import Iterable, Iterator

from proxy.core.field import Field, Kind, joined, kind_of, name_is_token

__all__ = ["EditableHeaders", "HeaderError", "Headers", "written"]

_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*+")
_PROXYS = int(Kind.HOP_BY_HOP | Kind.FORWARDED | Kind.ID | Kind.EXPOSED)
# These frame the message or are the relay's business for another reason.
_KEPT = frozenset((b"content-length", b"expect", b"host", b"trailer", b"via"))
_MOST_MADE = 1024
_LONGEST_MADE = 256
_made: dict[tuple[str, str], Field] = {}


class HeaderError(ValueError):
    """A header that a plugin may not write, or that is not written as HTTP asks.

    The text names the header, never its value.
    """


class Headers:
    """Header fields to look at: in the order and with the repetitions in which they came."""

    __slots__ = ("_by_name", "_fields")

    def __init__(self, fields: list[Field], by_name: dict[bytes, bytes]) -> None:
        """Show `fields`; `by_name` holds the same by lower-case name, repeated ones joined."""
        self._fields = fields
        self._by_name = by_name

    def get(self, name: str, default: str | None = None) -> str | None:
        """Return a field's value, several joined by commas (cookies by semicolons)."""
        value = self._by_name.get(name.lower().encode("latin-1", "replace"))
        return default if value is None else value.decode("latin-1")

    def all(self, name: str) -> list[str]:
        """Return the values of every field of this name, one by one."""
        lower = name.lower().encode("latin-1", "replace")
        return [field.value.decode("latin-1") for field in self._fields if field.lower == lower]

    def items(self) -> list[tuple[str, str]]:
        """Return (name as written, value) of every field, in order."""
        return [(f.name.decode("latin-1"), f.value.decode("latin-1")) for f in self._fields]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self.items()])

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        # Values may be secrets, and this ends up in logs.
        return f"{type(self).__name__}({', '.join(self)})"


class EditableHeaders(Headers):
    """Header fields to change. What is not changed is forwarded byte for byte.

    Every edit raises HeaderError, and changes nothing, for a name or value that HTTP does
    not allow and for a header that only the proxy writes: those of framing and of one
    connection (Content-Length, Transfer-Encoding, Connection, …), Host, Via, Expect,
    X-Request-Id, the forwarded fields and X-Crossfade-*.
    """

    __slots__ = ("_changed",)

    def __init__(self, fields: list[Field], by_name: dict[bytes, bytes]) -> None:
        """Begin with `fields`, which are copied at the first edit."""
        super().__init__(fields, by_name)
        self._changed = False

    def set(self, name: str, value: str) -> None:
        """Give a header this one value, in place of the first one there was, or at the end."""
        field = written(name, value)
        lower = field.lower
        if lower not in self._by_name:
            self._append(field)
            return
        fields: list[Field] = []
        placed = False
        for old in self._fields:
            if old.lower != lower:
                fields.append(old)
            elif not placed:
                fields.append(field)
                placed = True
        self._replace(fields)

    def add(self, name: str, value: str) -> None:
        """Add one more field, behind those of the same name."""
        self._append(written(name, value))

    def remove(self, name: str) -> None:
        """Remove every field of this name; it need not be there."""
        lower = written(name, "").lower
        if lower in self._by_name:
            self._replace([field for field in self._fields if field.lower != lower])

    @property
    def changed(self) -> bool:
        """Return whether anything was edited."""
        return self._changed

    @property
    def fields(self) -> list[Field]:
        """Return the fields; for the proxy."""
        return self._fields

    @property
    def by_name(self) -> dict[bytes, bytes]:
        """Return the values by lower-case name; for the proxy."""
        return self._by_name

    def _append(self, field: Field) -> None:
        if not self._changed:
            self._changed = True
            self._fields = self._fields.copy()
            self._by_name = self._by_name.copy()
        self._fields.append(field)
        before = self._by_name.get(field.lower)
        if before is None:
            self._by_name[field.lower] = field.value
        else:
            self._by_name = joined(self._fields)

    def _replace(self, fields: list[Field]) -> None:
        self._changed = True
        self._fields = fields
        self._by_name = joined(fields)


def written(name: str, value: str) -> Field:
    """Return the field for a name and a value; HeaderError if a plugin may not write it.

    A field that a plugin writes goes out as it is, also where a client's field of that
    name would be removed (X-User-Id from somebody who is not trusted).
    """
    field = _made.get((name, value))
    if field is not None:
        return field
    try:
        raw = name.encode("latin-1")
        content = value.encode("latin-1")
    except UnicodeEncodeError:
        raise HeaderError(f"the header {name[:64]!r} has a letter beyond Latin-1") from None
    if not name_is_token(raw):
        raise HeaderError(f"{name[:64]!r} is no header name")
    lower = raw.lower()
    if lower in _KEPT or kind_of(lower) & _PROXYS:
        raise HeaderError(f"the header {name[:64]!r} is written by the proxy alone")
    if _VALUE.fullmatch(content) is None or content != content.strip(b" \t"):
        raise HeaderError(
            f"the value for the header {name[:64]!r} holds a line end, another control "
            "character, or white space at an end"
        )
    field = Field(raw, lower, content, b"%b: %b" % (raw, content), 0)
    if len(name) + len(value) <= _LONGEST_MADE:
        if len(_made) >= _MOST_MADE:
            _made.clear()
        _made[name, value] = field
    return field


def editable(pairs: Iterable[tuple[str, str]]) -> EditableHeaders:
    """Return headers made of (name, value) pairs. Raises HeaderError."""
    headers = EditableHeaders([], {})
    for name, value in pairs:
        headers.add(name, value)
    return headers
