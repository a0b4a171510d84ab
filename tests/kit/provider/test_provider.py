"""The stand-in is a provider: the official SDK reads its answers, streams and faults."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncAzureOpenAI, AsyncOpenAI, DefaultAioHttpClient

from tests.kit.provider import (
    Provider,
    Step,
    Tokens,
    answer,
    bad_json,
    close_before_head,
    content_filter,
    context_length_exceeded,
    cut_after,
    empty_choices,
    end_after,
    error_in_stream,
    filtered,
    forbidden,
    hang_after,
    hang_after_head,
    hang_before_head,
    insufficient_quota,
    invalid_request,
    not_found,
    provider,
    slow_first_byte,
    status,
    truncated,
    unauthorized,
    wrong_content,
)

MODEL = "gpt-4o-mini"
ASK = [{"role": "user", "content": "Plan a campaign."}]
PLAN = {
    "type": "object",
    "title": "plan",
    "additionalProperties": False,
    "required": ["title", "tags", "score"],
    "properties": {
        "title": {"type": "string", "maxLength": 80},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 2},
        "score": {"type": "integer", "minimum": 3, "maximum": 9},
    },
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "plan", "strict": True, "schema": PLAN}}

Sdk = AsyncOpenAI | AsyncAzureOpenAI


@pytest.fixture
async def there() -> AsyncIterator[Provider]:
    async with provider() as running:
        yield running


def sdk(there: Provider, dialect: str, timeout: float = 5.0) -> Sdk:
    how: dict[str, Any] = {
        "api_key": "a-key",
        "max_retries": 0,
        "timeout": timeout,
        "http_client": DefaultAioHttpClient(timeout=timeout),
    }
    if dialect == "azure":
        return AsyncAzureOpenAI(
            azure_endpoint=there.url_azure, api_version="2024-10-21", organization="", **how
        )
    return AsyncOpenAI(base_url=there.url_openai, organization="", **how)


@pytest.fixture(params=["openai", "azure"])
async def client(there: Provider, request: pytest.FixtureRequest) -> AsyncIterator[Sdk]:
    async with sdk(there, request.param) as asking:
        yield asking


async def ask(client: Sdk, **how: Any) -> Any:
    return await client.chat.completions.create(**{"model": MODEL, "messages": ASK, **how})


async def streamed(client: Sdk, **how: Any) -> list[Any]:
    return [chunk async for chunk in await ask(client, stream=True, **how)]


async def until_broken(client: Sdk, kind: type[openai.APIError]) -> tuple[int, openai.APIError]:
    """How many pieces of content a stream brought before it broke off, and with what."""
    came = 0

    async def count() -> None:
        nonlocal came
        async for chunk in await ask(client, stream=True):
            came += bool(chunk.choices and chunk.choices[0].delta.content)

    with pytest.raises(kind) as caught:
        await count()
    return came, caught.value


def text_of(chunks: list[Any]) -> str:
    return "".join(one.choices[0].delta.content or "" for one in chunks if one.choices)


# -- answers -----------------------------------------------------------------------


async def test_the_sdk_reads_a_whole_answer_of_either_dialect(there: Provider, client: Sdk) -> None:
    there.script(MODEL, answer("Hello.", tokens=Tokens(100, 40, 30, 20)))
    said = await ask(client, extra_headers={"X-Client-Request-Id": "attempt-1"})
    assert said.choices[0].message.content == "Hello."
    assert said.choices[0].finish_reason == "stop"
    assert said.model.startswith(MODEL)
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (100, 30)
    assert said.usage.prompt_tokens_details.cached_tokens == 40
    assert said.usage.completion_tokens_details.reasoning_tokens == 20
    entry = there.log[0]
    assert (entry.name, entry.attempt, entry.ended) == (MODEL, "attempt-1", "answered")
    assert entry.body["messages"] == ASK
    assert "a-key" not in repr(entry)


async def test_an_answer_satisfies_the_schema_and_is_always_the_same(client: Sdk) -> None:
    said = [(await ask(client, response_format=FORMAT)).choices[0].message.content for _ in "ab"]
    assert json.loads(said[0]) == {"title": "Sample title", "tags": ["a", "a"], "score": 3}
    assert said[0] == said[1]
    loose = await ask(client, response_format={"type": "json_object"})
    assert isinstance(json.loads(loose.choices[0].message.content), dict)


async def test_the_dialects_differ_as_in_life(there: Provider) -> None:
    raw: dict[str, Any] = {}
    for dialect in ("openai", "azure"):
        async with sdk(there, dialect) as client:
            raw[dialect] = await client.chat.completions.with_raw_response.create(
                model=MODEL, messages=[{"role": "user", "content": "Hi."}]
            )
    ours, azure = (json.loads(raw[dialect].content) for dialect in ("openai", "azure"))
    assert "prompt_filter_results" not in ours
    assert azure["prompt_filter_results"]
    assert azure["choices"][0]["content_filter_results"]["hate"] == {
        "filtered": False,
        "severity": "safe",
    }
    assert raw["openai"].headers["openai-processing-ms"]
    assert raw["openai"].headers["x-ratelimit-remaining-tokens"]
    assert raw["azure"].headers["x-ms-region"]
    assert raw["azure"].headers["apim-request-id"]


@pytest.mark.parametrize("chunks", [1, 8, 200])
async def test_a_stream_brings_the_content_in_as_many_chunks_as_scripted(
    there: Provider, client: Sdk, chunks: int
) -> None:
    there.script(MODEL, answer(chunks=chunks), answer(chunks=chunks))
    plain = await streamed(client)
    spoken = [one for one in plain if one.choices and one.choices[0].delta.content]
    assert len(spoken) == chunks
    assert plain[-1].choices[0].finish_reason == "stop"
    assert all(one.usage is None for one in plain)
    counted = await streamed(client, stream_options={"include_usage": True})
    assert text_of(counted) == text_of(plain)
    assert counted[-1].choices == []
    assert counted[-1].usage.completion_tokens > 0


async def test_a_stream_of_a_document_is_that_document(there: Provider, client: Sdk) -> None:
    there.script(MODEL, answer(chunks=200))
    assert json.loads(text_of(await streamed(client, response_format=FORMAT)))["score"] == 3


async def test_azure_begins_a_stream_with_an_event_without_choices(there: Provider) -> None:
    async with sdk(there, "azure") as client:
        chunks = await streamed(client)
    assert chunks[0].choices == []
    assert chunks[0].model == ""


async def test_the_models_are_listed(client: Sdk) -> None:
    listed = await client.models.list()
    assert MODEL in [one.id for one in listed.data]


@pytest.mark.parametrize("step", [filtered(), truncated()], ids=lambda step: step.name)
async def test_an_answer_may_end_for_another_reason(
    there: Provider, client: Sdk, step: Step
) -> None:
    there.script(MODEL, step, step)
    assert (await ask(client)).choices[0].finish_reason == step.finish
    assert (await streamed(client))[-1].choices[0].finish_reason == step.finish


async def test_an_answer_may_be_none(there: Provider, client: Sdk) -> None:
    there.script(MODEL, empty_choices(), wrong_content())
    assert (await ask(client)).choices == []
    said = await ask(client, response_format=FORMAT)
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(said.choices[0].message.content)
    assert there.counts["executed"] == 2


# -- refusals ----------------------------------------------------------------------

REFUSALS = [
    (status(429), openai.RateLimitError, 429, None),
    (insufficient_quota(), openai.RateLimitError, 429, "insufficient_quota"),
    (invalid_request(), openai.BadRequestError, 400, "invalid_value"),
    (context_length_exceeded(), openai.BadRequestError, 400, "context_length_exceeded"),
    (content_filter(), openai.BadRequestError, 400, "content_filter"),
    (unauthorized(), openai.AuthenticationError, 401, "invalid_api_key"),
    (forbidden(), openai.PermissionDeniedError, 403, "unsupported_country_region_territory"),
    (not_found(), openai.NotFoundError, 404, "DeploymentNotFound"),
    (status(408), openai.APIStatusError, 408, None),
    (status(409), openai.ConflictError, 409, None),
    *[
        (status(number), openai.InternalServerError, number, None)
        for number in (500, 502, 503, 504)
    ],
]


@pytest.mark.parametrize(
    ("step", "kind", "number", "code"), REFUSALS, ids=[one[0].name for one in REFUSALS]
)
async def test_a_refusal_is_the_error_that_the_sdk_knows(
    there: Provider,
    client: Sdk,
    step: Step,
    kind: type[openai.APIStatusError],
    number: int,
    code: str | None,
) -> None:
    there.script(MODEL, step, times=2)
    for stream in (False, True):
        with pytest.raises(kind) as caught:
            await ask(client, stream=stream)
        assert caught.value.status_code == number
        assert caught.value.code in (code, str(number))
    assert [entry.ended for entry in there.calls] == [step.name] * 2
    assert there.log == []


async def test_each_form_of_retry_after_goes_out(there: Provider, client: Sdk) -> None:
    forms: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"retry_after_ms": 200}, {"retry-after-ms": "200"}),
        ({"retry_after": 3}, {"retry-after": "3"}),
        ({"retry_at": 1_893_553_445}, {"retry-after": "Wed, 02 Jan 2030 03:04:05 GMT"}),
        ({"should_retry": False}, {"x-should-retry": "false"}),
    ]
    for said, wanted in forms:
        there.script(MODEL, status(429, **said))
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(client)
        names = ("retry-after-ms", "retry-after", "x-should-retry")
        sent = {name: caught.value.response.headers.get(name) for name in names}
        assert {name: value for name, value in sent.items() if value} == wanted


async def test_a_wrong_key_is_refused() -> None:
    async with provider(key="the-key") as there:
        for dialect in ("openai", "azure"):
            async with sdk(there, dialect) as client:
                with pytest.raises(openai.AuthenticationError):
                    await ask(client)
        assert there.log == []


# -- trouble -----------------------------------------------------------------------

SILENCE = [hang_before_head(), hang_after_head(), hang_after()]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("step", SILENCE, ids=lambda step: step.name)
@pytest.mark.parametrize("dialect", ["openai", "azure"])
async def test_a_silent_provider_waits_until_the_client_leaves(
    there: Provider, dialect: str, step: Step, stream: bool
) -> None:
    there.stand(MODEL, step)
    async with sdk(there, dialect, timeout=0.05) as client:
        with pytest.raises(openai.APITimeoutError):
            await (streamed(client) if stream else ask(client))
    await there.ended(1)
    assert [entry.ended for entry in there.log] == ["client left"]


ENDINGS = [
    cut_after(),
    cut_after(reset=True),
    close_before_head(),
    close_before_head(reset=True),
]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("step", ENDINGS)
async def test_a_connection_may_end_too_soon(
    there: Provider, client: Sdk, step: Step, stream: bool
) -> None:
    there.script(MODEL, step)
    with pytest.raises(openai.APIConnectionError):
        await (streamed(client) if stream else ask(client))
    assert [entry.ended for entry in there.calls] == [step.name]
    assert len(there.log) == (step.name == "cut")


async def test_a_cut_stream_has_brought_its_first_chunks(there: Provider, client: Sdk) -> None:
    there.script(MODEL, cut_after(3, of=6))
    came, _ = await until_broken(client, openai.APIConnectionError)
    assert came == 3


async def test_a_stream_may_end_in_good_order_and_too_soon(there: Provider, client: Sdk) -> None:
    there.script(MODEL, end_after(2))
    chunks = await streamed(client, stream_options={"include_usage": True})
    assert chunks[-1].choices[0].delta.content
    assert chunks[-1].choices[0].finish_reason is None


@pytest.mark.parametrize("after", [0, 2])
async def test_an_error_may_come_inside_a_stream(there: Provider, client: Sdk, after: int) -> None:
    there.script(MODEL, error_in_stream(after))
    came, error = await until_broken(client, openai.APIError)
    assert (came, error.code) == (after, "server_error")
    assert there.log == []


async def test_a_body_may_be_no_json(there: Provider, client: Sdk) -> None:
    there.script(MODEL, bad_json(), bad_json())
    with pytest.raises(ValueError, match="Expecting"):
        await ask(client)
    with pytest.raises(ValueError, match="Expecting"):
        await streamed(client)


async def test_a_slow_answer_comes_in_the_end(there: Provider, client: Sdk) -> None:
    there.script(MODEL, slow_first_byte(0.01), answer(after=0.01, pause=0.001))
    assert (await ask(client)).choices
    assert await streamed(client)
    assert there.log[0].seconds >= 0.01


async def test_a_provider_that_is_down_refuses_and_comes_back(there: Provider) -> None:
    there.script(MODEL, hang_before_head())
    async with sdk(there, "openai") as client:
        hanging = asyncio.create_task(ask(client))
        await there.begun(1)
        await there.down()
        for asked in (hanging, ask(client)):
            with pytest.raises(openai.APIConnectionError):
                await asked
        await there.up()
        assert (await ask(client)).choices
    assert [entry.ended for entry in there.calls] == ["went down", "answered"]


# -- scripts -----------------------------------------------------------------------


async def test_queued_steps_come_before_a_standing_one_and_names_before_all(
    there: Provider,
) -> None:
    there.stand("*", status(503))
    there.script(MODEL, status(500), status(502), times=2)
    there.stand(MODEL, status(504), dialect="azure")
    async with sdk(there, "openai") as ours, sdk(there, "azure") as azure:
        for client in (ours, ours, ours, ours, ours, azure):
            with pytest.raises(openai.InternalServerError):
                await ask(client)
        ended = [entry.ended for entry in there.calls]
        assert ended == ["500", "502", "500", "502", "503", "504"]
        there.stand("*", None)
        assert (await ask(ours)).choices
        there.clear()
        assert (await ask(azure)).choices
    assert there.counts["arrived"] == 8
    assert there.counts["executed"] == there.counts["answered"] == 2
