"""The fallback matrix, row by row, against real sockets: who is asked, what is told, who is blamed.

Each way of failing is met at Azure and at OpenAI, as a whole answer and as a stream, once and
always. There are three deployments: `first` and `twin` of one model at the same provider, and
`large` of another model, that is configured to stand in, at another provider.
"""

import asyncio
from typing import Any, NamedTuple

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.running import ChainFailedError
from plugins.orchestrator.deciding.calls import CallFailedError, FailureClass
from plugins.orchestrator.deciding.matrix import MATRIX, Effect
from tests.kit.provider import (
    Provider,
    Step,
    bad_json,
    close_before_head,
    content_filter,
    context_length_exceeded,
    cut_after,
    empty_choices,
    error_in_stream,
    filtered,
    forbidden,
    hang_before_head,
    insufficient_quota,
    invalid_request,
    not_found,
    provider,
    status,
    unauthorized,
    wrong_content,
)
from tests.kit.running import free_port
from tests.plugins.orchestrator.deployed import LARGE_PRICE, PRICE, settings
from tests.plugins.orchestrator.intents import intent
from tests.plugins.orchestrator.pursued import Running, running

F = FailureClass
WITHIN = 5.0
SLACK = 1.0
"""Seconds by which a busy machine may be late; providers get 30."""

STATES = {
    Effect.NOTHING: "closed",
    Effect.FAILURE: "open",
    Effect.NO_CONNECTION: "open",
    Effect.SLOW_FAILURE: "open",
    Effect.THROTTLED: "closed",
    Effect.CREDENTIAL_OPEN: "forced_open",
    Effect.FORCED_OPEN: "forced_open",
}
"""How the breaker of `first` stands after a single call, with `min_calls` of 1."""


class Row(NamedTuple):
    """One way of failing."""

    step: Step
    kind: FailureClass
    once: tuple[str, ...]
    """Who is asked when it happens once; the last one answers, unless `fails`."""
    always: tuple[str, ...]
    """Who is asked when everybody fails like that; empty: as another row."""
    fails: bool = False
    only: str = ""
    """``whole`` or ``stream``: it cannot happen to the other."""
    more: dict[str, Any] = {}  # noqa: RUF012 - settings
    at: dict[str, Any] = {}  # noqa: RUF012


TO_TWIN = ("first", "twin")
TO_LARGE = ("first", "large")
ALL = ("first", "twin", "large")
ALONE = ("first",)
SHORT = {"timeout": "300ms"}
ALLOW = {"retry": {"replay": "allow"}}
LARGER = {"larger_model": {"gpt-4o-mini": "gpt-4o"}}

ROWS = {
    "timeout": Row(hang_before_head(), F.TIMEOUT, ALONE, ALONE, True, at=SHORT),
    "timeout, replay": Row(hang_before_head(), F.TIMEOUT, TO_TWIN, TO_TWIN, more=ALLOW, at=SHORT),
    "reset": Row(close_before_head(reset=True), F.TIMEOUT, ALONE, ALONE, True),
    "closed, replay": Row(close_before_head(), F.TIMEOUT, TO_TWIN, TO_TWIN, more=ALLOW),
    "408": Row(status(408), F.CONFLICT, TO_TWIN, ()),
    "409": Row(status(409), F.CONFLICT, TO_TWIN, ("first", "twin", "first or twin")),
    "429, ms": Row(status(429, retry_after_ms=20), F.RATE_LIMITED, TO_TWIN, ALL),
    "429, s": Row(status(429, retry_after=60), F.RATE_LIMITED, TO_TWIN, ALL),
    "429": Row(status(429), F.RATE_LIMITED, TO_TWIN, ALL),
    "quota": Row(insufficient_quota(), F.QUOTA, TO_LARGE, TO_LARGE),
    "400": Row(invalid_request(), F.INVALID, ALONE, ALONE, True),
    "422": Row(status(422), F.INVALID, ALONE, ALONE, True),
    "too long": Row(context_length_exceeded(), F.CONTEXT_LENGTH, ALONE, ALONE, True),
    "too long, larger": Row(
        context_length_exceeded(), F.CONTEXT_LENGTH, TO_LARGE, TO_LARGE, more=LARGER
    ),
    "filter": Row(content_filter(), F.CONTENT_FILTER, ALONE, ALONE, True),
    "filtered": Row(filtered(), F.CONTENT_FILTER, ALONE, ALONE, True, only="whole"),
    "401": Row(unauthorized(), F.AUTH, TO_TWIN, ALL),
    "403": Row(forbidden(), F.AUTH, TO_TWIN, ALL),
    "404": Row(not_found(), F.AUTH, TO_TWIN, ALL),
    "500": Row(status(500), F.SERVER, TO_TWIN, ALL),
    "502": Row(status(502), F.SERVER, TO_TWIN, ALL),
    "503": Row(status(503), F.SERVER, TO_TWIN, ALL),
    "504": Row(status(504), F.SERVER, TO_TWIN, ALL),
    "empty": Row(empty_choices(), F.MALFORMED, TO_TWIN, ALL),
    "bad JSON": Row(bad_json(), F.MALFORMED, TO_TWIN, ALL),
    "error in 200": Row(error_in_stream(), F.SERVER, TO_TWIN, ALL),
    "no document": Row(wrong_content(), F.MALFORMED, TO_TWIN, ALL, only="whole"),
    "cut in two": Row(cut_after(2), F.MALFORMED, TO_TWIN, ALL, only="whole"),
}
CASES = [
    pytest.param(row, kind, stream, id=f"{name}-{kind}-{'stream' if stream else 'whole'}")
    for name, row in ROWS.items()
    for kind in ("azure", "openai")
    for stream in (False, True)
    if row.only != ("whole" if stream else "stream")
]
ALWAYS = [case for case in CASES if ROWS[str(case.id).rsplit("-", 2)[0]].always]


