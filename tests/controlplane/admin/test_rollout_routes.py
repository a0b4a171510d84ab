"""What actions come to, as far as it needs no listener; the rest is in test_rollouts.py."""

from typing import Any

import pytest

from proxy.config.models import Config
from proxy.controlplane.admin.bodies import Reasoned
from proxy.controlplane.admin.rollout_bodies import (
    OverrideBody,
    PromoteBody,
    ScopeBody,
    StartBody,
)
from proxy.controlplane.admin.rollout_routes import ACTIONS, ROLLOUT_ROUTES
from proxy.core import commands
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold
from tests.controlplane.admin_view import CONFIG

DECLARED = Config.model_validate(CONFIG)
MARK = Mark("ann", "why", 0.0)
ACTION = {action.name: action for action in ACTIONS}


def asked(name: str, body: Reasoned) -> Any:
    return ACTION[name].command(body, DECLARED, RolloutState("hybrid"), MARK)


@pytest.mark.parametrize(
    ("name", "body", "command"),
    [
        ("start", StartBody(reason="why", insist=True), commands.Start(None, insist=True)),
        ("promote", PromoteBody(reason="why"), commands.Promote()),
        ("promote", PromoteBody(reason="why", full=True), commands.Promote(full=True)),
        ("approve", Reasoned(reason="why"), commands.Approve()),
        ("pause", Reasoned(reason="why"), commands.Pause()),
        ("resume", Reasoned(reason="why"), commands.Resume()),
        ("rollback", ScopeBody(reason="why"), commands.Rollback()),
        (
            "rollback",
            ScopeBody(reason="why", route="messages"),
            commands.Rollback(ScopedHold(MARK, "messages")),
        ),
        ("kill", Reasoned(reason="why"), commands.Kill()),
        ("unkill", Reasoned(reason="why"), commands.Unkill()),
        ("acknowledge", Reasoned(reason="why"), commands.Acknowledge()),
        (
            "override_safety",
            OverrideBody(reason="why", seconds=60.0),
            commands.OverrideSafety(60.0),
        ),
        (
            "release",
            ScopeBody(reason="why", cohort="acme"),
            commands.ReleaseHold("", "acme"),
        ),
    ],
)
def test_an_action_comes_to_its_command(name: str, body: Reasoned, command: object) -> None:
    assert asked(name, body) == command


def test_each_action_has_its_route() -> None:
    posts = {route.path: route for route in ROLLOUT_ROUTES if route.method == "POST"}
    assert set(posts) == {f"/v1/rollouts/{{name}}/{name}" for name in ACTION}
    for route in posts.values():
        required = [one.name for one in route.parameters if one.required]
        assert required == ["name", "Idempotency-Key"]
