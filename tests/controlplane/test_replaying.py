"""Decisions that were made, made again: the same arm, for the same reason, every time."""

import random
from dataclasses import replace
from typing import Any

import pytest

from proxy.config.models import Config
from proxy.controlplane.generations import GenerationBuilder
from proxy.controlplane.replaying import remembered, replay
from proxy.controlplane.rollouts.observing import Watch
from proxy.core.decide import Decision
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.reason import Arm, Reason
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.decided import Decided
from proxy.dataplane.generation import Generation
from tests.kit.inside import Inside
from tests.kit.transport import on_memory_loop, turns

ARMS = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}}
ROUTES = ("orders", "carts", "users")
TIERS = ("free", "pro", "beta")
TENANTS = ("acme", "umbrella", "none")
MARK = Mark("anna", "a drill", 0.0)
NOW = 1_700_000_000.0


def configured(**rollout: Any) -> Config:
    """One rollout, `hybrid`, on three routes."""
    return Config.model_validate(
        {
            "listen": "127.0.0.1:0",
            "upstreams": {name: {"url": "http://127.0.0.1:1"} for name in ARMS},
            "identity": {
                "key": ["cookie:sid"],
                "attributes": {"tier": ["header:X-Tier"], "tenant": ["header:X-Tenant"]},
            },
            "rollouts": {"hybrid": {"percentage": 30, **rollout}},
            "routes": [
                {"name": name, "match": {"path": f"/{name}"}, "rollout": "hybrid", "arms": ARMS}
                for name in ROUTES
            ],
        }
    )


PLAIN = configured()


def decided(
    config: Config = PLAIN,
    state: RolloutState | None = None,
    *,
    decision: Decision,
    identity: Identity = ANONYMOUS,
    request_id: str = "r1",
) -> Decided:
    return Decided(request_id, NOW, "orders", "hybrid", identity, decision, 1, config, state)


