"""An upstream's endpoints: who is asked, what is learned, what a reload keeps."""

from typing import Any

from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.upstream import Endpoint, Upstream
from tests.kit.inside import generation
from tests.kit.transport import on_memory_loop

URLS = [f"http://127.0.0.1:{port}" for port in (3000, 3001, 3002)]


def upstream(before: Upstream | None = None, **declared: Any) -> Upstream:
    settings = {"endpoints": URLS, "outlier": {"failures": 2, "base": "10s"}} | declared
    made = generation(upstreams={"legacy": settings}).upstreams["legacy"]
    if before is None:
        return made
    return Upstream("legacy", made.declared, None, lambda: 0.0, before)


def chosen(one: Upstream, now: float = 0.0, tried: tuple[Endpoint, ...] = ()) -> Endpoint:
    found = one.choose(now, tried)
    assert found is not None
    return found


@on_memory_loop
async def test_requests_go_round_and_avoid_what_was_tried() -> None:
    one = upstream()
    assert {chosen(one).url for _ in range(3)} == set(URLS)
    first, second, third = one.endpoints
    assert chosen(one, tried=(first, third)) is second
    assert one.choose(0.0, (first, second, third)) is None


@on_memory_loop
async def test_a_single_endpoint_is_asked_unless_it_is_down_or_was_tried() -> None:
    one = upstream(endpoints=URLS[:1])
    endpoint = chosen(one)
    assert one.choose(0.0, (endpoint,)) is None
    endpoint.health.up = False
    assert one.choose(0.0, ()) is None


@on_memory_loop
async def test_faults_of_the_endpoint_and_its_5xx_speak_against_it_and_nothing_else() -> None:
    spared = (Reason.NO_HEALTHY_ENDPOINT, Reason.UPSTREAM_TOO_LARGE)
    for reason, fault in FAULTS.items():
        one = upstream()
        endpoint = one.endpoints[0]
        for _ in range(2):
            one.report(endpoint, 0.0, reason, 0)
        blamed = fault.blame == "upstream" and reason not in spared
        assert endpoint.health.available(0.0) is not blamed, reason
    one = upstream()
    for status, index in ((503, 0), (404, 1), (200, 2)):
        for _ in range(2):
            one.report(one.endpoints[index], 0.0, None, status)
    assert [e.health.available(0.0) for e in one.endpoints] == [False, True, True]


@on_memory_loop
async def test_the_last_available_endpoint_is_never_ejected() -> None:
    one = upstream()
    for endpoint in one.endpoints * 3:
        one.report(endpoint, 0.0, Reason.UPSTREAM_CUT, 0)
    assert [e.health.available(0.0) for e in one.endpoints].count(True) == 1
    assert chosen(one).health.available(0.0)


@on_memory_loop
async def test_ejection_can_be_switched_off() -> None:
    one = upstream(outlier={"failures": 0})
    for _ in range(20):
        one.report(one.endpoints[0], 0.0, Reason.UPSTREAM_CUT, 0)
    assert one.endpoints[0].health.available(0.0)


@on_memory_loop
async def test_what_was_learned_of_an_address_goes_with_the_address() -> None:
    before = upstream()
    for _ in range(2):
        before.report(before.endpoints[1], 0.0, Reason.UPSTREAM_CUT, 0)
    after = upstream(before, endpoints=[URLS[1], "http://127.0.0.1:3009"])
    assert after.endpoints[0].health is before.endpoints[1].health
    assert not after.endpoints[0].health.available(0.0)
    assert after.endpoints[1].health.available(0.0)


@on_memory_loop
async def test_states_are_told_endpoint_by_endpoint() -> None:
    one = upstream()
    one.endpoints[0].health.up = False
    for _ in range(2):
        one.report(one.endpoints[1], 0.0, Reason.UPSTREAM_CUT, 0)
    one.endpoints[2].outstanding = 7
    states = one.states(0.0)
    assert [(s.endpoint, s.state) for s in states] == list(
        zip(URLS, ["down", "ejected", "up"], strict=True)
    )
    assert (states[2].upstream, states[2].outstanding, states[1].ejections) == ("legacy", 7, 1)


@on_memory_loop
async def test_retiring_closes_every_pool() -> None:
    one = upstream()
    one.expire_idle(0.0)
    one.retire()
    assert all(endpoint.pool.closed for endpoint in one.endpoints)
