"""Splits a stream of server-sent events into whole events, wherever the network cut it.

The grammar is that of the HTML standard, section 9.2: lines end with LF, CR or CRLF, an event
ends with an empty line, lines that begin with a colon are comments, several `data` lines
make one text.
"""

import re
from typing import NamedTuple

__all__ = ["MOST_BYTES", "Event", "EventTooLongError", "Splitter"]

MOST_BYTES = 1024 * 1024
"""The longest event that is taken."""

_LINE_END = rb"(?:\r\n|\n|\r(?!\n))"  # a CR before an LF is no end by itself
_EVENT_END = re.compile(_LINE_END + _LINE_END)
_LINES = re.compile(_LINE_END)
_BOM = b"\xef\xbb\xbf"


class EventTooLongError(Exception):
    """An event has more than `MOST_BYTES`."""


class Event(NamedTuple):
    """One event."""

    raw: bytes
    """As it came, with the empty line that ends it."""
    data: bytes | None
    """The text of its `data` lines; None without any: a comment."""


class Splitter:
    """Takes bytes, gives events. The events' `raw` put together are the bytes that came."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._begun = False
        self._has_cr = False

    @property
    def rest(self) -> bytes:
        """What came after the last whole event."""
        return bytes(self._rest)

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are whole now. Raises EventTooLongError."""
        rest = self._rest
        # By far the commonest: one event with one line, ended by two LF.
        if (
            data.startswith(b"data: ")
            and data.endswith(b"\n\n")
            and data.find(b"\n") == len(data) - 2
            and not (rest or self._has_cr or b"\r" in data)
        ):
            self._begun = True
            return [Event(data, data[6:-2])]
        rest += data
        self._has_cr = self._has_cr or b"\r" in data
        events = []
        begin = 0
        while (end := self._end(max(begin, self._searched))) > 0:
            raw = bytes(rest[begin:end])
            events.append(Event(raw, self._data(raw)))
            begin = end
        del rest[:begin]
        # The last bytes may be the first half of an end: CR LF CR, and LF to come.
        self._searched = max(0, len(rest) - 3)
        if len(rest) > MOST_BYTES:
            raise EventTooLongError
        return events

    def _end(self, begin: int) -> int:
        """Return where the next event ends; 0: not yet."""
        if not self._has_cr:
            at = self._rest.find(b"\n\n", begin)
            return at + 2 if at >= 0 else 0
        found = _EVENT_END.search(self._rest, begin)
        if found is None:
            return 0
        # Behind a CR at the very end an LF may follow that belongs to it.
        undecided = found.end() == len(self._rest) and self._rest.endswith(b"\r")
        return 0 if undecided else found.end()

    def _data(self, raw: bytes) -> bytes | None:
        if not self._begun:
            self._begun = True
            raw = raw.removeprefix(_BOM)
        if raw.startswith(b"data: ") and raw.find(b"\n") == len(raw) - 2 and b"\r" not in raw:
            return raw[6:-2]  # by far the commonest: one line, ended by two LF
        lines = [_value(line) for line in _LINES.split(raw) if line[:4] == b"data"]
        found = [line for line in lines if line is not None]
        return b"\n".join(found) if found else None


def _value(line: bytes) -> bytes | None:
    """Return the value of a `data` line; None if the field only begins like that."""
    name, _, value = line.partition(b":")
    return value.removeprefix(b" ") if name == b"data" else None