class Traffic:
    """Callers on a generation that is reloaded and steered under them."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.builder = GenerationBuilder(lambda: 0.0, KeyHash(b"test"), Watch().observers)
        self.kept: list[Decided] = []
        self.state = RolloutState("hybrid", percentage=30.0)
        self.generation: Generation
        self.reload(None)

    def reload(self, before: Generation | None) -> None:
        chance = self.chance
        rules = [
            {"when": {"tier": ["beta"]}, "then": chance.choice(["new", "legacy"])},
            {"when": {"tenant": ["acme"]}, "percentage": chance.randint(0, 100)},
        ]
        config = configured(
            enabled=chance.random() > 0.1,
            salt=chance.choice(["a", "b"]),
            conditions=chance.choice([{}, {"tier": ["pro", "beta"]}]),
            rules=chance.choice([[], rules, rules[::-1]]),
            cohort="tenant",
            missing_key=chance.choice(["legacy", "new", "reject"]),
            write_affinity=chance.choice(["0s", "30s"]),
            whitelist_survives_rollback=chance.random() < 0.5,
        )
        learned = {"hybrid": self.state}
        self.generation = self.builder.build(config, before, learned=learned)

    def steer(self) -> None:
        chance, state = self.chance, self.state
        self.state = replace(
            state,
            version=state.version + 1,
            percentage=chance.choice([0.0, 5.0, 12.345, 50.0, 99.999, 100.0]),
            killed=chance.choice([None] * 5 + [MARK]),
            rolled_back=chance.choice([None] * 5 + [MARK]),
            holds=chance.choice(
                [
                    (),
                    (ScopedHold(MARK, route="carts"),),
                    (ScopedHold(MARK, cohort="acme"), ScopedHold(MARK, "users", "umbrella")),
                ]
            ),
            whitelist=frozenset(f"user-{n}" for n in chance.sample(range(400), 20)),
            blacklist=frozenset(f"user-{n}" for n in chance.sample(range(400, 800), 20)),
        )
        self.generation.steer(self.state)

    def serve(self, requests: int) -> None:
        """Decide as an exchange does, and remember all."""
        chance, generation = self.chance, self.generation
        for _ in range(requests):
            key = f"user-{chance.randrange(800)}".encode() if chance.random() < 0.9 else None
            attributes = {"tier": chance.choice(TIERS), "tenant": chance.choice(TENANTS)}
            identity = Identity(key, "cookie:sid", chance.random() < 0.7, attributes)
            bound = generation.route(chance.choice(ROUTES))
            assert bound is not None
            reads = chance.random() < 0.5
            to = generation.decide(bound, identity, reads=reads)
            arm = to.decision.arm
            if bound.affinity is not None and key is not None and not reads and arm is not None:
                bound.affinity.wrote(key, arm, generation.wall_clock())
            self.kept.append(
                Decided(
                    str(len(self.kept)),
                    NOW,
                    bound.name,
                    bound.asks,
                    identity,
                    to.decision,
                    generation.number,
                    generation.config,
                    bound.state,
                )
            )


def test_10000_decisions_over_50_reloads_and_steerings_are_the_same_when_made_again() -> None:
    traffic = Traffic(1)
    for turn in range(50):
        if turn % 2:
            traffic.steer()
        else:
            traffic.reload(traffic.generation)
        traffic.serve(200)
    found = [replay(one) for one in traffic.kept]
    assert len(found) == 10_000
    assert [one.logged.request_id for one in found if not one.same] == []
    reasons = {one.derived.decision.reason for one in found}
    missing = {
        Reason.KILLED,
        Reason.DISABLED,
        Reason.ROLLED_BACK,
        Reason.BLACKLIST,
        Reason.WHITELIST,
        Reason.CONDITIONS,
        Reason.RULE,
        Reason.PERCENTAGE,
        Reason.REMAINDER,
        Reason.MISSING_KEY,
        Reason.WRITE_AFFINITY,
    } - reasons
    assert missing == set()
    assert {one.given for one in found} == {"", "write_affinity"}
    # It is really decided anew: under what is in force now, many would go elsewhere.
    now = traffic.generation
    moved = [
        replay(one._replace(config=now.config, state=traffic.state)) for one in traffic.kept[:2000]
    ]
    assert sum(not one.same for one in moved) > 200


def test_what_was_logged_otherwise_is_told() -> None:
    identity = Identity(b"ann", "cookie:sid", verified=True)
    wrong = Decision(Arm.NEW, Reason.PERCENTAGE, 4)
    found = replay(decided(configured(percentage=0), decision=wrong, identity=identity))
    assert not found.same
    assert found.derived.decision.arm is Arm.LEGACY


def test_another_bucket_or_a_refusal_is_not_the_same() -> None:
    identity = Identity(b"ann", "cookie:sid", verified=True)
    config = configured(percentage=99.999)
    right = replay(
        decided(config, decision=Decision(Arm.NEW, Reason.PERCENTAGE), identity=identity)
    ).derived.decision
    assert replay(decided(config, decision=right, identity=identity)).same
    assert right.bucket is not None
    for other in (right._replace(bucket=right.bucket - 1), right._replace(rejected=True)):
        assert not replay(decided(config, decision=other, identity=identity)).same


@pytest.mark.parametrize("arm", list(Arm))
def test_what_a_plugin_pinned_is_taken_as_it_was_logged(arm: Arm) -> None:
    found = replay(decided(decision=Decision(arm, Reason.ASSIGNED)))
    assert (found.given, found.same) == ("assigned", True)
    assert found.derived.looks[-1].rule == "assign"


def test_a_pin_that_something_stronger_should_have_kept_out_is_told() -> None:
    killed = RolloutState("hybrid", killed=MARK)
    found = replay(decided(state=killed, decision=Decision(Arm.NEW, Reason.ASSIGNED)))
    assert (found.same, found.derived.decision.reason) == (False, Reason.KILLED)


@pytest.mark.parametrize("arm", list(Arm))
def test_where_a_caller_had_written_is_taken_as_it_was_logged(arm: Arm) -> None:
    identity = Identity(b"ann", "cookie:sid", verified=False)
    found = replay(decided(decision=Decision(arm, Reason.WRITE_AFFINITY), identity=identity))
    assert (found.given, found.same) == ("write_affinity", True)


@pytest.mark.parametrize("reason", [Reason.FAILOVER, Reason.DECLINED])
def test_what_legacy_took_over_is_derived_as_the_decision_before(reason: Reason) -> None:
    identity = Identity(b"ann", "cookie:sid", verified=False)
    derived = replay(
        decided(
            configured(percentage=99.999),
            decision=Decision(Arm.NEW, Reason.PERCENTAGE),
            identity=identity,
        )
    ).derived.decision
    rescued = derived._replace(arm=Arm.LEGACY, reason=reason)
    found = replay(decided(configured(percentage=99.999), decision=rescued, identity=identity))
    assert (found.given, found.same) == (reason.value, True)
    assert not replay(decided(configured(percentage=0), decision=rescued, identity=identity)).same


def test_the_last_decision_of_a_request_is_found_by_its_id() -> None:
    first = decided(decision=Decision(Arm.NEW, Reason.RULE), request_id="a")
    last = decided(decision=Decision(Arm.LEGACY, Reason.RULE), request_id="a")
    other = decided(decision=Decision(Arm.LEGACY, Reason.RULE), request_id="b")
    assert remembered([first, last, other], "a") is last
    assert remembered([first, last, other], "c") is None


@on_memory_loop
async def test_a_request_that_was_served_is_made_again_by_the_id_that_its_upstream_saw() -> None:
    inside = Inside(declared=configured(percentage=99.999))
    client, upstream = await inside.ask(
        b"GET /orders HTTP/1.1\r\nHost: a\r\nCookie: sid=ann\r\n\r\n"
    )
    head = upstream.sent().decode().lower()
    request_id = head.partition("x-request-id: ")[2].partition("\r\n")[0]
    upstream.peer_sends(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    await turns()
    # What has happened since is no matter.
    inside.generation.steer(RolloutState("hybrid", killed=MARK))
    one = remembered(inside.door.decided, request_id)
    assert one is not None
    found = replay(one)
    assert (found.same, found.derived.decision.arm) == (True, Arm.NEW)
    assert client.sent().startswith(b"HTTP/1.1 200 OK")
    await inside.close()