def three(there: Provider, kind: str, row: Row, **endpoints: str) -> Any:
    """Settings with the three deployments."""
    return settings(
        {
            "first": {"provider": kind, "price": PRICE},
            "twin": {"provider": kind, "price": LARGE_PRICE},
            "large": {"provider": "second", "model": "gpt-4o"},
        },
        **{"azure": there.url_azure, "openai": there.url_openai, **endpoints},
        at=row.at,
        rules=[{"models": ["gpt-4o-mini"]}],
        other_model={"gpt-4o-mini": ["gpt-4o"]},
        score="cost",
        breaker={"min_calls": 1, "connect_failures": 1},
        **row.more,
    )


class Came(NamedTuple):
    """What came of an intent."""

    asked: list[str]
    failures: list[str]
    error: ChainFailedError | CallFailedError | None


async def ask(it: Running, *, stream: bool, within: float = WITHIN) -> Came:
    """Ask, whatever comes of it, and look at what holds of everything."""
    task = it.task(intent("message_generation", stream=stream), within=within)
    error: ChainFailedError | CallFailedError | None = None
    try:
        if stream:
            async with it.runner.stream(task, it.notes) as answered:
                async for _ in answered.parts():
                    pass
        else:
            await it.runner.run(task, it.notes)
    except (ChainFailedError, CallFailedError) as failed:
        error = failed
    assert asyncio.get_running_loop().time() <= task.deadline + SLACK
    attempts = it.notes.ended
    assert len(attempts) <= 3
    assert all(one.state != "begun" for one in attempts)
    assert it.slots() == []
    return Came([one.deployment for one in attempts], [one.failure for one in attempts], error)


def blamed(it: Running, kind: FailureClass) -> None:
    """Look at what `first` is left with, and what else followed from its failure."""
    (first, twin, _) = it.runner.standing()
    effect = MATRIX[kind].effect
    assert first.state == STATES[effect]
    # Without a Retry-After it may have been for no more than a moment.
    throttled = it.runner.health.throttled_until(first.deployment) > 0
    assert throttled == (effect is Effect.THROTTLED)
    if effect is Effect.CREDENTIAL_OPEN:
        assert twin.state == "forced_open"
    alerting = effect in (Effect.CREDENTIAL_OPEN, Effect.FORCED_OPEN)
    assert bool(it.services.alerts) == alerting
    (failed, *_) = it.notes.ended
    assert (failed.nano_usd == 0) == (MATRIX[kind].free)
    assert (failed.state == "unknown") == (kind is F.TIMEOUT)


