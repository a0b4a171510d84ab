"""The plan that a start brings along."""

from typing import Any

import orjson
import pytest
from pydantic import ValidationError

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.rollout_bodies import SetBody, StartBody
from proxy.core.rollout_state import Gates, Plan, Step, TimeWindow, Webhook

HOOK = Webhook("http://127.0.0.1:7000/gate", 9.0)
DECLARED = Plan((Step(5.0), Step(100.0, gates=Gates(webhook=HOOK))))


def start(plan: dict[str, Any] | None) -> StartBody:
    return StartBody.model_validate_json(orjson.dumps({"reason": "go", "plan": plan}))


def steps(**more: Any) -> dict[str, Any]:
    return {"steps": [{"percentage": 5, **more}]}


def test_without_a_plan_the_declared_one_is_walked() -> None:
    assert start(None).planned(DECLARED) is None


def test_a_plan_has_the_usual_values_where_it_says_nothing() -> None:
    assert start(steps()).planned(None) == Plan((Step(5.0),))


def test_a_plan_is_taken_over_as_it_is_said() -> None:
    window = {"days": ["mon"], "begins": 1320, "ends": 360, "zone": "Europe/Paris"}
    gates = {"metrics": False, "min_requests": 9, "approval": True, "window": window}
    said = steps(settle=1, bake=2.5, max_duration=3, gates=gates | {"webhook": HOOK.url})
    assert start(said | {"soak": 0}).planned(DECLARED) == Plan(
        (
            Step(
                5.0,
                1.0,
                2.5,
                3.0,
                Gates(False, 9, True, HOOK, TimeWindow(("mon",), 1320, 360, "Europe/Paris")),
            ),
        ),
        0.0,
    )


@pytest.mark.parametrize("declared", [None, DECLARED])
def test_only_a_declared_webhook_is_asked(declared: Plan | None) -> None:
    with pytest.raises(Refusal, match="no webhook of the configuration") as caught:
        start(steps(gates={"webhook": "http://169.254.169.254/"})).planned(declared)
    assert caught.value.status == 422


@pytest.mark.parametrize(
    "plan",
    [
        {"steps": []},
        {"steps": [{"percentage": 5}] * 2},
        {"steps": [{"percentage": 5 + n} for n in range(51)]},
        steps(percentage=0),
        steps(percentage=100.001),
        steps(percentage=1.00001),
        steps(bake=-1),
        steps(bake=8 * 86400),
        steps(settle=3601),
        steps(bake="10m"),
        steps(surprise=1),
        steps() | {"soak": -1},
        steps(gates={"window": {"begins": 5, "ends": 5}}),
        steps(gates={"window": {"begins": 1440, "ends": 5}}),
        steps(gates={"window": {"zone": "Nowhere/At_All"}}),
        steps(gates={"window": {"zone": "../../etc/passwd"}}),
        steps(gates={"window": {"days": ["holiday"]}}),
        steps(gates={"window": {"days": []}}),
        steps(gates={"min_requests": -1}),
    ],
)
def test_a_plan_that_cannot_be_walked_does_not_fit(plan: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        start(plan)


@pytest.mark.parametrize("percentage", [0, 0.001, 33.333, 99.999, 100])
def test_a_percentage_has_three_decimals(percentage: float) -> None:
    said = SetBody(reason="go", percentage=percentage)
    assert said.percentage == percentage
