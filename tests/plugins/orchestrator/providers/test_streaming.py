import asyncio
from itertools import pairwise
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp.base_protocol import BaseProtocol
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import CallFailedError, Failure, FailureClass, Usage
from plugins.orchestrator.providers import streaming
from plugins.orchestrator.providers.sse import MOST_BYTES
from plugins.orchestrator.providers.streaming import ProviderStream
from tests.plugins.orchestrator.providers.asked import call, settings

DONE = b"data: [DONE]\n\n"
PING = b": ping\n\n"


def event(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if delta is not None else []
    document = {"model": "gpt-4o-mini-2024-07-18", "choices": choices, "usage": None, **more}
    return b"data: %b\n\n" % orjson.dumps(document)


def said(text: str) -> bytes:
    return event({"content": text})


USAGE = event(usage={"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14})
ROLE = event({"role": "assistant", "content": ""})
FILTER_RESULTS = event(prompt_filter_results=[])
STOP = event({}, "stop")
ERROR = b'event: error\ndata: {"error": {"code": "server_error"}}\n\n'


class Wire:
    """The body of an answer, of which more may come."""

    def __init__(self, *data: bytes, timeout: float = 10.0) -> None:
        loop = asyncio.get_running_loop()
        protocol = BaseProtocol(loop)
        protocol.connection_made(asyncio.Transport())
        self.body = aiohttp.StreamReader(protocol, 2**20, loop=loop)
        asked = call(settings(), timeout=timeout)
        self.stream = ProviderStream(self.body, asked, loop.time(), "req_1")
        self.comes(*data)

    def comes(self, *data: bytes) -> None:
        for one in data:
            self.body.feed_data(one)

    def ends(self) -> "Wire":
        self.body.feed_eof()
        return self

    async def failure_before(self) -> Failure:
        with pytest.raises(CallFailedError) as raised:
            await self.stream.begin()
        return raised.value.failure

    async def rest(self) -> bytes:
        return b"".join([part async for part in self.stream.parts()])


async def test_all_up_to_the_first_content_is_held_and_what_follows_is_passed_on() -> None:
    wire = Wire(FILTER_RESULTS, PING, ROLE, said("Hel"), said("lo"), STOP, USAGE, DONE).ends()
    await wire.stream.begin()
    assert wire.stream.first == FILTER_RESULTS + PING + ROLE + said("Hel")
    assert await wire.rest() == said("lo") + STOP
    assert wire.stream.content == "Hello"
    assert wire.stream.finish_reason == "stop"
    assert wire.stream.model == "gpt-4o-mini-2024-07-18"
    assert wire.stream.usage == Usage(10, 0, 4, 0, requests=1)


@pytest.mark.parametrize(
    "delta",
    [{"content": "x"}, {"refusal": "No."}, {"tool_calls": [{"index": 0}]}],
)
async def test_text_refusals_and_tool_calls_are_content(delta: dict[str, Any]) -> None:
    wire = Wire(ROLE, event(delta))
    await wire.stream.begin()
    assert wire.stream.first == ROLE + event(delta)


async def test_events_are_passed_on_byte_for_byte_whatever_their_form() -> None:
    odd = b'event: x\r\nid: 1\r\ndata: {"choices": [],\r\ndata:  "usage": null}\r\n\r\n'
    wire = Wire(said("a"), odd + PING + b'data: "text"\n\n', said("b"), STOP, DONE).ends()
    await wire.stream.begin()
    assert await wire.rest() == odd + PING + b'data: "text"\n\n' + said("b") + STOP


async def test_usage_beside_content_is_read_and_the_event_passed_on() -> None:
    last = event({}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 1})
    wire = Wire(said("a"), last, DONE).ends()
    await wire.stream.begin()
    assert await wire.rest() == last
    assert wire.stream.usage == Usage(3, 0, 1, 0, requests=1)


async def test_a_stream_tells_what_cannot_be_about_its_usage() -> None:
    usage = {"prompt_tokens": 3, "prompt_tokens_details": {"cached_tokens": 4}}
    wire = Wire(said("a"), STOP, event(usage=usage), DONE).ends()
    await wire.stream.begin()
    assert await wire.stream.drain() == Usage(0, 3, 0, 0, requests=1)
    assert wire.stream.doubt == "cached_tokens 4 exceed prompt_tokens 3 and are cut to that"


async def test_a_stream_that_says_why_it_ends_needs_no_done() -> None:
    wire = Wire(said("a"), STOP).ends()
    await wire.stream.begin()
    assert await wire.rest() == STOP


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ((), FailureClass.MALFORMED),
        ((DONE,), FailureClass.MALFORMED),
        ((ROLE, STOP, USAGE, DONE), FailureClass.MALFORMED),
        ((ROLE, event({}, "content_filter"), DONE), FailureClass.CONTENT_FILTER),
        ((ROLE, ERROR), FailureClass.SERVER),
        ((ROLE, ERROR, said("a")), FailureClass.SERVER),
        ((b"data: {\n\n",), FailureClass.MALFORMED),
        ((event() * (MOST_BYTES // len(event()) + 1),), FailureClass.MALFORMED),
        ((b"x" * (MOST_BYTES + 1),), FailureClass.MALFORMED),
        ((b"{}",), FailureClass.MALFORMED),
    ],
)
async def test_what_goes_wrong_before_the_content_is_a_failure_to_answer(
    data: tuple[bytes, ...], kind: FailureClass
) -> None:
    assert (await Wire(*data).ends().failure_before()).kind is kind


async def test_what_was_used_for_nothing_is_told() -> None:
    failure = await Wire(ROLE, STOP, USAGE, DONE).ends().failure_before()
    assert failure.usage == Usage(10, 0, 4, 0, requests=1)


@pytest.mark.parametrize(
    "data",
    [
        (),
        (said("b"),),
        (said("b"), ERROR),
        (said("b"), b"data: {\n\n"),
    ],
)
async def test_what_goes_wrong_after_the_content_is_a_cut(data: tuple[bytes, ...]) -> None:
    wire = Wire(said("a"), *data).ends()
    await wire.stream.begin()
    passed_on = await anext(wire.stream) if data else b""
    with pytest.raises(CallFailedError) as raised:
        await wire.rest()
    assert raised.value.failure.kind is FailureClass.CUT
    assert raised.value.failure.provider_id == "req_1"
    assert passed_on == b"".join(data[:1])


async def test_an_error_that_came_together_with_the_content_cuts_the_stream_behind_it() -> None:
    wire = Wire(ROLE + said("a") + ERROR)
    await wire.stream.begin()
    assert wire.stream.first == ROLE + said("a")
    with pytest.raises(CallFailedError, match="cut: an error in a 200 server_error"):
        await anext(wire.stream)


async def test_an_event_without_end_cuts_the_stream() -> None:
    wire = Wire(said("a"))
    await wire.stream.begin()
    wire.comes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(CallFailedError, match="cut: an event of more than"):
        await anext(wire.stream)


async def test_a_cut_stays_a_cut_however_often_it_is_asked() -> None:
    wire = Wire(said("a"), ERROR, said("b"), STOP, DONE).ends()
    await wire.stream.begin()
    for _ in range(2):
        with pytest.raises(CallFailedError):
            await anext(wire.stream)


async def test_a_lost_connection_is_a_failure_before_and_a_cut_after_the_content() -> None:
    wire = Wire()
    wire.body.set_exception(aiohttp.ClientPayloadError("secret words"))
    failure = await wire.failure_before()
    assert failure.kind is FailureClass.MALFORMED
    assert "secret" not in failure.says
    wire = Wire(said("a"))
    await wire.stream.begin()
    wire.body.set_exception(aiohttp.SocketTimeoutError())
    with pytest.raises(CallFailedError, match="cut: nothing for 10 s"):
        await anext(wire.stream)


async def test_an_iteration_that_is_cancelled_can_be_gone_on_with() -> None:
    wire = Wire(said("a"))
    await wire.stream.begin()
    reading = asyncio.ensure_future(anext(wire.stream))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    wire.comes(said("b"), STOP, USAGE, DONE)
    assert await wire.stream.drain() == Usage(10, 0, 4, 0, requests=1)
    assert wire.stream.content == "ab"


async def test_of_a_very_long_text_the_beginning_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "CONTENT_CHARACTERS", 5)
    wire = Wire(said("123"), said("456"), said("789"), STOP, DONE).ends()
    await wire.stream.begin()
    assert await wire.rest() == said("456") + said("789") + STOP
    assert wire.stream.content == "123456"


async def test_a_stream_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "STREAM_BYTES", 1000)
    wire = Wire(said("a"))
    await wire.stream.begin()
    wire.comes(*[said("b")] * 20)
    with pytest.raises(CallFailedError, match="more than 1000 bytes"):
        await wire.rest()


ODD = b'data: {"choices": [],\r\ndata: "usage": null}\r\n\r\n'
USED = event({}, "stop", usage={"prompt_tokens": 3})
TEXTS = [said("b"), said('"error" [DONE]'), said("ü\n\n"), b'data: "text"\n\n', b"\n"]
EVENTS = st.sampled_from([*TEXTS, PING, ROLE, ODD, FILTER_RESULTS, USAGE, USED])
ENDS = st.sampled_from([DONE, STOP + USAGE + DONE, STOP, ERROR + said("c"), b"data: {\n\n", b""])


async def heard(data: bytes, cuts: list[int]) -> tuple[object, ...]:
    """All that a stream tells that comes in pieces."""
    wire = Wire()
    passed_on = b""
    cut = ""
    comes = [data[begin:end] for begin, end in pairwise([0, *sorted(cuts), len(data)])]
    first, rest = comes[0], comes[1:]
    wire.comes(said("a") + first)
    await wire.stream.begin()
    passed_on = wire.stream.first
    try:
        for piece in [*rest, b""]:
            reading = asyncio.ensure_future(anext(wire.stream))
            await asyncio.sleep(0)
            if reading.done():
                passed_on += reading.result()
            else:
                reading.cancel()
            wire.comes(piece)
        passed_on += await wire.ends().rest()
    except CallFailedError as error:
        cut = error.failure.says
    except StopAsyncIteration:
        pass
    stream = wire.stream
    stream.leave()
    return passed_on, cut, stream.content, stream.finish_reason, stream.usage


@given(st.lists(EVENTS, max_size=6), ENDS, st.data())
def test_wherever_a_stream_is_cut_the_same_is_passed_on(
    events: list[bytes], end: bytes, data: st.DataObject
) -> None:
    came = b"".join(events) + end
    cuts = data.draw(st.lists(st.integers(0, len(came)), max_size=12))
    assert asyncio.run(heard(came, cuts)) == asyncio.run(heard(came, []))


async def test_silence_while_somebody_waits_cuts_the_stream() -> None:
    wire = Wire(said("a"), timeout=0)
    await wire.stream.begin()
    with pytest.raises(CallFailedError, match="cut: nothing for 0 s"):
        await anext(wire.stream)


async def test_who_takes_long_to_read_is_not_taken_for_a_silent_provider() -> None:
    wire = Wire(said("a"), timeout=0)
    await wire.stream.begin()
    for _ in range(3):
        await asyncio.sleep(0)
    wire.comes(said("b"), STOP, DONE)
    assert await wire.rest() == said("b") + STOP
