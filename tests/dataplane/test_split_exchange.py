"""A request on a route with a rollout: decided, observed for its arm, rescued by legacy."""

from typing import Any

import pytest

from proxy.controlplane.replaying import replay
from proxy.core.observations import named
from proxy.core.reason import Arm, Reason
from proxy.core.rollout_state import Mark, RolloutState
from tests.kit.inside import Inside
from tests.kit.transport import MemoryTransport, on_memory_loop, turns

MARK = Mark("ops", "a drill", 0)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
FAILED = b"HTTP/1.1 503 Broken\r\nContent-Length: 4\r\n\r\nsick"
ARMS = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}


def split(rollout: dict[str, Any] | None = None, **route: Any) -> dict[str, Any]:
    """Everybody with a key is on new, unless the rollout says otherwise."""
    declared = {"percentage": 99.999} | (rollout or {})
    one = {"name": "all", "match": {"path": "/**"}, "rollout": "r", "arms": ARMS} | route
    return {
        "upstreams": {
            "legacy": {"url": "http://127.0.0.1:3000"},
            "new": {"url": "http://127.0.0.1:3001"},
        },
        "identity": {"key": ["cookie:sid"], "attributes": {"tenant": ["header:X-Tenant"]}},
        "rollouts": {"r": declared},
        "routes": [one],
    }


def request(method: str = "GET", body: bytes = b"", extra: str = "", key: str = "ann") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method} /a HTTP/1.1\r\nHost: a\r\nCookie: sid={key}\r\n{length}{extra}\r\n"
    return head.encode() + body


def counts(inside: Inside, arm: Arm = Arm.NEW) -> dict[str, int]:
    """Return what is counted of an arm, without latencies."""
    found = inside.watch.windows["r"].export().counts
    return {named(text).what: n for text, n in found.items() if named(text).arm is arm}


def observing(inside: Inside) -> None:
    inside.watch.windows["r"].begin(1)


async def rescued(inside: Inside, data: bytes, failure: bytes = FAILED) -> tuple[bytes, bytes]:
    """Let new fail and legacy answer; what legacy got and what the client got."""
    client, new = await inside.ask(data)
    new.sent()
    if failure:
        new.peer_sends(failure)
    else:
        new.peer_resets()
    await turns()
    legacy = await inside.accept()
    got = legacy.sent()
    legacy.peer_sends(OK)
    await turns()
    return got, client.sent()


async def unrescued(inside: Inside, data: bytes, failure: bytes = FAILED) -> bytes:
    """Let new fail; what the client got."""
    client, new = await inside.ask(data)
    if failure:
        new.peer_sends(failure)
    else:
        new.peer_resets()
    await turns()
    assert len(inside.loop.dials) == 1
    return client.sent()


