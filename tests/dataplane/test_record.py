"""What is written down of a request that is over is counted once, and logged if it is wanted."""

from structlog.testing import capture_logs

from tests.kit.inside import Inside
from tests.kit.transport import on_memory_loop, turns

GET = b"GET /a HTTP/1.1\r\nHost: a\r\nX-Request-Id: 7\r\n\r\n"


async def ended(sample: float, response: bytes) -> tuple[Inside, list[str]]:
    """A request that was answered so, and the events that were logged of it."""
    inside = Inside(log={"access": {"sample": sample}})
    with capture_logs() as lines:
        client, upstream = await inside.ask(GET)
        upstream.peer_sends(response)
        await turns()
        client.peer_ends()
        await turns()
    await inside.close()
    return inside, [f"{line['event']} {line['status']} {line['reason']}" for line in lines]


@on_memory_loop
async def test_a_good_request_is_counted_and_logged_only_if_it_is_sampled() -> None:
    good = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    inside, lines = await ended(0.0, good)
    assert lines == []
    assert [(key.status_class, count) for key, count in inside.accounting.series()] == [(2, 1)]
    _, lines = await ended(1.0, good)
    assert lines == ["request 200 unmatched"]


@on_memory_loop
async def test_a_fault_is_counted_and_logged_whatever_the_sample_is() -> None:
    inside, lines = await ended(0.0, b"nonsense\r\n\r\n")
    assert lines == ["request 502 upstream_invalid"]
    assert [count for _, count in inside.accounting.series()] == [1]
