"""What operators see of rollouts and do to them, over a real socket and a real store."""

import asyncio
from typing import Any, NamedTuple

import pytest

from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.rollout_routes import ACTIONS
from proxy.controlplane.rollouts.authority import Actor, Rollouts
from proxy.core import commands
from proxy.core.rollout_state import Phase, RolloutState, ScopedHold, Standing
from proxy.stores.memory import MemoryStore
from tests.controlplane.admin_asking import Asked, by
from tests.controlplane.admin_view import NOW, InForce, View

pytestmark = pytest.mark.usefixtures("rollouts")

HYBRID = "/v1/rollouts/hybrid"
OPERATOR = Actor("somebody", "operator")
AUTOMATION = Actor("auto_rollback", "automation")
ONCE = {"Idempotency-Key": "4f1c"}


async def told(rollouts: Rollouts, *asked: Any, actor: Actor = OPERATOR) -> RolloutState:
    """Change `hybrid` by several commands, behind the back of the admin listener."""
    for command in asked:
        await rollouts.change("hybrid", command, actor, "before the test")
    return rollouts.state("hybrid")


async def braked(rollouts: Rollouts) -> None:
    """Have `hybrid` rolled back twice by the brake, which latches it."""
    await told(rollouts, commands.Brake(), actor=AUTOMATION)
    await told(rollouts, commands.Start(insist=True))
    await told(rollouts, commands.Brake(), actor=AUTOMATION)


# what is shown


async def test_all_rollouts_are_listed_in_the_order_of_their_names(ask: Asked) -> None:
    status, found, _ = await ask("/v1/rollouts")
    assert (status, [one["name"] for one in found["rollouts"]]) == (200, ["hybrid", "sleeping"])
    assert [one["percentage"] for one in found["rollouts"]] == [5, 50]


async def test_a_rollout_is_shown_with_its_version_as_its_tag(
    ask: Asked, rollouts: Rollouts
) -> None:
    state = await told(rollouts, commands.Start())
    status, found, response = await ask(HYBRID)
    assert (status, found["standing"], found["step"]) == (200, "settle", 0)
    assert response.headers["ETag"] == f'"{found["version"]}"' == f'"{state.version}"'


@pytest.mark.parametrize(
    ("method", "rest"), [("GET", ""), ("PATCH", ""), ("POST", "/kill"), ("GET", "/lists")]
)
async def test_a_rollout_that_is_not_there_is_named_as_it_may_have_been_meant(
    ask: Asked, method: str, rest: str
) -> None:
    status, found, _ = await ask(f"/v1/rollouts/hybird{rest}", method, headers=ONCE)
    assert (status, found["hint"]) == (404, "did you mean hybrid?")
    assert found["detail"] == 'There is no rollout called "hybird".'


async def test_a_name_that_is_not_there_is_told_short_and_printable(ask: Asked) -> None:
    _, found, _ = await ask("/v1/rollouts/a%0Ab")
    assert found["detail"] == r'There is no rollout called "a\nb".'
    long = "x" * 60
    _, found, _ = await ask(f"/v1/rollouts/{long * 8}")
    assert found["detail"] == f'There is no rollout called "{long}...".'


# setting the percentage


async def test_a_percentage_is_set_by_whoever_has_seen_the_version(
    ask_with_tokens: Asked, rollouts: Rollouts, in_force: InForce
) -> None:
    tag = f'"{rollouts.state("hybrid").version}"'
    status, found, response = await ask_with_tokens(
        HYBRID,
        "PATCH",
        json={"percentage": 12.5, "reason": "looks good"},
        headers=by("operator", If_Match=tag),
    )
    assert (status, found["percentage"]) == (200, 12.5)
    assert response.headers["ETag"] == f'"{found["version"]}"' != tag
    assert in_force.states["hybrid"].percentage == 12.5


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        (None, 428),
        ("*", 400),
        ("1", 400),
        ('W/"1"', 400),
        ('"1" "2"', 400),
        ('"99"', 412),
        ('"not-ours"', 412),
        ('"99", "1"', 200),
    ],
)
async def test_a_percentage_is_not_set_without_the_version_that_was_seen(
    ask: Asked, rollouts: Rollouts, tag: str | None, expected: int
) -> None:
    headers = {} if tag is None else {"If-Match": tag}
    body = {"percentage": 50, "reason": "go"}
    status, found, _ = await ask(HYBRID, "PATCH", json=body, headers=headers)
    assert status == expected
    assert rollouts.state("hybrid").percentage == (50 if expected == 200 else 5)
    assert expected == 200 or found["hint"]


