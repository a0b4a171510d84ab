"""Workflows told as spans: when one has ended, its record is told, all attempts with it.

Without `settings.otel` nothing is told, and nothing of OpenTelemetry is imported. With it a
thread of its library sends spans every few seconds, and drops them where it cannot.
"""

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from ..settings import OrchestratorSettings
from ..trace_context import is_trace_id
from ..workflows.record import UNFINISHED, Workflow

if TYPE_CHECKING:
    from .telemetry import Telemetry

__all__ = ["Spans"]

CLOSING_THREAD = "crossfade-spans"
_CLOSE_SECONDS = 2.0


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
        if is_trace_id(workflow.trace_id):
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