REPLAYABLE = {
    "a GET": request(),
    "a PUT with its body": request("PUT", b"hello"),
    "a DELETE": request("DELETE"),
    "a chunked PUT": request("PUT", extra="Transfer-Encoding: chunked\r\n")
    + b"5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("failure", [FAILED, b"", b"no HTTP at all\r\n\r\n"])
@pytest.mark.parametrize("what", REPLAYABLE)
def test_what_new_fails_at_is_asked_of_legacy_where_that_is_safe(what: str, failure: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        observing(inside)
        asked, told = await rescued(inside, REPLAYABLE[what], failure)
        assert asked.splitlines()[0] == REPLAYABLE[what].splitlines()[0]
        assert asked.partition(b"\r\n\r\n")[2] == REPLAYABLE[what].partition(b"\r\n\r\n")[2]
        assert told.startswith(b"HTTP/1.1 200 OK")
        assert b"X-Crossfade-Arm: legacy\r\nX-Crossfade-Reason: failover\r\n" in told
        assert counts(inside)["errors"] == 1
        assert counts(inside, Arm.LEGACY) == {}
        assert inside.accounting.rescues == {"all": 1}
        (remembered,) = inside.door.decided
        assert remembered.decision[:2] == (Arm.LEGACY, Reason.FAILOVER)
        assert replay(remembered).same
        await inside.close()

    ask()


UNSAFE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "a POST": (request("POST", b"hello"), {}),
    "a POST that names itself where that is not allowed": (
        request("POST", b"hello", "Idempotency-Key: 7\r\n"),
        {},
    ),
    "a POST without a name where names are allowed": (
        request("POST", b"hello"),
        {"replay": "allow"},
    ),
    "a POST with an empty name": (
        request("POST", b"hello", "Idempotency-Key: \r\n"),
        {"replay": "allow"},
    ),
    "a rollout without fallback": (request(), {"rollout_": {"fallback": False}}),
    "a body too long to be kept": (request("PUT", b"x" * (64 * 1024 + 1)), {}),
}


@pytest.mark.parametrize("what", UNSAFE)
def test_what_may_have_been_done_is_not_done_again(what: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        data, settings = UNSAFE[what]
        route = {**settings}
        inside = Inside(**split(route.pop("rollout_", None), **route))
        assert (await unrescued(inside, data)).startswith(b"HTTP/1.1 503 Broken")
        assert inside.accounting.rescues == {}
        await inside.close()

    ask()


def test_a_post_that_names_itself_is_replayed_where_the_route_allows_it() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split(replay="allow"))
        data = request("POST", b"hello", "Idempotency-Key: 7\r\n")
        asked, told = await rescued(inside, data)
        assert asked.endswith(b"\r\n\r\nhello")
        assert told.startswith(b"HTTP/1.1 200 OK")
        await inside.close()

    ask()


def test_a_request_that_was_never_sent_is_asked_of_legacy_whatever_its_method() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        observing(inside)
        client = inside.connect()
        client.peer_sends(request("POST", b"hello"))
        (await inside.dialled()).refuse()
        await turns()
        legacy = await inside.accept()
        assert legacy.sent().endswith(b"\r\n\r\nhello")
        legacy.peer_sends(OK)
        await turns()
        assert b"X-Crossfade-Reason: failover" in client.sent()
        assert counts(inside)["connects"] == 1
        await inside.close()

    ask()


def test_a_new_arm_that_does_not_answer_in_time_is_rescued_and_blamed() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        observing(inside)
        client, _ = await inside.ask(request())
        await inside.sweep(31.0)
        legacy = await inside.accept()
        legacy.peer_sends(OK)
        await turns()
        assert client.sent().startswith(b"HTTP/1.1 200 OK")
        assert counts(inside) == {"requests": 1, "errors": 1, "timeouts": 1}
        await inside.close()

    ask()


def test_when_legacy_fails_too_its_answer_is_the_last_one() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        client, new = await inside.ask(request())
        new.peer_sends(FAILED)
        await turns()
        legacy = await inside.accept()
        legacy.peer_resets()
        await turns()
        told = client.sent()
        assert told.startswith(b"HTTP/1.1 502 ")
        assert b"X-Crossfade-Arm: legacy" in told
        assert len(inside.loop.dials) == 2
        await inside.close()

    ask()


def test_what_the_client_has_seen_a_byte_of_is_not_asked_again() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        observing(inside)
        client, new = await inside.ask(request())
        new.peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        await turns()
        new.peer_resets()
        await turns()
        assert client.sent().endswith(b"half")
        assert len(inside.loop.dials) == 1
        assert counts(inside)["errors"] == 1
        await inside.close()

    ask()


def test_legacy_is_never_rescued_by_new() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split({"percentage": 0.001}))
        told = await unrescued(inside, request())
        assert told.startswith(b"HTTP/1.1 503 Broken")
        assert b"X-Crossfade-Arm: legacy" in told
        await inside.close()

    ask()


@pytest.mark.parametrize(
    ("rollout", "key", "arm"),
    [
        ({}, "ann", Arm.NEW),
        ({"percentage": 0.001}, "ann", Arm.LEGACY),
        ({"blacklist": ["ann"]}, "ann", None),
        ({"missing_key": "new"}, "", None),
    ],
)
def test_only_callers_who_could_have_met_either_arm_are_observed(
    rollout: dict[str, Any], key: str, arm: Arm | None
) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split(rollout))
        observing(inside)
        _, upstream = await inside.ask(request(key=key))
        upstream.peer_sends(OK)
        await turns()
        for side in Arm:
            assert counts(inside, side).get("requests", 0) == (side is arm)
        await inside.close()

    ask()


