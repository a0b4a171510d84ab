"""Workflows as spans, sent to a real receiver of OTLP over HTTP."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from plugins.orchestrator.settings import OrchestratorSettings
from plugins.orchestrator.showing import spans as spans_module
from plugins.orchestrator.showing import telemetry
from plugins.orchestrator.showing.spans import Spans
from plugins.orchestrator.trace_context import traceparent_of
from plugins.orchestrator.workflows.record import Decision, Workflow
from proxy.api import WorkflowError, WorkflowIntent, WorkflowResult
from tests.plugins.orchestrator.records import attempt, workflow

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"
ROOT = Path(__file__).resolve().parents[4]


def settings(**otel: Any) -> OrchestratorSettings:
    providers = {
        "here": {"kind": "openai", "endpoint": "http://127.0.0.1:8123/v1", "key": "sk-secret"},
        "azure": {"kind": "azure", "endpoint": "https://x.openai.azure.com", "key": "az-secret"},
    }
    deployments = {
        "mini": {"provider": "here", "model": "gpt-4o-mini"},
        "east": {"provider": "azure", "model": "gpt-4o"},
    }
    return OrchestratorSettings.model_validate(
        {"providers": providers, "deployments": deployments, "otel": otel or None}
    )


class Receiver:
    """Takes spans in as a collector does."""

    def __init__(self) -> None:
        self.requests: list[ExportTraceServiceRequest] = []
        self.url = ""

    @property
    def spans(self) -> dict[str, Span]:
        """What has come, by name."""
        return {
            span.name: span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(content_type="application/x-protobuf")

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Receiver"]:
        app = web.Application()
        app.router.add_post("/v1/traces", self.take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = "http://{}:{}".format(*runner.addresses[0])
        try:
            yield self
        finally:
            await runner.cleanup()


async def told(*workflows: Workflow, suffix: str = "", **otel: Any) -> Receiver:
    async with Receiver().serving() as receiver:
        spans = Spans(settings(endpoint=receiver.url + suffix, **otel))
        for one in workflows:
            spans.ended(one)
        await spans.close()
    return receiver


def plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return getattr(value, kind or "string_value")


def attributes(span: Span) -> dict[str, Any]:
    return {one.key: plain(one.value) for one in span.attributes}


def ended(**fields: Any) -> Workflow:
    return workflow(**{"trace_id": TRACE, "traceparent": PARENT, "status": "completed", **fields})


async def test_a_workflow_is_a_span_below_that_of_its_request() -> None:
    decisions = (Decision(at=1000.25, what="routed", why="mini is cheap"),)
    receiver = await told(ended(route="campaigns", decisions=decisions), service="shop")
    [resource] = receiver.requests[0].resource_spans
    assert {one.key: plain(one.value) for one in resource.resource.attributes}[
        "service.name"
    ] == "shop"
    span = receiver.spans["workflow content_planning"]
    assert span.trace_id.hex() == TRACE
    assert span.parent_span_id.hex() == "b7ad6b7169203331"
    assert span.kind == Span.SPAN_KIND_INTERNAL
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1000 * 10**9, 1001 * 10**9)
    assert attributes(span) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "content_planning",
        "crossfade.workflow.id": "wf_1",
        "crossfade.workflow.status": "completed",
        "crossfade.request.id": "r-1",
        "crossfade.route": "campaigns",
    }
    [event] = span.events
    assert (event.name, event.time_unix_nano) == ("routed", 1000_250_000_000)
    assert plain(event.attributes[0].value) == "mini is cheap"
    assert span.status.code == 0


TRIED = (
    attempt(
        1,
        deployment="east",
        kind="azure",
        model="gpt-4o",
        state="failed",
        failure="server",
        says="503",
        status=503,
    ),
    attempt(
        2,
        begun=1000.5,
        tokens=(100, 28, 40, 2),
        nano_usd=1234,
        provider_id="req_9",
        answered_as="gpt-4o-mini-2024-07-18",
        finish_reason="stop",
    ),
)


async def test_each_attempt_is_a_client_span_below_its_workflow() -> None:
    receiver = await told(ended(attempts=TRIED))
    above = receiver.spans["workflow content_planning"]
    failed, good = receiver.spans["chat gpt-4o"], receiver.spans["chat gpt-4o-mini"]
    for span in (failed, good):
        assert (span.trace_id, span.parent_span_id) == (above.trace_id, above.span_id)
        assert span.kind == Span.SPAN_KIND_CLIENT
    assert attributes(good) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": "gpt-4o-mini-2024-07-18",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 128,
        "gen_ai.usage.cache_read.input_tokens": 28,
        "gen_ai.usage.output_tokens": 42,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": 8123,
        "crossfade.workflow.id": "wf_1",
        "crossfade.attempt.id": "wf_1-2",
        "crossfade.attempt.nano_usd": 1234,
        "crossfade.deployment": "mini",
        "crossfade.provider.request_id": "req_9",
    }
    assert (good.start_time_unix_nano, good.end_time_unix_nano) == (1000_500_000_000, 1001 * 10**9)
    assert attributes(failed) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "azure.ai.openai",
        "gen_ai.request.model": "gpt-4o",
        "http.response.status_code": 503,
        "error.type": "server",
        "server.address": "x.openai.azure.com",
        "server.port": 443,
        "crossfade.workflow.id": "wf_1",
        "crossfade.attempt.id": "wf_1-1",
        "crossfade.deployment": "east",
    }
    assert (failed.status.code, failed.status.message) == (2, "503")
    assert good.status.code == 0


async def test_what_a_call_carries_is_the_span_that_is_told_of_it() -> None:
    receiver = await told(ended(attempts=(attempt(1),)))
    span = receiver.spans["chat gpt-4o-mini"]
    sent = traceparent_of(TRACE, "wf_1-1", PARENT)
    assert sent == f"00-{span.trace_id.hex()}-{span.span_id.hex()}-01"


async def test_a_workflow_that_failed_says_as_what() -> None:
    error = WorkflowError(code="provider_unavailable", message="Nobody answers.")
    result = WorkflowResult(workflow_id="wf_1", status="failed", error=error)
    receiver = await told(ended(status="failed", result=result))
    span = receiver.spans["workflow content_planning"]
    assert attributes(span)["error.type"] == "provider_unavailable"
    assert span.status.code == 2


async def test_an_attempt_of_which_nobody_knows_the_end_ends_with_the_workflow() -> None:
    lost = attempt(1, state="begun", seconds=0.0)
    receiver = await told(ended(status="interrupted", attempts=(lost,)))
    span = receiver.spans["chat gpt-4o-mini"]
    assert span.end_time_unix_nano == 1001 * 10**9
    assert attributes(span)["error.type"] == "unknown"


async def test_without_a_parent_the_workflow_begins_the_trace() -> None:
    receiver = await told(ended(traceparent=""))
    span = receiver.spans["workflow content_planning"]
    assert (span.trace_id.hex(), span.parent_span_id) == (TRACE, b"")


async def test_nothing_is_told_of_a_trace_that_nobody_records() -> None:
    receiver = await told(ended(traceparent=PARENT[:-2] + "00", attempts=(attempt(1),)))
    assert receiver.requests == []


@pytest.mark.parametrize("status", ["running", "queued"])
async def test_nothing_is_told_of_a_workflow_before_its_end(status: str) -> None:
    assert (await told(ended(status=status))).requests == []


async def test_a_record_without_a_trace_is_left_out() -> None:
    assert (await told(ended(trace_id="t-1"))).requests == []


async def test_prompts_and_answers_are_told_only_where_that_is_wanted() -> None:
    intent = WorkflowIntent(type="content_planning", user_id="a-user", data={"theme": "rain"})
    result = WorkflowResult(
        workflow_id="wf_1", status="completed", full_result={"plan": "x" * 9000}
    )
    one = ended(intent=intent, result=result)
    silent = await told(one)
    assert "rain" not in str(silent.requests)
    found = attributes((await told(one, content=True)).spans["workflow content_planning"])
    assert found["crossfade.workflow.intent"] == '{"theme":"rain"}'
    assert len(found["crossfade.workflow.result"]) == 8192


async def test_neither_keys_nor_users_are_told() -> None:
    receiver = await told(ended(user_id="a-user", attempts=(attempt(1),)))
    said = str(receiver.requests)
    assert "secret" not in said
    assert "a-user" not in said


@pytest.mark.parametrize("suffix", ["/", "/v1/traces", "/v1/traces/"])
async def test_the_endpoint_may_be_said_with_its_path(suffix: str) -> None:
    assert (await told(ended(), suffix=suffix)).spans


async def test_closing_does_not_wait_for_a_receiver_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(spans_module, "_CLOSE_SECONDS", 0.0)
    monkeypatch.setattr(telemetry, "_SEND_SECONDS", 0.2)
    async with Receiver().serving() as receiver:
        url = receiver.url
    spans = Spans(settings(endpoint=url))
    spans.ended(ended())
    await spans.close()
    assert receiver.requests == []
    for thread in threading.enumerate():
        if thread.name == spans_module.CLOSING_THREAD:  # it would disturb the tests after it
            await asyncio.to_thread(thread.join, 10)


async def test_without_settings_nothing_is_told() -> None:
    spans = Spans(settings())
    spans.ended(ended(attempts=(attempt(1),)))
    await spans.close()
    assert "opentelemetry" not in repr(vars(spans))


def test_nothing_of_opentelemetry_is_imported_where_nobody_wants_it() -> None:
    name = Spans.__module__
    code = f"import sys, {name}; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_where_the_extra_is_missing_it_is_said_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "plugins.orchestrator.showing.telemetry", raising=False)
    monkeypatch.delattr("plugins.orchestrator.showing.telemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ValueError, match=r"wants the extra: pip install 'crossfade\[otel\]'"):
        Spans(settings(endpoint="http://127.0.0.1:4318"))
