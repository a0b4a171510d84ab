"""Workflows as OpenTelemetry spans; imported only where `settings.otel` wants them.

Attributes follow the semantic conventions for generative AI
(https://github.com/open-telemetry/semantic-conventions-genai); what they do not know begins
with ``crossfade.``.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from ..settings import OtelSettings
from ..trace_context import parent_of, span_id_of
from ..workflows.record import Attempt, Workflow

__all__ = ["Telemetry"]

_PROVIDERS = {"azure": "azure.ai.openai", "openai": "openai"}
_CONTENT_MOST = 8192
_SEND_SECONDS = 5.0


class _Ids(IdGenerator):
    """Ids that were decided beforehand; a span is begun as soon as they are set."""

    trace_id = 0
    span_id = 0

    def generate_trace_id(self) -> int:
        return self.trace_id

    def generate_span_id(self) -> int:
        return self.span_id


class Telemetry:
    """Makes spans of records, and sends them to one place."""

    def __init__(self, settings: OtelSettings, endpoints: Mapping[str, str]) -> None:
        """`endpoints` are the URLs of the deployments."""
        self._content = settings.content
        self._endpoints = endpoints
        self._ids = _Ids()
        url = f"{settings.endpoint.removesuffix('/').removesuffix('/v1/traces')}/v1/traces"
        resource = Resource.create({"service.name": settings.service})
        self._provider = TracerProvider(
            resource=resource, id_generator=self._ids, shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(url, timeout=_SEND_SECONDS)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("crossfade.orchestrator")

    def close(self) -> None:
        """Send what is waiting, and end the thread; takes its time."""
        self._provider.shutdown()

    def tell(self, workflow: Workflow) -> None:
        """Make the spans of a workflow that has ended."""
        context = Context()
        parent = parent_of(workflow.traceparent, workflow.trace_id)
        if parent is not None:
            above = SpanContext(
                int(workflow.trace_id, 16),
                parent[0],
                is_remote=True,
                trace_flags=TraceFlags(parent[1]),
            )
            context = set_span_in_context(NonRecordingSpan(above), context)
        self._ids.trace_id = int(workflow.trace_id, 16)
        span = self._begin(workflow.id, f"workflow {workflow.type}", context, workflow.created)
        if not span.is_recording():
            return
        span.set_attributes(self._of_workflow(workflow))
        for decision in workflow.decisions:
            span.add_event(decision.what, {"why": decision.why}, _ns(decision.at))
        error = workflow.result.error if workflow.result else None
        _end(span, workflow.updated, error.code if error else "")
        below = set_span_in_context(span, Context())
        for attempt in workflow.attempts:
            self._tell_attempt(workflow, attempt, below)

    def _tell_attempt(self, workflow: Workflow, attempt: Attempt, below: Context) -> None:
        span = self._begin(
            attempt.id, f"chat {attempt.model}", below, attempt.begun, SpanKind.CLIENT
        )
        span.set_attributes(self._of_attempt(workflow, attempt))
        known = attempt.state != "begun"
        ended = attempt.begun + attempt.seconds if known else workflow.updated
        _end(span, ended, attempt.failure if known else "unknown", attempt.says)

    def _begin(
        self,
        name: str,
        title: str,
        context: Context,
        at: float,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> Span:
        self._ids.span_id = span_id_of(name)
        return self._tracer.start_span(title, context, kind, start_time=_ns(at))

    def _of_workflow(self, workflow: Workflow) -> dict[str, Any]:
        found: dict[str, Any] = {
            "gen_ai.operation.name": "invoke_workflow",
            "gen_ai.workflow.name": workflow.type,
            "crossfade.workflow.id": workflow.id,
            "crossfade.workflow.status": workflow.status,
            "crossfade.request.id": workflow.request_id,
            "crossfade.route": workflow.route,
        }
        if self._content:
            found["crossfade.workflow.intent"] = _text(workflow.intent.data)
            if workflow.result is not None:
                found["crossfade.workflow.result"] = _text(workflow.result.full_result)
        return found

    def _of_attempt(self, workflow: Workflow, attempt: Attempt) -> dict[str, Any]:
        at = urlsplit(self._endpoints.get(attempt.deployment, ""))
        found: dict[str, Any] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": _PROVIDERS.get(attempt.kind, attempt.kind),
            "gen_ai.request.model": attempt.model,
            "gen_ai.response.model": attempt.answered_as,
            "gen_ai.response.finish_reasons": [attempt.finish_reason] * bool(attempt.finish_reason),
            "http.response.status_code": attempt.status or None,
            "server.address": at.hostname,
            "server.port": at.port or {"http": 80, "https": 443}.get(at.scheme),
            "crossfade.workflow.id": workflow.id,
            "crossfade.attempt.id": attempt.id,
            "crossfade.attempt.hedge": attempt.hedge or None,
            "crossfade.attempt.nano_usd": attempt.nano_usd,
            "crossfade.attempt.estimated": attempt.estimated or None,
            "crossfade.deployment": attempt.deployment,
            "crossfade.provider.request_id": attempt.provider_id,
        }
        if attempt.tokens is not None and not attempt.estimated:
            used = attempt.usage
            found["gen_ai.usage.input_tokens"] = used.prompt
            found["gen_ai.usage.cache_read.input_tokens"] = used.input_cached
            found["gen_ai.usage.cache_creation.input_tokens"] = used.input_cache_write or None
            found["gen_ai.usage.output_tokens"] = used.completion
            found["gen_ai.usage.reasoning.output_tokens"] = used.output_reasoning
        # What is not known is not there.
        return {name: value for name, value in found.items() if value not in (None, "", [])}


def _end(span: Span, at: float, failure: str, says: str = "") -> None:
    if failure:
        span.set_attribute("error.type", failure)
        span.set_status(StatusCode.ERROR, says)
    span.end(_ns(at))


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)


def _text(document: object) -> str:
    return orjson.dumps(document, default=str).decode()[:_CONTENT_MOST]
