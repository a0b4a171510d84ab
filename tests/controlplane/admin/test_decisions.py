"""What is told about decisions: those of this moment, and those that were made."""

import orjson
import pytest

from proxy.config.models import Config
from proxy.controlplane.generations import GenerationBuilder
from proxy.controlplane.rollouts.authority import Actor, Rollouts
from proxy.controlplane.rollouts.observing import Watch
from proxy.core import commands
from proxy.core.decide import Decision
from proxy.core.identity import Identity
from proxy.core.reason import DECISIONS, Arm, Reason
from proxy.core.rollout_state import Mark, ScopedHold
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.decided import Decided
from proxy.dataplane.generation import REMEMBERED_ONE_IN
from tests.controlplane.admin_asking import Asked, by
from tests.controlplane.admin_view import CONFIG, NOW, View

pytestmark = pytest.mark.usefixtures("rollouts")

OPERATOR = Actor("anna", "operator")
MARK = Mark("anna", "a drill", 0.0)
SECRET_KEY = "somebody-with-a-name"


@pytest.fixture
def view() -> View:
    """The view's rollouts at 30 per cent, on condition of a tier, with an affinity."""
    found = View()
    rollout = {
        **CONFIG["rollouts"]["hybrid"],  # type: ignore[index]
        "percentage": 30,
        "conditions": {"tier": ["pro", "beta"], "age": {"min": 30}},
        "rules": [{"when": {"tier": ["beta"]}, "then": "new"}],
        "write_affinity": "30s",
    }
    attributes = {name: [f"header:X-{name}"] for name in ("tier", "tenant", "age")}
    routes = [*CONFIG["routes"], {"name": "fixed", "match": {"path": "/f"}, "upstream": "legacy"}]
    found.config = Config.model_validate(
        CONFIG
        | {
            "identity": {"key": ["header:X-User-Id"], "attributes": attributes},
            "rollouts": {**CONFIG["rollouts"], "hybrid": rollout},  # type: ignore[dict-item]
            "routes": routes,
        }
    )
    builder = GenerationBuilder(lambda: 0.0, KeyHash(b"test"), Watch().observers)
    found.built = builder.build(found.config)
    return found


PRO = {"tier": "pro", "age": 30}


async def told(rollouts: Rollouts, command: commands.Command) -> None:
    await rollouts.change("hybrid", command, OPERATOR, "before the test")


async def test_each_key_gets_the_very_decision_of_the_proxy(ask: Asked, view: View) -> None:
    bound = view.generation.route("campaigns")
    assert bound is not None
    arms = set()
    for number in range(60):
        key = f"user-{number}"
        identity = Identity(key.encode(), "header:X-User-Id", True, {"tier": "pro", "age": "30"})
        decision = view.generation.decide(bound, identity).decision
        for name in ({"rollout": "hybrid"}, {"route": "campaigns"}):
            body = {**name, "key": key, "attributes": PRO}
            status, found, _ = await ask("/v1/decide", "POST", json=body)
            assert status == 200
            assert found["arm"] == decision.arm
            assert (found["reason"], found["bucket"]) == (decision.reason, decision.bucket)
        arms.add(decision.arm)
    assert arms == set(Arm)


async def test_the_rules_are_told_up_to_the_one_that_decides(
    ask: Asked, rollouts: Rollouts
) -> None:
    body = {"rollout": "hybrid", "key": SECRET_KEY, "attributes": PRO | {"teir": "x"}}
    _, found, response = await ask("/v1/decide", "POST", json=body)
    assert [(look["rule"], look["hit"]) for look in found["rules"]] == [
        ("whitelist", False),
        ("conditions", False),
        ("rule 1", False),
        ("missing_key", False),
        ("percentage", True),
    ]
    assert found["because"] == DECISIONS[Reason(found["reason"])]
    assert (found["percentage"], found["generation"], found["ignored"]) == (30, 1, ["teir"])
    assert found["version"] == rollouts.state("hybrid").version
    assert (found["stale"], found["rejected"]) == (False, False)
    assert SECRET_KEY not in await response.text()


async def test_a_key_that_nobody_vouches_for_uses_no_whitelist(ask: Asked) -> None:
    body = {"rollout": "hybrid", "key": "ann", "attributes": {}}
    assert (await ask("/v1/decide", "POST", json=body))[1]["reason"] == "whitelist"
    found = (await ask("/v1/decide", "POST", json=body | {"verified": False}))[1]
    assert found["reason"] == "conditions"
    assert "not verified" in found["rules"][0]["saw"]


async def test_what_is_steered_counts_from_the_next_question_on(
    ask: Asked, rollouts: Rollouts
) -> None:
    body = {"rollout": "hybrid", "key": "ann"}
    await told(rollouts, commands.Kill())
    _, found, _ = await ask("/v1/decide", "POST", json=body)
    assert (found["arm"], found["reason"]) == ("legacy", "killed")
    assert found["version"] == rollouts.state("hybrid").version


async def test_what_holds_for_a_route_is_told_of_that_route_alone(
    ask: Asked, rollouts: Rollouts
) -> None:
    await told(rollouts, commands.Rollback(ScopedHold(MARK, route="messages")))
    body = {"key": "u1", "attributes": {"tier": "beta", "age": 30}}
    answers = [
        (await ask("/v1/decide", "POST", json=body | place))[1]["reason"]
        for place in ({"route": "messages"}, {"route": "campaigns"}, {"rollout": "hybrid"})
    ]
    assert answers == ["rolled_back", "rule", "rule"]


