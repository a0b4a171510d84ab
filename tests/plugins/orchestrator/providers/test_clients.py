import asyncio
import traceback
from collections.abc import Awaitable
from contextlib import suppress

import pytest

from plugins.orchestrator.deciding.calls import Call, CallFailedError, Failure, FailureClass, Usage
from plugins.orchestrator.providers import clients as clients_module
from plugins.orchestrator.providers.clients import Clients
from plugins.orchestrator.settings import Kind
from tests.kit import provider as stand_in
from tests.kit.provider import Step, Tokens, provider, status
from tests.kit.running import free_port
from tests.plugins.orchestrator.providers.asked import (
    KEY,
    MODEL,
    PROMPT,
    call,
    clients,
    settings,
    settings_at,
)

both_kinds = pytest.mark.parametrize("kind", ["openai", "azure"])
both_ways = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


async def ask(there: Clients, what: Call, streamed: bool) -> None:
    if streamed:
        async with there.stream(what) as found:
            async for _ in found.parts():
                pass
    else:
        await there.complete(what)


async def failed(asking: Awaitable[object]) -> Failure:
    """How it fails; whatever an operator may see of it shows no key and no prompt."""
    with pytest.raises(CallFailedError) as raised:
        await asking
    shown = "".join(traceback.format_exception(raised.value)) + repr(raised.value.failure)
    assert KEY not in shown
    assert PROMPT not in shown
    return raised.value.failure


@both_kinds
async def test_a_whole_answer_is_read_with_its_usage_and_id(kind: Kind) -> None:
    async with provider(key=KEY) as there, clients(said := settings_at(there, kind)) as asking:
        there.script(MODEL, stand_in.answer("Hello.", tokens=Tokens(90, 60, 30, 20)))
        answer = await asking.complete(call(said))
        (seen,) = there.log
    assert (answer.content, answer.finish_reason) == ("Hello.", "stop")
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.usage == Usage(30, 60, 10, 20, requests=1)
    assert answer.provider_id == {"openai": "req_00000001", "azure": "apim-00000001"}[kind]
    assert 0 < answer.first_byte <= answer.seconds
    assert (seen.dialect, seen.attempt, seen.workflow) == (kind, "wf_1-1", "wf_1")


@both_kinds
async def test_a_document_that_was_asked_for_comes_parsed(kind: Kind) -> None:
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        answer = await asking.complete(call(said, structured=True))
    assert answer.document == {"message": "Sample message"}


@both_kinds
async def test_a_stream_is_passed_on_without_what_was_asked_for_by_us(kind: Kind) -> None:
    async with provider(key=KEY) as there, clients(said := settings_at(there, kind)) as asking:
        there.script(MODEL, stand_in.answer("Hello you.", chunks=5, tokens=Tokens(9, 6, 3, 2)))
        async with asking.stream(call(said)) as found:
            passed_on = found.first + b"".join([part async for part in found.parts()])
    assert passed_on.count(b'"content":"') == 6
    assert b"[DONE]" not in passed_on
    assert b"prompt_tokens" not in passed_on
    assert (found.content, found.finish_reason) == ("Hello you.", "stop")
    assert found.usage == Usage(3, 6, 1, 2, requests=1)
    assert found.provider_id == {"openai": "req_00000001", "azure": "apim-00000001"}[kind]
    assert found.first_byte > 0


BEFORE: list[tuple[Step, FailureClass]] = [
    (stand_in.close_before_head(), FailureClass.TIMEOUT),
    (stand_in.close_before_head(reset=True), FailureClass.TIMEOUT),
    (status(408), FailureClass.CONFLICT),
    (status(409), FailureClass.CONFLICT),
    (status(429), FailureClass.RATE_LIMITED),
    (stand_in.insufficient_quota(), FailureClass.QUOTA),
    (status(402), FailureClass.QUOTA),
    (stand_in.invalid_request(), FailureClass.INVALID),
    (status(413), FailureClass.INVALID),
    (status(422), FailureClass.INVALID),
    (stand_in.context_length_exceeded(), FailureClass.CONTEXT_LENGTH),
    (stand_in.content_filter(), FailureClass.CONTENT_FILTER),
    (stand_in.unauthorized(), FailureClass.AUTH),
    (stand_in.forbidden(), FailureClass.AUTH),
    (stand_in.not_found(), FailureClass.AUTH),
    (status(307), FailureClass.AUTH),
    (status(500), FailureClass.SERVER),
    (status(502), FailureClass.SERVER),
    (status(503), FailureClass.SERVER),
    (status(504), FailureClass.SERVER),
    (stand_in.empty_choices(), FailureClass.MALFORMED),
    (stand_in.bad_json(), FailureClass.MALFORMED),
    (stand_in.error_in_stream(), FailureClass.SERVER),
    (stand_in.cut_after(0), FailureClass.MALFORMED),
    (stand_in.cut_after(0, reset=True), FailureClass.MALFORMED),
]


