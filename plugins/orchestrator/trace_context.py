"""The trace context that calls to providers carry (W3C Trace Context), and ids of spans.

A span's id is derived from the id of what it is about. So what is sent with a call, maybe by
another process, and what is told of it afterwards belong together, and nothing has to be held
while a workflow runs.
"""

import re
from hashlib import blake2b

__all__ = ["is_trace_id", "parent_of", "span_id_of", "traceparent_of"]

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def is_trace_id(text: str) -> bool:
    """Whether it is one: 32 hexadecimal digits."""
    return _TRACE_ID.fullmatch(text) is not None


def span_id_of(name: str) -> int:
    """Return the id of the span about what is called so: a workflow's or an attempt's id."""
    return int.from_bytes(blake2b(name.encode(), digest_size=8).digest())


def parent_of(traceparent: str, trace_id: str) -> tuple[int, int] | None:
    """Return span id and flags of a request's `traceparent`; None if it is not of this trace."""
    version, _, rest = traceparent.partition("-")
    trace, _, rest = rest.partition("-")
    try:
        span, flags = int(rest[:16], 16), int(rest[17:19], 16)
    except ValueError:
        return None
    return (span, flags) if len(version) == 2 and trace == trace_id and span else None


def traceparent_of(trace_id: str, attempt_id: str, traceparent: str = "") -> str:
    """Return the `traceparent` of an attempt's call (W3C Trace Context, section 3.2).

    It goes on with the trace of the request, whose own `traceparent` says whether somebody
    records it. Empty where `trace_id` is none.
    """
    if not is_trace_id(trace_id):
        return ""
    parent = parent_of(traceparent, trace_id)
    sampled = parent is not None and parent[1] & 1
    return f"00-{trace_id}-{span_id_of(attempt_id):016x}-{sampled:02x}"
