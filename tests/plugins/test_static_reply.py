"""static_reply answers what its settings say, every time the same, and refuses what cannot be."""

from typing import Any

import pytest

from plugins.static_reply import StaticReply
from proxy.api import Reply
from proxy.api.testing import isolated, request


async def reply_of(**settings: Any) -> Reply:
    async with isolated(StaticReply, settings) as alone:
        return (await alone.through(request(path="/old/page"))).reply


ANSWERS: dict[str, tuple[dict[str, Any], int, bytes, dict[str, str | None]]] = {
    "nothing said": ({}, 200, b"", {"Content-Type": None}),
    "a retired path": ({"status": 410}, 410, b"", {"Content-Type": None}),
    "a text": (
        {"status": 404, "body": "Nothing here, señor."},
        404,
        "Nothing here, señor.".encode(),
        {"Content-Type": "text/plain; charset=utf-8"},
    ),
    "a page": (
        {"body": "<p>Later.</p>", "headers": {"content-type": "text/html"}},
        200,
        b"<p>Later.</p>",
        {"Content-Type": "text/html"},
    ),
    "json": (
        {"status": 503, "json": {"error": "maintenance"}, "retry_after": "10m"},
        503,
        b'{"error":"maintenance"}',
        {"Content-Type": "application/json", "Retry-After": "600"},
    ),
    "an empty json list": ({"json": []}, 200, b"[]", {"Content-Type": "application/json"}),
    "half a second is rounded up": ({"retry_after": "500ms"}, 200, b"", {"Retry-After": "1"}),
    "a date to try again": (
        {"headers": {"Retry-After": "Fri, 07 Nov 2031 23:59:59 GMT"}},
        200,
        b"",
        {"Retry-After": "Fri, 07 Nov 2031 23:59:59 GMT"},
    ),
    "a redirect": (
        {"status": 308, "headers": {"Location": "/new"}},
        308,
        b"",
        {"Location": "/new", "Content-Type": None},
    ),
    "no content": ({"status": 204}, 204, b"", {"Content-Type": None}),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_the_answer_is_what_the_settings_say(what: str) -> None:
    settings, status, body, headers = ANSWERS[what]
    reply = await reply_of(**settings)
    assert (reply.status, reply.body) == (status, body)
    assert {name: reply.headers.get(name) for name in headers} == headers


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "two bodies": ({"body": "a", "json": {}}, "both body and json"),
    "a body where none can be": ({"status": 204, "body": "a"}, "status 204 has no body"),
    "json where no body can be": ({"status": 304, "json": {}}, "status 304 has no body"),
    "two times to try again": (
        {"retry_after": "1s", "headers": {"retry-after": "2"}},
        "both retry_after and a header Retry-After",
    ),
    "a header of framing": ({"headers": {"Content-Length": "3"}}, "written by the proxy alone"),
    "no header name": ({"headers": {"a b": "c"}}, "'a b' is no header name"),
    "a line end in a value": ({"headers": {"X-A": "b\r\nX-C: d"}}, "'X-A' holds a line end"),
    "no final status": ({"status": 100}, "status"),
    "no status at all": ({"status": 600}, "status"),
    "an unknown key": ({"stauts": 410}, "status"),
    "a time without unit": ({"retry_after": 60}, "a duration such as"),
    "a number that json cannot say": ({"json": {"a": 2**70}}, "json: Integer exceeds 64-bit range"),
}


@pytest.mark.parametrize("what", MISTAKES)
async def test_a_mistake_in_the_settings_is_told_before_the_first_request(what: str) -> None:
    settings, told = MISTAKES[what]
    with pytest.raises(ValueError, match=r".") as raised:
        await reply_of(**settings)
    assert told in str(raised.value)


async def test_editing_one_answer_leaves_the_next_one_as_it_was() -> None:
    async with isolated(StaticReply, {"headers": {"X-Page": "old"}}) as alone:
        first = (await alone.through(request())).reply
        first.headers.set("X-Page", "edited")
        first.status = 500
        second = (await alone.through(request())).reply
    assert (second.status, second.headers.get("X-Page")) == (200, "old")


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
async def test_every_method_is_answered_without_asking_an_upstream(method: str) -> None:
    async with isolated(StaticReply, {"status": 410}) as alone:
        passed = await alone.through(request(method), body=b"unread")
    assert passed.reply.status == 410
    assert passed.sent is None