@both_kinds
@both_ways
async def test_every_failure_before_there_is_content_has_its_class(
    kind: Kind, streamed: bool
) -> None:
    found = []
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        for step, _ in BEFORE:
            there.script(MODEL, step)
            failure = await failed(ask(asking, call(said), streamed))
            assert failure.uncertain == (failure.kind is FailureClass.TIMEOUT), step.name
            assert failure.seconds > 0
            found.append((step.name, failure.kind))
    assert found == [(step.name, wanted) for step, wanted in BEFORE]


@both_kinds
async def test_a_refusal_is_told_with_status_words_wait_and_id(kind: Kind) -> None:
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        secret = f"{PROMPT} {KEY}"
        limited = status(429, code="rate_limit_exceeded", retry_after_ms=1500, message=secret)
        there.script(MODEL, limited, status(503, should_retry=False))
        first = await failed(asking.complete(call(said)))
        second = await failed(ask(asking, call(said), streamed=True))
    assert first.says.startswith("429 rate_limit_exceeded")
    assert (first.status, first.retry_after, first.may_retry) == (429, 1.5, True)
    assert (second.status, second.may_retry) == (503, False)
    assert first.provider_id.endswith("00000001")


@both_ways
async def test_nothing_listens_there_is_a_failed_connection(streamed: bool) -> None:
    async with clients(said := settings(endpoint=f"http://127.0.0.1:{free_port()}/v1")) as asking:
        failure = await failed(ask(asking, call(said), streamed))
    assert failure[:2] == (FailureClass.CONNECT, "no connection: ClientConnectorError ECONNREFUSED")
    assert not failure.uncertain


@both_ways
async def test_what_does_not_speak_tls_is_a_failed_connection(streamed: bool) -> None:
    async with provider() as there:
        endpoint = there.url_openai.replace("http:", "https:")
        async with clients(said := settings(endpoint=endpoint)) as asking:
            failure = await failed(ask(asking, call(said), streamed))
        assert there.calls == []
    assert (failure.kind, failure.uncertain) == (FailureClass.CONNECT, False)


@both_kinds
@both_ways
@pytest.mark.parametrize(
    "step", [stand_in.hang_before_head(), stand_in.hang_after_head()], ids=["head", "body"]
)
async def test_a_provider_that_does_not_answer_in_time_is_left_uncertain(
    kind: Kind, streamed: bool, step: Step
) -> None:
    async with (
        provider() as there,
        clients(said := settings_at(there, kind, timeout="500ms")) as asking,
    ):
        there.script(MODEL, step)
        failure = await failed(ask(asking, call(said, timeout=0.5), streamed))
        await there.ended()
        assert [entry.ended for entry in there.calls] == ["client left"]
    assert (failure.kind, failure.uncertain) == (FailureClass.TIMEOUT, True)


@both_ways
async def test_running_out_of_our_own_time_is_not_the_providers_fault(streamed: bool) -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, stand_in.hang_before_head())
        failure = await failed(ask(asking, call(said, timeout=0.5), streamed))
    assert (failure.kind, failure.uncertain) == (FailureClass.DEADLINE, True)


@both_kinds
@pytest.mark.parametrize(
    "step",
    [
        stand_in.cut_after(2),
        stand_in.cut_after(2, reset=True),
        stand_in.hang_after(2),
        stand_in.error_in_stream(2),
    ],
    ids=["cut", "reset", "silence", "error"],
)
async def test_a_stream_that_breaks_after_its_first_content_is_cut(kind: Kind, step: Step) -> None:
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        there.script(MODEL, step)
        async with asking.stream(call(said, timeout=0.5)) as found:
            failure = await failed(found.drain())
    assert failure.kind is FailureClass.CUT
    assert failure.provider_id == found.provider_id != ""
    assert found.content


@both_kinds
async def test_content_that_the_filter_took_back_is_told_in_a_whole_answer_and_at_a_streams_end(
    kind: Kind,
) -> None:
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        there.script(MODEL, stand_in.filtered(), times=2)
        failure = await failed(asking.complete(call(said)))
        async with asking.stream(call(said)) as found:
            await found.drain()
    assert failure.kind is FailureClass.CONTENT_FILTER
    assert failure.usage is not None
    assert found.finish_reason == "content_filter"


@both_kinds
@pytest.mark.parametrize("step", [stand_in.wrong_content(), stand_in.truncated()])
async def test_what_is_not_the_wanted_document_is_malformed_and_its_tokens_are_known(
    kind: Kind, step: Step
) -> None:
    async with provider() as there, clients(said := settings_at(there, kind)) as asking:
        there.script(MODEL, step)
        failure = await failed(asking.complete(call(said, structured=True)))
    assert failure.kind is FailureClass.MALFORMED
    assert failure.usage is not None


@both_ways
async def test_cancelling_closes_the_connection(streamed: bool) -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, stand_in.hang_before_head())
        task = asyncio.create_task(ask(asking, call(said), streamed))
        await there.begun()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await there.ended()
        assert [entry.ended for entry in there.calls] == ["client left"]