async def test_of_two_who_have_seen_the_same_version_one_is_told_of_the_other(
    ask: Asked,
) -> None:
    _, _, seen = await ask(HYBRID)
    answers = await asyncio.gather(
        *(
            ask(
                HYBRID,
                "PATCH",
                json={"percentage": percentage, "reason": "mine"},
                headers={"If-Match": seen.headers["ETag"]},
            )
            for percentage in (25, 50)
        )
    )
    won, lost = sorted(answers, key=lambda answer: answer[0])
    assert (won[0], lost[0]) == (200, 412)
    assert lost[1]["current"] == won[1]
    assert "version 2" in lost[1]["detail"]


# actions


async def test_a_kill_is_in_force_at_once(
    ask_with_tokens: Asked, rollouts: Rollouts, in_force: InForce
) -> None:
    status, found, _ = await ask_with_tokens(
        f"{HYBRID}/kill",
        "POST",
        json={"reason": "it burns"},
        headers=by("operator", Idempotency_Key="1"),
    )
    assert (status, found["standing"], found["share"]) == (200, "killed", 0)
    assert found["marks"]["killed"] == {"by": "a-operator", "why": "it burns", "at": NOW}
    assert in_force.states["hybrid"].killed is not None
    assert rollouts.state("hybrid").standing is Standing.KILLED


class Case(NamedTuple):
    """An action: what stands before, what is sent beside the reason, what the audit says of it."""

    action: str
    before: tuple[Any, ...] = ()
    body: dict[str, Any] = {}  # noqa: RUF012 - never changed
    changes: str = "phase"
    named: str = ""


CASES = (
    Case("start"),
    Case("promote", (commands.Start(),), changes="percentage"),
    Case(
        "approve",
        (commands.Start(), commands.Promote()),
        changes="approvals",
    ),
    Case("pause", (commands.Start(),), changes="paused"),
    Case("resume", (commands.Start(), commands.Pause()), changes="paused"),
    Case("rollback", changes="rolled_back"),
    Case("rollback", body={"route": "campaigns", "cohort": "acme"}, changes="holds"),
    Case("kill", changes="killed"),
    Case("unkill", (commands.Kill(),), changes="killed"),
    Case("acknowledge", ("braked",), changes="latched"),
    Case(
        "override_safety",
        (commands.Start(),),
        {"seconds": 60},
        "unsafe_until",
    ),
    Case(
        "release",
        (commands.Rollback(ScopedHold(None, "campaigns")),),  # type: ignore[arg-type]
        {"route": "campaigns"},
        "holds",
        "release_hold",
    ),
)


def test_each_action_has_its_case() -> None:
    assert {case.action for case in CASES} == {action.name for action in ACTIONS}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.action}-{len(case.body)}")
async def test_each_change_is_in_the_audit_with_who_why_before_and_after(
    ask_with_tokens: Asked, rollouts: Rollouts, case: Case
) -> None:
    if "braked" in case.before:
        await braked(rollouts)
    else:
        await told(rollouts, *case.before)
    version = rollouts.state("hybrid").version
    status, found, response = await ask_with_tokens(
        f"{HYBRID}/{case.action}",
        "POST",
        json={"reason": "as agreed", **case.body},
        headers=by("admin", Idempotency_Key="k-1"),
    )
    assert (status, found["version"]) == (200, version + 1), found
    assert response.headers["ETag"] == f'"{version + 1}"'
    _, page, _ = await ask_with_tokens("/v1/audit?rollout=hybrid&limit=1", headers=by("viewer"))
    (entry,) = page["entries"]
    assert (entry["actor"], entry["role"], entry["reason"]) == ("a-admin", "admin", "as agreed")
    assert (entry["action"], entry["version"]) == (case.named or case.action, version + 1)
    assert entry["before"][case.changes] != entry["after"][case.changes]


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
@pytest.mark.parametrize("role", Role)
async def test_each_action_needs_its_role(
    ask_with_tokens: Asked, rollouts: Rollouts, action: Any, role: Role
) -> None:
    version = rollouts.state("hybrid").version
    status, _, _ = await ask_with_tokens(
        f"{HYBRID}/{action.name}", "POST", json={}, headers=by(role.name.lower(), **_ONCE)
    )
    # Whoever may is only told that the reason is missing.
    assert status == (422 if role >= action.needs else 403)
    assert rollouts.state("hybrid").version == version


