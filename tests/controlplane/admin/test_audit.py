"""The audit over HTTP."""

import pytest

from proxy.controlplane.admin.audit import MOST_ENTRIES
from proxy.controlplane.rollouts.authority import Actor, Rollouts
from proxy.core.commands import SetPercentage
from tests.controlplane.admin_asking import Asked

OPERATOR = Actor("ann", "operator")


async def moved(rollouts: Rollouts, times: int) -> None:
    for n in range(times):
        await rollouts.change("hybrid", SetPercentage(10.0 + n), OPERATOR, f"step {n}")


async def test_changes_are_listed_from_the_newest_on(ask: Asked, rollouts: Rollouts) -> None:
    await moved(rollouts, 2)
    status, found, _ = await ask("/v1/audit")
    assert (status, found["next"]) == (200, None)
    assert [one["reason"] for one in found["entries"][:2]] == ["step 1", "step 0"]
    newest = found["entries"][0]
    assert (newest["actor"], newest["role"], newest["rollout"]) == ("ann", "operator", "hybrid")
    assert (newest["before"]["percentage"], newest["after"]["percentage"]) == (10, 11)
    assert "idempotency_key" not in newest


async def test_pages_follow_each_other_without_gap_or_repetition(
    ask: Asked, rollouts: Rollouts
) -> None:
    await moved(rollouts, 4)
    _, everything, _ = await ask("/v1/audit?rollout=hybrid")
    seen, before = [], ""
    for _ in range(10):
        _, page, _ = await ask(f"/v1/audit?rollout=hybrid&limit=2&before={before}")
        assert len(page["entries"]) <= 2
        seen += page["entries"]
        if page["next"] is None:
            break
        before = page["next"]
    assert seen == everything["entries"]
    assert {one["rollout"] for one in seen} == {"hybrid"}


@pytest.mark.usefixtures("rollouts")
async def test_the_audit_of_a_rollout_that_never_was_is_empty(ask: Asked) -> None:
    assert (await ask("/v1/audit?rollout=gone"))[:2] == (200, {"entries": [], "next": None})


@pytest.mark.usefixtures("rollouts")
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        (f"limit={MOST_ENTRIES + 1}", "limit"),
        ("limit=many", "limit"),
        ("before=x%0A", "before"),
        (f"rollout={'x' * 65}", "rollout"),
    ],
)
async def test_a_query_that_does_not_fit_is_told_why(ask: Asked, query: str, field: str) -> None:
    status, found, _ = await ask(f"/v1/audit?{query}")
    assert (status, [one["field"] for one in found["problems"]]) == (400, [field])