async def test_leaving_a_stream_early_closes_the_connection() -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, stand_in.hang_after(2))
        async with asking.stream(call(said)) as found:
            assert found.first
        await there.ended()
        assert [entry.ended for entry in there.calls] == ["client left"]


@both_ways
async def test_calls_one_after_the_other_use_one_connection(streamed: bool) -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, *[stand_in.answer(), status(503)] * 2)
        for _ in range(4):
            with suppress(CallFailedError):
                await ask(asking, call(said), streamed)
        assert there._server is not None
        assert len(there._server.connections) == 1


async def test_more_calls_than_connections_wait_for_one() -> None:
    async with (
        provider() as there,
        clients(said := settings_at(there, connections=1, timeout="100ms")) as asking,
    ):
        there.script(MODEL, stand_in.hang_before_head())
        first = asyncio.create_task(asking.complete(call(said)))
        await there.begun()
        failure = await failed(asking.complete(call(said, timeout=0.1)))
        assert (failure.kind, failure.uncertain) == (FailureClass.CONNECT, False)
        second = asyncio.create_task(asking.complete(call(said)))
        first.cancel()
        assert (await second).content
        assert len(there.calls) == 2


@both_kinds
@both_ways
async def test_a_key_that_no_header_takes_is_a_wrong_configuration(
    kind: Kind, streamed: bool
) -> None:
    async with provider() as there:
        async with clients(said := settings_at(there, kind, key=f"{KEY}\n")) as asking:
            failure = await failed(ask(asking, call(said), streamed))
        assert there.calls == []
    assert (failure.kind, failure.uncertain) == (FailureClass.AUTH, False)
    assert failure.says == "key and organization may hold visible ASCII characters alone"


async def test_an_endpoint_that_the_sdk_does_not_take_is_a_wrong_configuration() -> None:
    there = settings()
    nowhere = there.providers["there"].model_copy(update={"endpoint": "http://x:99999"})
    there = there.model_copy(update={"providers": {"there": nowhere}})
    async with clients(there) as asking:
        failure = await failed(asking.complete(call(there)))
    assert failure[:2] == (
        FailureClass.AUTH,
        "the provider's settings make no request: ValueError",
    )


async def test_an_answer_without_end_is_not_read_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clients_module, "ANSWER_BYTES", 100)
    async with provider() as there, clients(said := settings_at(there)) as asking:
        failure = await failed(asking.complete(call(said)))
    assert failure[:2] == (FailureClass.MALFORMED, "more than 100 bytes")


async def test_of_a_refusal_without_end_the_status_counts() -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, status(429, code="insufficient_quota", message="x" * 100_000))
        failure = await failed(asking.complete(call(said)))
    assert (failure.kind, failure.says) == (FailureClass.RATE_LIMITED, "429")


async def test_json_instead_of_a_stream_is_malformed() -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, Step(headers={"content-type": "application/json"}))
        failure = await failed(ask(asking, call(said), streamed=True))
    assert failure[:2] == (
        FailureClass.MALFORMED,
        "no stream came, though one was asked for",
    )


async def test_nothing_is_kept_of_a_call_for_the_next_and_no_packing_is_asked_for() -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, Step(headers={"set-cookie": "who=you; Path=/"}))
        for _ in range(2):
            await asking.complete(call(said))
        assert all("cookie" not in entry.headers for entry in there.calls)
        assert {entry.headers["accept-encoding"] for entry in there.calls} == {"identity"}


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    async with provider() as there, clients(said := settings_at(there)) as asking:
        assert (await asking.complete(call(said))).content


@both_ways
async def test_an_answer_that_is_packed_unasked_is_malformed(streamed: bool) -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, Step(headers={"content-encoding": "br"}))
        failure = await failed(ask(asking, call(said), streamed))
    assert failure.kind is FailureClass.MALFORMED


async def test_a_redirection_is_not_followed_so_the_key_stays() -> None:
    async with provider() as elsewhere, provider() as there:
        there.script(MODEL, Step(status=307, headers={"location": elsewhere.url_openai}))
        async with clients(said := settings_at(there)) as asking:
            failure = await failed(asking.complete(call(said)))
        assert elsewhere.calls == []
    assert failure.kind is FailureClass.AUTH


async def test_each_provider_has_a_pool_of_its_own() -> None:
    async with provider() as there:
        one = settings_at(there)
        both = {"one": one.providers["there"], "other": one.providers["there"]}
        async with clients(one.model_copy(update={"providers": both})) as asking:
            for name in both:
                at = call(one).deployment._replace(name=name, provider=name)
                await asking.complete(call(one, deployment=at))
            assert there._server is not None
            assert [len(there.calls), len(there._server.connections)] == [2, 2]


async def test_closing_ends_what_is_under_way() -> None:
    async with provider() as there, clients(said := settings_at(there)) as asking:
        there.script(MODEL, stand_in.hang_before_head())
        task = asyncio.create_task(failed(asking.complete(call(said))))
        await there.begun()
        await asking.close()
        assert (await task).uncertain
