"""Every hook call in the log, for authors, and never what a call was given."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from proxy.api import Body, Reply
from proxy.pluginhost import tracing
from tests.pluginhost.hosting import log_lines

WORDS = {
    "nothing": ("edit_request", None, "none"),
    "an answer": ("admit", Reply(403, body="who asks"), "reply 403"),
    "an arm": ("assign", "new", "arm new"),
    "no arm at all": ("assign", "user-4711", "arm unknown"),
    "a body": ("rewrite_request", Body("POST", "/", "", b"12345"), "body of 5 bytes"),
    "something else": ("health", "all is lost", "str"),
}


@pytest.mark.parametrize("what", WORDS)
def test_what_came_back_is_told_in_a_word(what: str) -> None:
    hook, result, expected = WORDS[what]
    assert tracing.word(hook, result) == expected


def traced(call: Callable[..., Any], *, waits: bool) -> Callable[..., Any]:
    return tracing.traced(call, "admit", "hello", "campaigns", waits=waits)


def test_a_call_is_passed_through_and_leaves_a_line() -> None:
    given: list[object] = []
    with log_lines() as lines:
        result = traced(given.append, waits=False)("request")
    assert (given, result) == (["request"], None)
    [line] = lines
    assert line.pop("microseconds") >= 0
    assert line == {
        "event": "hook",
        "log_level": "info",
        "hook": "admit",
        "plugin": "hello",
        "route": "campaigns",
        "result": "none",
    }


def test_a_coroutine_is_passed_through_and_leaves_a_line() -> None:
    async def admit(status: int) -> Reply:
        return Reply(status)

    with log_lines() as lines:
        reply = asyncio.run(traced(admit, waits=True)(418))
    assert (reply.status, lines[0]["result"]) == (418, "reply 418")


def test_what_a_call_raises_is_told_by_its_type_and_goes_on() -> None:
    def fail(secret: str) -> None:
        raise ValueError(secret)

    async def fail_later(secret: str) -> None:
        fail(secret)

    with log_lines() as lines:
        with pytest.raises(ValueError, match="hush"):
            traced(fail, waits=False)("hush")
        with pytest.raises(ValueError, match="hush"):
            asyncio.run(traced(fail_later, waits=True)("hush"))
    assert [line["result"] for line in lines] == ["raised ValueError"] * 2
    assert "hush" not in str(lines)


def test_the_environment_asks_for_it_by_a_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.VARIABLE, "0")
    assert not tracing.wanted()
    monkeypatch.setenv(tracing.VARIABLE, "1")
    assert tracing.wanted()
