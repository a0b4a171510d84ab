"""The echo upstream: tells and keeps what reached it, answers as it is told."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from proxy.api import Reply, json_reply
from proxy.api.testing import EchoUpstream, upstream_reply


@pytest.fixture
async def upstream() -> AsyncIterator[EchoUpstream]:
    echo = EchoUpstream()
    await echo.start()
    yield echo
    await echo.close()


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_what_came_is_told_and_kept(
    upstream: EchoUpstream, client: aiohttp.ClientSession
) -> None:
    headers = [("A", "1"), ("A", "2")]
    async with client.put(f"{upstream.url}/a%20b?q=1", data=b'{"x":1}', headers=headers) as answer:
        told = await answer.json()
    assert (answer.status, told["method"], told["path"], told["query"]) == (
        200,
        "PUT",
        "/a%20b",
        "q=1",
    )
    assert (told["headers"]["a"], told["body"]) == ("1, 2", '{"x":1}')
    assert list(upstream.requests) == [upstream.last]
    assert (upstream.last.method, upstream.last.path, upstream.last.query) == (
        "PUT",
        "/a%20b",
        "q=1",
    )
    assert upstream.last.headers.all("A") == ["1", "2"]
    assert upstream.last.json() == {"x": 1}


async def test_the_next_requests_are_answered_as_it_was_told_and_then_echoed(
    upstream: EchoUpstream, client: aiohttp.ClientSession
) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"

    upstream.reply_next(
        json_reply({"n": 1}, 503),
        Reply(200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], parts()),
        upstream_reply(404, {"Server": "old"}),
    )
    seen = []
    for _ in range(4):
        async with client.get(upstream.url) as answer:
            seen.append((answer.status, await answer.read()))
            cookies = answer.headers.getall("Set-Cookie", [])
            assert len(cookies) == (2 if len(seen) == 2 else 0)
            assert (answer.headers["Server"] == "old") == (len(seen) == 3)
    assert seen[:3] == [(503, b'{"n":1}'), (200, b"ab"), (404, b"")]
    assert seen[3][0] == 200
    assert len(upstream.requests) == 4


async def test_a_body_without_end_is_refused(
    upstream: EchoUpstream, client: aiohttp.ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.api.testing.echo.LARGEST_BODY", 10)
    async with client.post(upstream.url, data=b"x" * 11) as answer:
        assert answer.status == 413
    assert not upstream.requests


async def test_nobody_has_come_before_the_first_request(upstream: EchoUpstream) -> None:
    with pytest.raises(IndexError):
        assert upstream.last
    await EchoUpstream().close()