@pytest.mark.parametrize(("row", "kind", "stream"), CASES)
async def test_what_happens_once_is_hidden_where_the_matrix_says_so(
    row: Row, kind: str, stream: bool
) -> None:
    async with provider() as there, running(there, three(there, kind, row)) as it:
        there.script("*", row.step)
        came = await ask(it, stream=stream)
        assert tuple(came.asked) == row.once
        assert came.failures[0] == row.kind.value
        blamed(it, row.kind)
        if row.fails:
            assert isinstance(came.error, ChainFailedError)
            assert came.error.code == MATRIX[row.kind].code
            assert came.error.says == MATRIX[row.kind].says
        else:
            assert came.error is None
            assert came.failures[1:] == [""]
        assert len(there.calls) == len(came.asked)


@pytest.mark.parametrize(("row", "kind", "stream"), ALWAYS)
async def test_what_happens_always_is_told_after_as_many_attempts_as_the_matrix_allows(
    row: Row, kind: str, stream: bool
) -> None:
    async with provider() as there, running(there, three(there, kind, row)) as it:
        there.stand("*", row.step)
        came = await ask(it, stream=stream)
        assert all(who in allowed for who, allowed in zip(came.asked, row.always, strict=True))
        assert set(came.failures) == {row.kind.value}
        assert isinstance(came.error, ChainFailedError)
        assert came.error.failure.kind is row.kind
        assert came.error.code == MATRIX[row.kind].code
        assert came.error.queues == MATRIX[row.kind].queues
        assert len(there.calls) == len(came.asked)


NOTHING_SENT = Row(status(500), F.CONNECT, ALL, ALL)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["azure", "openai"])
@pytest.mark.parametrize("what", ["refused", "TLS"])
async def test_without_a_connection_everybody_else_is_asked_at_once(
    what: str, kind: str, stream: bool
) -> None:
    async with provider() as there:
        where = f"https://127.0.0.1:{there.port}"
        if what == "refused":
            where = f"http://127.0.0.1:{free_port()}"
        endpoints = {kind: where}
        said = three(there, kind, NOTHING_SENT, **endpoints)
        second = said.providers["second"].model_copy(update={"endpoint": there.url_openai})
        said = said.model_copy(update={"providers": {**said.providers, "second": second}})
        async with running(there, said) as it:
            came = await ask(it, stream=stream)
            assert came.error is None
            assert came.asked == list(ALL)
            assert came.failures == ["connect", "connect", ""]
            blamed(it, F.CONNECT)
            assert len(there.calls) == 1


@pytest.mark.parametrize("kind", ["azure", "openai"])
@pytest.mark.parametrize("step", [cut_after(2), cut_after(2, reset=True), error_in_stream(2)])
async def test_after_the_first_content_nobody_else_is_asked(step: Step, kind: str) -> None:
    async with provider() as there, running(there, three(there, kind, NOTHING_SENT)) as it:
        there.script("*", step)
        came = await ask(it, stream=True)
        assert came.asked == ["first"]
        assert isinstance(came.error, CallFailedError)
        assert came.error.failure.kind is F.CUT
        blamed(it, F.CUT)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["azure", "openai"])
async def test_the_deadline_ends_it_and_nobody_is_to_blame(kind: str, stream: bool) -> None:
    async with provider() as there, running(there, three(there, kind, NOTHING_SENT)) as it:
        there.stand("*", hang_before_head())
        came = await ask(it, stream=stream, within=0.4)
        assert came.asked == ["first"]
        assert isinstance(came.error, ChainFailedError)
        assert came.error.failure.kind is F.DEADLINE
        assert it.states()["first"] == "closed"
        await there.ended()
        assert there.calls[0].ended == "client left"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["azure", "openai"])
async def test_a_client_that_leaves_ends_it_and_nobody_is_to_blame(kind: str, stream: bool) -> None:
    async with provider() as there, running(there, three(there, kind, NOTHING_SENT)) as it:
        there.stand("*", hang_before_head())
        work = asyncio.create_task(ask(it, stream=stream))
        await there.begun()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await there.ended()
        assert there.calls[0].ended == "client left"
        assert it.states()["first"] == "closed"
        assert [one.failure for one in it.notes.ended] == ["cancelled"]


def test_each_way_of_failing_is_met() -> None:
    elsewhere = {F.CONNECT, F.CUT, F.DEADLINE, F.CANCELLED, F.BUDGET}
    assert {row.kind for row in ROWS.values()} | elsewhere == set(FailureClass)