_ONCE = {"Idempotency_Key": "1"}


def test_only_an_admin_takes_back_what_protects() -> None:
    admins = {action.name for action in ACTIONS if action.needs is Role.ADMIN}
    assert admins == {"unkill", "acknowledge", "override_safety"}
    assert all(action.needs >= Role.OPERATOR for action in ACTIONS)


@pytest.mark.parametrize(("role", "expected"), [("operator", 403), ("admin", 200)])
async def test_only_an_admin_insists_on_a_start(
    ask_with_tokens: Asked, rollouts: Rollouts, role: str, expected: int
) -> None:
    await braked(rollouts)
    status, found, _ = await ask_with_tokens(
        f"{HYBRID}/start",
        "POST",
        json={"reason": "we know why", "insist": True},
        headers=by(role, **_ONCE),
    )
    assert status == expected, found
    assert (rollouts.state("hybrid").rolled_back is None) == (expected == 200)


async def test_what_a_rollout_does_not_take_is_refused_with_what_it_takes(
    ask: Asked, rollouts: Rollouts
) -> None:
    await told(rollouts, commands.Kill())
    body = {"reason": "go"}
    status, found, _ = await ask(f"{HYBRID}/start", "POST", json=body, headers=ONCE)
    assert (status, rollouts.state("hybrid").phase) == (409, Phase.DRAFT)
    assert "kill" in found["detail"] + found["hint"]
    assert found["hint"]


async def test_an_action_can_be_meant_for_one_version_only(ask: Asked, rollouts: Rollouts) -> None:
    await told(rollouts, commands.Start())
    headers = ONCE | {"If-Match": '"1"'}
    status, found, _ = await ask(
        f"{HYBRID}/promote", "POST", json={"reason": "up"}, headers=headers
    )
    assert (status, found["current"]["version"]) == (412, 2)
    headers["If-Match"] = "*"
    status, found, _ = await ask(
        f"{HYBRID}/promote", "POST", json={"reason": "up"}, headers=headers
    )
    assert (status, found["percentage"]) == (200, 25)


async def test_a_start_may_bring_its_own_plan(ask: Asked, rollouts: Rollouts) -> None:
    gates = {"webhook": "http://127.0.0.1:7000/gate", "min_requests": 10}
    plan = {"steps": [{"percentage": 10, "bake": 60, "gates": gates}, {"percentage": 100}]}
    body = {"reason": "slowly", "plan": plan}
    status, found, _ = await ask(f"{HYBRID}/start", "POST", json=body, headers=ONCE)
    assert (status, found["percentage"], found["plan"]["soak"]) == (200, 10, 3600)
    assert found["plan"]["steps"][0]["gates"] == {
        "metrics": True,
        "min_requests": 10,
        "approval": False,
        "webhook": "http://127.0.0.1:7000/gate",
        "window": None,
    }
    state = rollouts.state("hybrid")
    assert state.plan is not None
    assert state.plan.steps[0].bake == 60


async def test_a_part_that_is_held_can_be_released_again(ask: Asked, rollouts: Rollouts) -> None:
    scope = {"route": "messages", "cohort": "acme"}
    body = {"reason": "acme complains", **scope}
    _, found, _ = await ask(f"{HYBRID}/rollback", "POST", json=body, headers=ONCE)
    assert found["holds"] == [{**scope, "by": "loopback", "why": "acme complains", "at": NOW}]
    assert found["standing"] == "draft"
    _, found, _ = await ask(f"{HYBRID}/release", "POST", json=body, headers=ONCE)
    assert (found["holds"], rollouts.state("hybrid").holds) == ([], ())


# without a store


async def test_without_a_store_only_what_leads_toward_legacy_is_done(
    ask: Asked, rollouts: Rollouts, store: MemoryStore, in_force: InForce, view: View
) -> None:
    store.lost = "connection refused"
    body = {"reason": "go"}
    status, found, _ = await ask(f"{HYBRID}/start", "POST", json=body, headers=ONCE)
    assert (status, in_force.states["hybrid"].phase) == (503, Phase.DRAFT)
    assert "kill" in found["hint"]
    status, found, _ = await ask(f"{HYBRID}/kill", "POST", json=body, headers=ONCE)
    assert (status, found["standing"]) == (200, "killed")
    assert in_force.states["hybrid"].killed is not None
    assert (await ask("/v1/audit"))[0] == 503
    assert (await ask(HYBRID))[0] == 200
