"""The stand-in executes, refuses, replays, breaks off and remembers as it is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.kit.onlyfans import (
    ONLYFANS,
    Execution,
    OnlyFans,
    Police,
    Rule,
    Step,
    Trouble,
    answer,
    close,
    garbage,
    hang,
    onlyfans,
    read,
    reset,
    status,
)
from tests.kit.onlyfans.process import OnlyFansProcess

APPROVAL = {
    "approvedBy": "agent-1",
    "approvedAt": "2025-06-15T15:06:40+00:00",
    "wasModified": False,
}
MESSAGE = {
    "recipientId": "fan-1",
    "content": "Hello",
    "messageType": "custom",
    "humanApproval": APPROVAL,
}


@pytest.fixture
async def there() -> AsyncIterator[OnlyFans]:
    async with onlyfans(token="the-token") as running:
        yield running


async def post(
    url: str, key: str = "m-1", *, body: Any = MESSAGE, token: str = "the-token", wait: float = 5.0
) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {token}", "X-Account-Id": "creator-1"}
    if key:
        headers["Idempotency-Key"] = key
    timeout = aiohttp.ClientTimeout(total=wait)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{url}/messages", json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


async def test_a_message_is_executed_and_recorded(there: OnlyFans) -> None:
    assert await post(there.url) == (200, {"id": "of-00000001"})
    (done,) = there.executions
    assert done[:5] == ("m-1", "of-00000001", "creator-1", "fan-1", "custom")
    (call,) = there.calls
    assert (call.ended, call.executed, call.body) == ("answered", True, MESSAGE)
    assert "authorization" not in call.headers


WRONG = [
    ({"token": "another"}, 401, "UNAUTHORIZED"),
    ({"key": ""}, 400, "BAD_REQUEST"),
    ({"body": {**MESSAGE, "content": 7}}, 422, "VALIDATION_ERROR"),
    ({"body": {**MESSAGE, "messageType": "other"}}, 422, "VALIDATION_ERROR"),
    ({"body": {**MESSAGE, "mediaUrls": "x"}}, 422, "VALIDATION_ERROR"),
    ({"body": {**MESSAGE, "humanApproval": None}}, 403, "HUMAN_APPROVAL_REQUIRED"),
    (
        {"body": {**MESSAGE, "humanApproval": {**APPROVAL, "approvedAt": "today"}}},
        403,
        "HUMAN_APPROVAL_REQUIRED",
    ),
    (
        {"body": {**MESSAGE, "humanApproval": {**APPROVAL, "approvedBy": ""}}},
        403,
        "HUMAN_APPROVAL_REQUIRED",
    ),
    ({"body": []}, 400, "BAD_REQUEST"),
]


@pytest.mark.parametrize(("how", "number", "code"), WRONG)
async def test_what_is_not_right_is_refused(
    there: OnlyFans, how: dict[str, Any], number: int, code: str
) -> None:
    got, body = await post(there.url, **how)
    assert (got, body["error"]["code"]) == (number, code)
    assert there.executions == []


async def test_each_key_is_executed_once_where_that_is_promised() -> None:
    for idempotent, executed in ((True, 1), (False, 2)):
        async with onlyfans(idempotent=idempotent) as there:
            first = await post(there.url)
            again = await post(there.url)
            assert len(there.executions) == executed
            assert (first == again) is idempotent


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("make", [hang, close, reset], ids=["hang", "close", "reset"])
async def test_an_answer_may_never_come_before_or_after_executing(
    there: OnlyFans, make: Any, executed: bool
) -> None:
    there.script("*", make(executed=executed))
    with pytest.raises((aiohttp.ClientError, TimeoutError)):
        await post(there.url, wait=0.1 if make is hang else 5.0)
    await there.ended(1)
    assert len(there.executions) == executed
    assert there.calls[0].ended == ("client left" if make is hang else make.__name__)


async def test_steps_are_queued_before_standing_ones_and_these_before_trouble(
    there: OnlyFans,
) -> None:
    there.trouble(Trouble(1.0, (status(500, executed=True),)))
    there.stand("*", status(503))
    there.script("fan-1", status(429, retry_after=2), answer(after=0.001))
    assert [(await post(there.url))[0] for _ in range(3)] == [429, 200, 503]
    there.stand("*", None)
    assert (await post(there.url))[0] == 500
    there.clear()
    assert (await post(there.url))[0] == 200
    assert there.counts["executed"] == 3
    assert there.counts["arrived"] == 5


async def test_a_200_may_be_unreadable(there: OnlyFans) -> None:
    there.script("*", garbage())
    with pytest.raises(ValueError, match="Expecting"):
        await post(there.url)
    assert len(there.executions) == 1


async def test_trouble_meets_its_share_and_the_same_with_the_same_seed() -> None:
    names = [Trouble(0.2, (status(500),), seed=3) for _ in range(2)]
    first, again = ([trouble.next().name for _ in range(1000)] for trouble in names)
    assert first == again
    assert 150 < first.count("500") < 250
    with pytest.raises(ValueError, match="share"):
        Trouble(2.0, (status(500),))


async def test_the_file_outlives_the_stand_in_and_a_line_that_was_cut(tmp_path: Path) -> None:
    log = tmp_path / "executions"
    async with onlyfans(log=log, idempotent=True) as there:
        first = await post(there.url)
    with log.open("ab") as file:
        file.write(b'{"key": "m-')
    assert [one.key for one in read(log)] == ["m-1"]
    async with onlyfans(log=log, idempotent=True) as there:
        assert await post(there.url) == first
        assert len(there.executions) == 1


async def test_one_that_is_down_refuses_and_comes_back(there: OnlyFans) -> None:
    await there.down()
    with pytest.raises(aiohttp.ClientError):
        await post(there.url)
    await there.up()
    assert (await post(there.url))[0] == 200


def arrivals(*times: float, recipient: str = "fan-{}") -> list[Execution]:
    return [
        Execution("", "", "creator-1", recipient.format(number), "welcome", at)
        for number, at in enumerate(times)
    ]


POLICED = [
    ((0, 1, 2, 17.999), "fan-{}", {"spacing": 1}),
    ((0, 1, 2, 18.0), "fan-{}", {}),
    ((0, 20, 59), "fan-1", {"recipient minute": 1}),
    ((0, 20, 60), "fan-1", {}),
]


@pytest.mark.parametrize(("times", "recipient", "expected"), POLICED)
def test_the_police_count_what_makes_a_sliding_window_too_full(
    times: tuple[float, ...], recipient: str, expected: dict[str, int]
) -> None:
    police = Police()
    for one in arrivals(*times, recipient=recipient):
        police.sees(one)
    assert dict(police.violations) == expected


def test_the_police_know_scopes_distinct_recipients_and_slack() -> None:
    distinct = Rule("recipients", ("account",), 2, 10.0, distinct=True)
    other = Rule("custom", (), 1, 10.0, "custom")
    police = Police((distinct, other))
    for one in arrivals(0, 1, recipient="fan-1") + arrivals(2, 3):
        police.sees(one)
    assert dict(police.violations) == {}
    police.sees(arrivals(4, recipient="fan-9")[0])
    assert dict(police.violations) == {"recipients": 1}
    lenient = Police(ONLYFANS, slack=0.1)
    for one in arrivals(0, 1, 2, 17.95):
        lenient.sees(one)
    assert dict(lenient.violations) == {}


async def test_a_process_is_told_by_http_and_says_what_it_saw(tmp_path: Path) -> None:
    log = tmp_path / "executions"
    with OnlyFansProcess("--idempotent", "--police", log=log) as there:
        there.script("fan-1", status(429, retry_after=1))
        there.stand("fan-1", Step(name="slow", after=0.001))
        there.trouble(1.0, [status(503)])
        assert [(await post(there.url))[0] for _ in range(2)] == [429, 200]
        other = {**MESSAGE, "recipientId": "fan-2"}
        assert (await post(there.url, body=other))[0] == 503
        there.clear()
        seen = there.record()
        assert seen["counts"] == {"arrived": 3, "executed": 1, "429": 1, "slow": 1, "503": 1}
        assert seen["violations"] == {}
        there.stop()
        there.start()
        assert (await post(there.url))[0] == 200
        assert there.record()["counts"]["replayed"] == 1
    assert [one.key for one in read(log)] == ["m-1"]
