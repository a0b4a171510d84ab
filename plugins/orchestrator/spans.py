"""The trace context that calls to providers carry, and workflows told as spans.

A span's id is derived from the id of what it is about. So what is sent with a call, maybe by
another process, and what is told of it afterwards belong together, and nothing has to be held
while a workflow runs: when it has ended, its record is told, all attempts with it.

Without `settings.otel` nothing is told, and nothing of OpenTelemetry is imported. With it a
thread of its library sends spans every few seconds, and drops them where it cannot.
"""

import asyncio
import re
import threading
from contextlib import suppress
from hashlib import blake2b
from typing import TYPE_CHECKING

from .settings import OrchestratorSettings
from .workflows.record import UNFINISHED, Workflow

if TYPE_CHECKING:
    from .telemetry import Telemetry

__all__ = ["Spans", "parent_of", "span_id_of", "traceparent_of"]

CLOSING_THREAD = "crossfade-spans"
_CLOSE_SECONDS = 2.0
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


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
    records it. Empty where `trace_id` is none (32 hexadecimal digits).
    """
    if _TRACE_ID.fullmatch(trace_id) is None:
        return ""
    parent = parent_of(traceparent, trace_id)
    sampled = parent is not None and parent[1] & 1
    return f"00-{trace_id}-{span_id_of(attempt_id):016x}-{sampled:02x}"


class Spans:
    """Tells of workflows that have ended. One for each application."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        """Raise ValueError where spans are wanted and the extra for them is missing."""
        self._telemetry: Telemetry | None = None
        if settings.otel is None:
            return
        try:
            from . import telemetry
        except ImportError:
            wants = "settings.otel wants the extra: pip install 'crossfade[otel]'"
            raise ValueError(wants) from None
        endpoints = {
            name: settings.providers[one.provider].endpoint
            for name, one in settings.deployments.items()
        }
        self._telemetry = telemetry.Telemetry(settings.otel, endpoints)

    def ended(self, workflow: Workflow) -> None:
        """Tell of a workflow and its attempts, once; not of one that has not ended yet."""
        if self._telemetry is None or workflow.status in UNFINISHED:
            return
        if _TRACE_ID.fullmatch(workflow.trace_id) is not None:
            self._telemetry.tell(workflow)

    async def close(self) -> None:
        """Send what is waiting, for two seconds at most."""
        if self._telemetry is None:
            return
        loop, sent = asyncio.get_running_loop(), asyncio.Event()

        def close(telemetry: "Telemetry") -> None:
            telemetry.close()
            with suppress(RuntimeError):  # nobody waits any more, the loop is closed
                loop.call_soon_threadsafe(sent.set)

        # A thread of our own: one of asyncio's would keep the process from ending.
        threading.Thread(
            target=close, args=(self._telemetry,), name=CLOSING_THREAD, daemon=True
        ).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_SECONDS):
                await sent.wait()