async def test_a_caller_who_has_just_written_reads_where_that_was(ask: Asked, view: View) -> None:
    bound = view.generation.route("campaigns")
    assert bound is not None
    assert bound.affinity is not None
    bound.affinity.wrote(b"u1", Arm.NEW, view.generation.wall_clock())
    body = {"route": "campaigns", "key": "u1"}
    assert (await ask("/v1/decide", "POST", json=body))[1]["reason"] == "conditions"
    found = (await ask("/v1/decide", "POST", json=body | {"reads": True}))[1]
    assert (found["arm"], found["reason"]) == ("new", "write_affinity")


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"rollout": "hybird", "key": "a"}, 404, "did you mean hybrid?"),
        ({"route": "campaign", "key": "a"}, 404, "did you mean campaigns?"),
        ({"route": "campaign", "key": "a"}, 404, 'no route called "campaign".'),
        ({"route": "fixed", "key": "a"}, 404, "nothing to decide"),
        ({"key": "a"}, 422, "neither a rollout nor a route"),
        ({"route": "campaigns", "rollout": "sleeping"}, 422, "asks another rollout"),
        ({"rollout": "hybrid", "key": 7}, 422, "key"),
        ({"rollout": "hybrid", "kye": "a"}, 422, "kye"),
        ([], 400, "no JSON object"),
    ],
)
async def test_a_question_that_cannot_be_answered_is_told_why(
    ask: Asked, body: object, status: int, says: str
) -> None:
    got, found, _ = await ask("/v1/decide", "POST", json=body)
    assert got == status
    assert says in f"{found['detail']} {found['hint']}"


# replay


def made(view: View, request_id: str, decision: Decision, **attributes: str) -> Decided:
    identity = Identity(SECRET_KEY.encode(), "header:X-User-Id", True, attributes)
    state = view.generation.learned["hybrid"]
    return Decided(
        request_id, NOW, "campaigns", "hybrid", identity, decision, 1, view.config, state
    )


UNMET = Decision(Arm.LEGACY, Reason.CONDITIONS)


async def test_a_remembered_decision_is_told_as_logged_and_as_derived(
    ask: Asked, view: View
) -> None:
    view.decided = [made(view, "r1", UNMET, tier="free")]
    status, found, response = await ask("/v1/replay", "POST", json={"decision": "r1"})
    assert (status, found["same"], found["given"], found["note"]) == (200, True, "", "")
    assert found["logged"] == {"arm": "legacy", "reason": "conditions", "bucket": None}
    derived = found["derived"]
    assert (derived["arm"], derived["reason"], derived["bucket"]) == ("legacy", "conditions", None)
    assert derived["rules"][-1]["hit"]
    assert (found["at"], found["route"], found["generation"]) == (NOW, "campaigns", 1)
    assert found["version"] == view.generation.learned["hybrid"].version
    assert SECRET_KEY not in await response.text()


async def test_what_is_derived_otherwise_is_told_as_different(ask: Asked, view: View) -> None:
    view.decided = [made(view, "r1", Decision(Arm.NEW, Reason.WHITELIST), tier="free")]
    _, found, _ = await ask("/v1/replay", "POST", json={"decision": "r1"})
    assert (found["same"], found["derived"]["reason"]) == (False, "conditions")
    assert "fault" in found["note"]


@pytest.mark.parametrize(
    ("reason", "given", "says"),
    [
        (Reason.ASSIGNED, "assigned", "plugin"),
        (Reason.WRITE_AFFINITY, "write_affinity", "had written"),
    ],
)
async def test_what_cannot_be_derived_is_told_and_not_called_different(
    ask: Asked, view: View, reason: Reason, given: str, says: str
) -> None:
    view.decided = [made(view, "r1", Decision(Arm.NEW, reason), tier="free")]
    _, found, _ = await ask("/v1/replay", "POST", json={"decision": "r1"})
    assert (found["same"], found["given"]) == (True, given)
    assert says in found["note"]


async def test_values_of_attributes_are_told_to_operators_alone(
    ask_with_tokens: Asked, view: View
) -> None:
    view.decided = [made(view, "r1", UNMET, tier="a-rare-tier")]
    for role, sees in (("viewer", False), ("operator", True)):
        body = {"decision": "r1"}
        _, found, _ = await ask_with_tokens("/v1/replay", "POST", json=body, headers=by(role))
        assert found["same"]
        assert (b"a-rare-tier" in orjson.dumps(found)) is sees


async def test_a_decision_that_is_not_kept_is_told_with_what_is(ask: Asked, view: View) -> None:
    status, found, _ = await ask("/v1/replay", "POST", json={"decision": "r9"})
    assert (status, found["kept"], found["since"]) == (404, 0, None)
    view.decided = [made(view, "r1", UNMET), made(view, "r2", UNMET)]
    status, found, _ = await ask("/v1/replay", "POST", json={"decision": "r9"})
    assert (status, found["kept"], found["since"]) == (404, 2, NOW)
    assert "2023-11-14 22:13:20 UTC" in found["hint"]
    assert f"one in {REMEMBERED_ONE_IN} is kept" in found["hint"]


@pytest.mark.parametrize("body", [{}, {"decision": ""}, {"decision": 7}, {"decision": "x" * 201}])
async def test_a_replay_needs_the_id_of_a_request(ask: Asked, body: object) -> None:
    assert (await ask("/v1/replay", "POST", json=body))[0] == 422
