"""Several endpoints of one upstream: balanced, checked, left out while they fail."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from tests.conformance.judge import assert_problem, get
from tests.kit.answering import AnsweringUpstream, plain
from tests.kit.message import Request
from tests.kit.running import RunningProxy, free_port, wait_until

FAST_HEALTH = {"path": "/health", "interval": "100ms", "timeout": "500ms", "unhealthy_after": 1}


def answering(name: bytes) -> AnsweringUpstream:
    return AnsweringUpstream(lambda _: plain(name))


@contextmanager
def balanced(endpoints: list[str], **settings: Any) -> Iterator[RunningProxy]:
    config = {"upstreams": {"legacy": {"endpoints": endpoints, **settings}}}
    with RunningProxy(config) as proxy:
        yield proxy


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def started(stack: ExitStack, answer: Callable[[Request], bytes] | bytes) -> AnsweringUpstream:
    upstream = answering(answer) if isinstance(answer, bytes) else AnsweringUpstream(answer)
    stack.callback(upstream.close)
    return upstream


def ask(proxy: RunningProxy, target: bytes = b"/") -> tuple[int, bytes]:
    with proxy.connect() as client:
        answer = client.ask(get(target))
        return answer.status, answer.body


def test_requests_are_spread_over_the_endpoints(stack: ExitStack) -> None:
    names = (b"a", b"b", b"c")
    urls = [started(stack, name).url for name in names]
    with balanced(urls) as proxy:
        seen = Counter(ask(proxy) for _ in range(60))
    assert set(seen) == {(200, name) for name in names}
    assert min(seen.values()) >= 5, seen


def test_the_endpoint_with_fewest_outstanding_requests_is_asked(stack: ExitStack) -> None:
    release = threading.Event()

    def holding(request: Request) -> bytes:
        if request.target == b"/hold":
            release.wait(10)
        return plain(b"holding")

    def other(request: Request) -> bytes:
        if request.target == b"/hold":
            release.wait(10)
        return plain(b"other")

    one, two = started(stack, holding), started(stack, other)
    with balanced([one.url, two.url]) as proxy, proxy.connect() as held:
        held.send(get(b"/hold"))
        wait_until(lambda: one.count() + two.count() == 1, "one endpoint holds a request")
        idle = b"other" if one.count() else b"holding"
        assert {ask(proxy) for _ in range(10)} == {(200, idle)}
        release.set()
        assert held.read_response().status == 200


def test_a_dead_endpoint_is_left_out(stack: ExitStack) -> None:
    alive = started(stack, b"alive")
    dead = f"http://127.0.0.1:{free_port()}"
    with balanced([dead, alive.url], outlier={"failures": 2, "base": "60s"}) as proxy:
        answers = [ask(proxy) for _ in range(40)]
    assert set(answers) <= {(200, b"alive"), *(one for one in answers if one[0] == 502)}
    assert answers[-20:] == [(200, b"alive")] * 20
    assert sum(1 for status, _ in answers if status != 200) <= 2


def test_an_endpoint_that_cuts_is_left_out(stack: ExitStack) -> None:
    alive = started(stack, b"alive")
    sick = started(stack, lambda _: b"nonsense\r\n\r\n")
    with balanced([sick.url, alive.url], outlier={"failures": 2, "base": "60s"}) as proxy:
        answers = [ask(proxy) for _ in range(40)]
    assert answers[-20:] == [(200, b"alive")] * 20
    assert sum(1 for status, _ in answers if status != 200) <= 2


def test_an_ejected_endpoint_returns_after_its_time(stack: ExitStack) -> None:
    steady = started(stack, b"steady")
    sick = threading.Event()
    sick.set()
    moody = started(stack, lambda _: b"nonsense\r\n\r\n" if sick.is_set() else plain(b"moody"))
    with balanced([moody.url, steady.url], outlier={"failures": 1, "base": "200ms"}) as proxy:
        wait_until(lambda: ask(proxy)[0] == 502, "the sick endpoint fails a request")
        sick.clear()
        assert ask(proxy)[0] == 200
        wait_until(lambda: ask(proxy) == (200, b"moody"), "the endpoint is asked again")


def test_the_last_endpoint_is_never_ejected(stack: ExitStack) -> None:
    sick = threading.Event()
    sick.set()
    only = started(stack, lambda _: b"nonsense\r\n\r\n" if sick.is_set() else plain(b"well"))
    with balanced([only.url], outlier={"failures": 1, "base": "60s"}) as proxy:
        assert [ask(proxy)[0] for _ in range(10)] == [502] * 10
        sick.clear()
        assert ask(proxy) == (200, b"well")


def test_an_endpoint_that_fails_its_checks_gets_no_requests(stack: ExitStack) -> None:
    def failing(request: Request) -> bytes:
        return plain(b"sick", b"503 No" if request.target == b"/health" else b"200 OK")

    sick, well = started(stack, failing), started(stack, b"well")
    with balanced([sick.url, well.url], health=FAST_HEALTH) as proxy:
        wait_until(lambda: sick.count(b"/health") >= 2, "the endpoint was checked")
        assert {ask(proxy) for _ in range(20)} == {(200, b"well")}


def test_no_healthy_endpoint_is_503_until_one_recovers(stack: ExitStack) -> None:
    ill = threading.Event()
    ill.set()
    only = started(stack, lambda _: plain(b"x", b"500 No" if ill.is_set() else b"200 OK"))
    with balanced([only.url], health=FAST_HEALTH) as proxy:
        wait_until(lambda: ask(proxy)[0] == 503, "the endpoint is known to be unhealthy")
        with proxy.connect() as client:
            assert_problem(client.ask(get()), 503, "no_healthy_endpoint")
        ill.clear()
        wait_until(lambda: ask(proxy) == (200, b"x"), "the endpoint is used again")
