"""What is sent once, and what does not fit: changes of rollouts that are not made."""

from typing import Any

import pytest

from proxy.controlplane.rollouts.authority import Actor, Rollouts
from proxy.core import commands
from tests.controlplane.admin_asking import Asked

pytestmark = pytest.mark.usefixtures("rollouts")

HYBRID = "/v1/rollouts/hybrid"
ONCE = {"Idempotency-Key": "4f1c"}


async def started(rollouts: Rollouts) -> None:
    """Begin the ramp of `hybrid`."""
    await rollouts.change("hybrid", commands.Start(), Actor("ann", "operator"), "before the test")


# sent once


async def test_the_same_request_with_the_same_key_is_done_once(
    ask: Asked, rollouts: Rollouts
) -> None:
    await started(rollouts)
    again = [
        await ask(f"{HYBRID}/promote", "POST", json={"reason": "up"}, headers=ONCE)
        for _ in range(3)
    ]
    assert [(status, found["percentage"]) for status, found, _ in again] == [(200, 25)] * 3


async def test_the_same_key_with_another_request_is_another_change(
    ask: Asked, rollouts: Rollouts
) -> None:
    await started(rollouts)
    await ask(f"{HYBRID}/promote", "POST", json={"reason": "up"}, headers=ONCE)
    await ask(f"{HYBRID}/promote", "POST", json={"reason": "up again"}, headers=ONCE)
    status, found, _ = await ask(f"{HYBRID}/kill", "POST", json={"reason": "up"}, headers=ONCE)
    assert (status, found["standing"], found["percentage"]) == (200, "killed", 50)


@pytest.mark.parametrize("key", [None, "", "a b", "x" * 129, "é"])
async def test_an_action_without_a_fit_key_is_not_done(
    ask: Asked, rollouts: Rollouts, key: str | None
) -> None:
    headers = {} if key is None else {"Idempotency-Key": key}
    body = {"reason": "it burns"}
    status, found, _ = await ask(f"{HYBRID}/kill", "POST", json=body, headers=headers)
    assert (status, rollouts.state("hybrid").killed) == (400, None)
    assert "UUID" in found["hint"]


# what does not fit


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["percentage", "reason"]),
        ({"percentage": "25", "reason": ""}, ["percentage", "reason"]),
        ({"percentage": 100.1, "reason": "x" * 501}, ["percentage", "reason"]),
        ({"percentage": 1.0001, "reason": "a\nb"}, ["percentage", "reason"]),
        ({"percentage": 1, "reason": "  ", "persentage": 2}, ["persentage", "reason"]),
        ({"percentage": True, "reason": "x"}, ["percentage"]),
    ],
)
async def test_a_body_that_does_not_fit_is_told_each_problem(
    ask: Asked, rollouts: Rollouts, body: dict[str, Any], fields: list[str]
) -> None:
    headers = {"If-Match": '"1"'}
    status, found, _ = await ask(HYBRID, "PATCH", json=body, headers=headers)
    assert (status, rollouts.state("hybrid").version) == (422, 1)
    assert sorted(one["field"] for one in found["problems"]) == fields
    assert all(one["problem"] for one in found["problems"])


@pytest.mark.parametrize("raw", [b"[]", b"25", b"{", b"\xff", b'{"reason": NaN'])
async def test_a_body_that_is_no_object_is_refused(ask: Asked, raw: bytes) -> None:
    status, found, _ = await ask(HYBRID, "PATCH", data=raw, headers={"If-Match": '"1"'})
    assert (status, found["detail"]) == (400, "The body is no JSON object.")


@pytest.mark.parametrize(
    ("action", "body", "field"),
    [
        ("rollback", {"route": "campains"}, "route"),
        ("release", {}, "route"),
        ("override_safety", {"seconds": 3601}, "seconds"),
        ("override_safety", {"seconds": 0}, "seconds"),
        ("start", {"plan": {"steps": []}}, "plan.steps"),
        ("start", {"plan": {"steps": [{"percentage": 5}, {"percentage": 5}]}}, "plan"),
        (
            "start",
            {"plan": {"steps": [{"percentage": 5, "gates": {"webhook": "http://10.0.0.1/"}}]}},
            "plan.steps.0.gates.webhook",
        ),
    ],
)
async def test_what_an_action_cannot_mean_is_refused_by_its_field(
    ask: Asked, rollouts: Rollouts, action: str, body: dict[str, Any], field: str
) -> None:
    status, found, _ = await ask(
        f"{HYBRID}/{action}", "POST", json={"reason": "why not", **body}, headers=ONCE
    )
    assert (status, rollouts.state("hybrid").version) == (422, 1)
    assert [one["field"] for one in found["problems"]] == [field]
    assert found["hint"]


async def test_a_cohort_cannot_be_held_where_there_are_none(ask: Asked) -> None:
    status, found, _ = await ask(
        "/v1/rollouts/sleeping/rollback",
        "POST",
        json={"reason": "why not", "cohort": "acme"},
        headers=ONCE,
    )
    assert (status, found["problems"][0]["field"]) == (422, "cohort")
