"""Calls and lines of the log say whose request they are about."""

import asyncio

import pytest

from proxy.api import Request
from tests.kit.provider import slow_first_byte
from tests.plugins.orchestrator.orchestrating import MODEL, asks, orchestrating

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331"
BODY = b'{"type":"content_planning","userId":"u"}'


def traced(flags: str) -> Request:
    asked = asks(headers={"traceparent": f"{PARENT}-{flags}"})
    asked.trace_id = TRACE
    return asked


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_call_says_whether_the_caller_records_the_trace(flags: str) -> None:
    async with orchestrating() as on:
        await on.parts.serving.answer(traced(flags), BODY)
        [call] = on.there.calls
        assert call.headers["traceparent"].split("-")[1::2] == [TRACE, flags]


async def test_a_line_of_the_log_about_a_workflow_says_whose_request_it_was() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, slow_first_byte(0.05))
        asked = traced("01")
        answering = asyncio.create_task(on.parts.serving.answer(asked, BODY))
        await on.there.begun(1)
        [mine] = await on.parts.store.list(user_id="u", status=None, limit=10)
        taken = mine.model_copy(update={"owner": "somebody else"})
        assert await on.parts.store.save(taken, mine.version)
        await asyncio.wait([answering])
        [line, *_] = on.plugin.services.logged("workflow_lost")
        said = (line["request_id"], line["trace_id"], line["workflow_id"])
        assert said == (asked.id, TRACE, mine.id)
        answering.exception()