def test_a_client_that_leaves_is_nobodys_failure() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        observing(inside)
        client, _ = await inside.ask(request())
        client.peer_resets()
        await turns()
        assert counts(inside) == {"left": 1}
        assert inside.accounting.rescues == {}
        await inside.close()

    ask()


def test_callers_are_parted_by_route_and_cohort() -> None:
    @on_memory_loop
    async def ask() -> None:
        rollout = {"cohort": "tenant", "rollback": {"scope": "route"}}
        sections = split(rollout)
        sections["identity"]["trusted_proxies"] = ["127.0.0.1/32"]
        inside = Inside(**sections)
        observing(inside)
        for extra in ("X-Tenant: acme\r\n", ""):
            _, upstream = await inside.ask(request(extra=extra))
            upstream.peer_sends(OK)
            await turns()
            upstream.peer_ends()
            await turns()
        found = {named(text)[:2] for text in inside.watch.windows["r"].export().counts}
        assert found == {("all", "acme"), ("all", "(none)")}
        await inside.close()

    ask()


async def answered_by(inside: Inside, data: bytes) -> str:
    """Ask, let whoever is asked answer; the arm that it was."""
    client, upstream = await inside.ask(data)
    upstream.peer_sends(OK)
    await turns()
    upstream.peer_ends()
    await turns()
    told: bytes = client.sent()
    return told.partition(b"X-Crossfade-Arm: ")[2].partition(b"\r")[0].decode()


def test_who_has_just_written_reads_there_even_if_the_rollout_moves() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split({"percentage": 0.001, "write_affinity": "30s"}))
        now = 1000.0
        inside.door.wall_clock = inside.generation.wall_clock = lambda: now
        assert await answered_by(inside, request("POST", b"x")) == "legacy"
        inside.generation.steer(RolloutState("r", percentage=99.999))
        assert await answered_by(inside, request()) == "legacy"
        assert await answered_by(inside, request(key="bob")) == "new"
        now = 1031.0
        assert await answered_by(inside, request()) == "new"
        await inside.close()

    ask()


def test_a_rollback_beats_the_write_affinity() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split({"write_affinity": "30s"}))
        assert await answered_by(inside, request("POST", b"x")) == "new"
        inside.generation.steer(RolloutState("r", rolled_back=MARK))
        assert await answered_by(inside, request()) == "legacy"
        await inside.close()

    ask()


def test_a_decision_is_remembered_with_what_it_was_made_of() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        state = RolloutState("r", version=7, percentage=0)
        inside.generation.steer(state)
        assert await answered_by(inside, request()) == "legacy"
        (one,) = inside.door.decided
        assert (one.route, one.rollout, one.state, one.generation) == ("all", "r", state, 1)
        assert (one.identity.key, one.decision.arm) == (b"ann", Arm.LEGACY)
        assert one.config is inside.generation.config
        await inside.close()

    ask()


def test_a_second_attempt_comes_through_the_same_client_connection() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split())
        client: MemoryTransport = inside.connect()
        client.peer_sends(request("PUT", b"he")[:-2] + b"he")
        new = await inside.accept()
        new.peer_sends(FAILED)
        await turns()
        legacy = await inside.accept()
        assert legacy.sent().endswith(b"he")
        legacy.peer_sends(OK)
        await turns()
        client.sent()
        client.peer_sends(request())
        again = await inside.accept()
        again.peer_sends(OK)
        await turns()
        assert b"X-Crossfade-Arm: new" in client.sent()
        await inside.close()

    ask()


def test_who_was_assigned_before_a_segment_began_is_no_evidence_of_it() -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside(**split({"fallback": False}))
        observing(inside)
        _, new = await inside.ask(request())
        inside.watch.windows["r"].begin(2)
        new.peer_sends(FAILED)
        await turns()
        found = inside.watch.windows["r"].export()
        assert counts(inside)["errors"] == 1
        assert (found.keys, found.sketches) == ({}, {})
        await inside.close()

    ask()
