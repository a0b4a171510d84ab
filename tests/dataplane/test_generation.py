"""What was declared, at work: where a request goes, whom it believes, what it shows."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from proxy.core.identity import Identity
from proxy.core.message import RequestHead, parse_request_head
from proxy.core.reason import Arm, Reason
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold
from proxy.dataplane.generation import REMEMBERED, Destination, Generation
from proxy.dataplane.identify import Fields, Identifier
from tests.kit.inside import generation
from tests.kit.transport import on_memory_loop

SPLIT: dict[str, Any] = {
    "upstreams": {
        "legacy": {"url": "http://127.0.0.1:3000"},
        "new": {"url": "http://127.0.0.1:3001"},
        "other": {"url": "http://127.0.0.1:3002"},
    },
    "identity": {
        "key": ["header:X-User-Id", "cookie:sid"],
        "trusted_proxies": ["127.0.0.9/32", "10.0.0.0/8", "fd00::/8"],
    },
    "rollouts": {
        "all": {"percentage": 100},
        "none": {"percentage": 0},
        "strict": {"percentage": 50, "missing_key": "reject"},
    },
    "routes": [
        {
            "name": name,
            "match": {"path": f"/{name}/**"},
            "rollout": name,
            "arms": {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}},
        }
        for name in ("all", "none", "strict")
    ]
    + [
        {"name": "fixed", "match": {"path": "/fixed"}, "upstream": "other"},
        {"name": "hosted", "match": {"path": "/**", "host": "api.example"}, "upstream": "other"},
    ],
}


def head(target: bytes, *lines: bytes) -> RequestHead:
    start = b"GET " + target + b" HTTP/1.1"
    return parse_request_head(b"\r\n".join([start, b"Host: h", *lines, b"", b""]))


def decide(made: Generation, request: RequestHead, *, trusted: bool = False) -> Destination:
    """What the hot path does with a head."""
    bound = made.match(request)
    return made.decide(bound, made.identify(request, trusted=trusted, now=0.0))


WAYS: list[tuple[bytes, str, str, str, Reason]] = [
    (b"/all/x?a=/fixed", "all", "new", "new", Reason.PERCENTAGE),
    (b"/none/x", "none", "legacy", "legacy", Reason.REMAINDER),
    (b"/fixed?x=1", "fixed", "other", "none", Reason.ROUTE),
    (b"/else", "unmatched", "legacy", "none", Reason.UNMATCHED),
    (b"http://api.example/else", "hosted", "other", "none", Reason.ROUTE),
]


@pytest.mark.parametrize(("target", "route", "upstream", "arm", "reason"), WAYS)
def test_a_request_goes_where_its_route_and_its_key_say(
    target: bytes, route: str, upstream: str, arm: str, reason: Reason
) -> None:
    @on_memory_loop
    async def look() -> None:
        to = decide(generation(**SPLIT), head(target, b"Cookie: sid=u1"))
        got = (to.route, to.upstream.name, to.arm, to.reason)
        assert got == (route, upstream, arm, reason)

    look()


@on_memory_loop
async def test_a_header_names_the_caller_only_behind_a_trusted_proxy() -> None:
    made = generation(**SPLIT)
    request = head(b"/none/x", b"X-User-Id: ann", b"Cookie: sid=eve")
    assert decide(made, request, trusted=True).identity.key == b"ann"
    assert decide(made, request).identity.key == b"eve"


@on_memory_loop
async def test_a_route_may_refuse_callers_without_a_key() -> None:
    to = decide(generation(**SPLIT), head(b"/strict/x"))
    assert to.decision.rejected
    assert to.reason is Reason.MISSING_KEY


PEERS = {
    "127.0.0.9": True,
    "127.0.0.1": False,
    "10.255.0.1": True,
    "::ffff:10.0.0.1": True,
    "::ffff:11.0.0.1": False,
    "fd00::1": True,
    "fd00::1%eth0": True,
    "fe80::1": False,
    "": False,
    "nonsense": False,
}


@pytest.mark.parametrize("peer", PEERS)
def test_a_peer_is_trusted_by_its_network(peer: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        assert generation(**SPLIT).trusts(peer) is PEERS[peer]

    ask()


@on_memory_loop
async def test_the_way_is_shown_unless_told_otherwise() -> None:
    shown, hidden = generation(), generation(expose=False)
    line = b"X-Crossfade-Arm: new\r\nX-Crossfade-Reason: percentage\r\n"
    for _ in range(2):
        assert shown.exposed(Arm.NEW, Reason.PERCENTAGE) == line
        assert hidden.exposed(Arm.NEW, Reason.PERCENTAGE) == b""


class Unreadable(Mapping[str, str]):
    """Attributes that nobody can read."""

    def __getitem__(self, name: str) -> str:
        raise RuntimeError("u1 is broken")

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Broken(Identifier):
    """Finds an identity that cannot be decided about."""

    def identify(self, fields: Fields, now: float, *, trusted: bool) -> Identity:
        return Identity(b"u1", "cookie:sid", verified=False, attributes=Unreadable())


@on_memory_loop
async def test_a_decision_that_fails_goes_to_legacy_and_into_the_log_without_the_user() -> None:
    declared = {**SPLIT, "rollouts": {**SPLIT["rollouts"]}}
    declared["rollouts"]["all"] = {"percentage": 100, "conditions": {"tier": ["pro"]}}
    good = generation(**declared)
    broken = Generation(
        7, good.config, good.upstreams, Broken(good.config.identity), good.access_log
    )

    with capture_logs() as said:
        to = decide(broken, head(b"/all/x"))

    assert (to.arm, to.reason) == ("legacy", Reason.ERROR)
    assert [(e["event"], e["route"], e["error"]) for e in said] == [
        ("decision_failed", "all", "RuntimeError")
    ]
    assert "u1" not in str(said)


@on_memory_loop
async def test_of_a_busy_routes_callers_everybody_is_remembered_at_first_then_some() -> None:
    bound = generation(**SPLIT).match(head(b"/all/x"))
    assert all(bound.remembers() for _ in range(REMEMBERED))
    assert sum(bound.remembers() for _ in range(160)) == 10


MARK = Mark("ops", "a drill", 0.0)


@on_memory_loop
async def test_a_rollout_is_steered_on_all_its_routes_and_no_other() -> None:
    made = generation(**SPLIT)
    made.steer(RolloutState("all", version=3, killed=MARK))
    assert decide(made, head(b"/all/x")).reason is Reason.KILLED
    assert decide(made, head(b"/none/x")).reason is not Reason.KILLED
    assert made.learned["all"].version == 3
    assert [rule.name for rule in made.rollouts["all"].rules] == ["killed"]
    made.steer(RolloutState("all", version=4, percentage=100))
    assert decide(made, head(b"/all/x")).arm == "new"


@on_memory_loop
async def test_what_cannot_be_decided_by_changes_nothing() -> None:
    made = generation(**SPLIT)
    broken = RolloutState("all", percentage=0, whitelist=frozenset(["a", " "]))
    with pytest.raises(ValueError, match="no key"):
        made.steer(broken)
    assert decide(made, head(b"/all/x")).arm == "new"
    assert "all" not in made.learned
    made.steer(RolloutState("unknown", killed=MARK))
    assert "unknown" not in made.learned


@on_memory_loop
async def test_a_generation_begins_with_what_was_learned() -> None:
    good = generation(**SPLIT)
    learned = {"none": RolloutState("none", version=2, percentage=100)}
    made = Generation(
        8,
        good.config,
        good.upstreams,
        Identifier(good.config.identity),
        good.access_log,
        learned=learned,
    )
    assert decide(made, head(b"/none/x", b"Cookie: sid=ann")).arm == "new"


@on_memory_loop
async def test_a_state_that_decides_alike_is_taken_over_without_compiling_anything() -> None:
    made = generation(**SPLIT)
    made.steer(RolloutState("all", version=3, percentage=40))
    compiled = made.rollouts["all"]
    made.steer(RolloutState("all", version=3, percentage=40, healthy=10.0))
    assert made.rollouts["all"] is compiled
    assert made.learned["all"].healthy == 10.0
    assert made.match(head(b"/all/x")).state == made.learned["all"]
    for other in (
        RolloutState("all", percentage=41),
        RolloutState("all", percentage=40, killed=MARK),
        RolloutState("all", percentage=40, rolled_back=MARK),
        RolloutState("all", percentage=40, whitelist=frozenset(["a"])),
        RolloutState("all", percentage=40, blacklist=frozenset(["a"])),
        RolloutState("all", percentage=40, holds=(ScopedHold(MARK, "all"),)),
    ):
        made.steer(RolloutState("all", percentage=40))
        made.steer(other)
        assert made.rollouts["all"] is not compiled
        assert made.learned["all"] == other
