"""W3C Trace Context: reading and writing the `traceparent` field.

Source: W3C Recommendation "Trace Context" level 1, section 3.2. Version 00 is
read strictly; a later version is read by its first four parts, as section 3.2.4
asks; version ff and all-zero ids are invalid.
"""

import re
from typing import NamedTuple

SAMPLED = 0x01
"""The one flag that version 00 defines: the caller may have recorded the trace."""

_FIELD = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.DOTALL)
_NO_TRACE = b"0" * 32
_NO_PARENT = b"0" * 16
_LONGEST = 512


class Trace(NamedTuple):
    """What a valid `traceparent` says: ids in lower-case hex, flags as a byte."""

    trace_id: str
    parent_id: str
    flags: int

    @property
    def sampled(self) -> bool:
        """Return whether the caller may have recorded this trace."""
        return bool(self.flags & SAMPLED)


def parse_traceparent(field: bytes) -> Trace | None:
    """Read the value of a `traceparent` field; None when it is not a valid one.

    Two fields that were joined by a comma are not valid either: nobody could
    say which of them is the parent.
    """
    if len(field) > _LONGEST:
        return None
    found = _FIELD.fullmatch(field)
    if found is None:
        return None
    version, trace_id, parent_id, flags, rest = found.groups()
    if version == b"ff" or (version == b"00" and rest is not None):
        return None
    if trace_id == _NO_TRACE or parent_id == _NO_PARENT or b"," in field:
        return None
    return Trace(trace_id.decode(), parent_id.decode(), int(flags, 16))


def format_traceparent(trace: Trace) -> bytes:
    """Write a `traceparent` of version 00; of the flags it knows only `sampled`."""
    return f"00-{trace.trace_id}-{trace.parent_id}-{trace.flags & SAMPLED:02x}".encode()


def begin(entropy: bytes) -> Trace:
    """Make the trace of a request that came without one, out of 24 random bytes.

    Not sampled: whoever records traces decides that, and this proxy does not.
    """
    return Trace(entropy[:16].hex(), entropy[16:24].hex(), 0)
