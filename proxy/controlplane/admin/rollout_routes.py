"""What can be asked of rollouts: the routes, and the command that each action comes to."""

from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.config.models import Config
from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.bodies import Reasoned
from proxy.controlplane.admin.preconditions import (
    MATCH_PARAMETER,
    MATCH_REQUIRED_PARAMETER,
    ONCE_PARAMETER,
)
from proxy.controlplane.admin.rollout_bodies import (
    OverrideBody,
    PromoteBody,
    ScopeBody,
    SetBody,
    StartBody,
)
from proxy.controlplane.admin.rollout_lists import ListsBody, ListsView
from proxy.controlplane.admin.rollout_view import RolloutList, RolloutView
from proxy.controlplane.admin.routes import AdminRoute, Parameter
from proxy.core import commands
from proxy.core.commands import Command
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold
from proxy.settings.problems import nearest

__all__ = ["ACTIONS", "ROLLOUT_ROUTES", "Action"]


class Action(NamedTuple):
    """Something that can be asked of a rollout with POST."""

    name: str
    needs: Role
    says: str
    body: type[Reasoned]
    command: Callable[[Any, Config, RolloutState, Mark], Command]
    """Makes it of the body, what is declared, how the rollout stands, and who asks."""


def _plain(command: Callable[[], Command]) -> Callable[[Any, Config, RolloutState, Mark], Command]:
    return lambda *_: command()


def _start(body: StartBody, config: Config, state: RolloutState, _: Mark) -> Command:
    ramp = config.rollouts[state.name].ramp
    return commands.Start(body.planned(None if ramp is None else ramp.plan), body.insist)


def _rollback(body: ScopeBody, config: Config, state: RolloutState, mark: Mark) -> Command:
    if not body.route and not body.cohort:
        return commands.Rollback()
    routes = [route.name for route in config.routes if route.rollout == state.name]
    if body.route and body.route not in routes:
        hint = nearest(body.route, routes) or "GET the rollout: `routes` names them."
        raise _misfit("route", "is no route of this rollout", hint)
    if body.cohort and not config.rollouts[state.name].cohort:
        hint = "Name an attribute as `cohort` in the configuration of the rollout."
        raise _misfit("cohort", "cannot be: this rollout has no cohorts", hint)
    return commands.Rollback(ScopedHold(mark, body.route, body.cohort))


def _release(body: ScopeBody, *_: object) -> Command:
    if not body.route and not body.cohort:
        hint = "Send the route, the cohort or both, as `holds` of the rollout names them."
        raise _misfit("route", "is empty, and so is cohort", hint)
    return commands.ReleaseHold(body.route, body.cohort)


ACTIONS: tuple[Action, ...] = (
    Action(
        "start",
        Role.OPERATOR,
        "Begins the ramp: at its first step above the percentage in force, after a rollback at "
        "the first. `plan` replaces the declared one; `insist` (admins) overrides cooldown and "
        "latch.",
        StartBody,
        _start,
    ),
    Action(
        "promote",
        Role.OPERATOR,
        "Takes the next step now; with `full` the last.",
        PromoteBody,
        lambda body, *_: commands.Promote(body.full),
    ),
    Action(
        "approve",
        Role.OPERATOR,
        "Says yes to leaving the step in force, for the gate `approval`.",
        Reasoned,
        _plain(commands.Approve),
    ),
    Action(
        "pause",
        Role.OPERATOR,
        "Stops the ramp; the percentage stays.",
        Reasoned,
        _plain(commands.Pause),
    ),
    Action(
        "resume",
        Role.OPERATOR,
        "Goes on after a pause or a hold, settling in the same step.",
        Reasoned,
        _plain(commands.Resume),
    ),
    Action(
        "rollback",
        Role.OPERATOR,
        "Sends everybody back to legacy and holds them there; with `route` or `cohort` only these.",
        ScopeBody,
        _rollback,
    ),
    Action(
        "kill",
        Role.OPERATOR,
        "Sends everybody to legacy, whatever else is said.",
        Reasoned,
        _plain(commands.Kill),
    ),
    Action(
        "unkill",
        Role.ADMIN,
        "Takes a kill back; a ramp that was under way is paused.",
        Reasoned,
        _plain(commands.Unkill),
    ),
    Action(
        "acknowledge",
        Role.ADMIN,
        "Takes an automatic rollback off, which leaves a draft at 0 %; with it go the cooldown and "
        "the latch after repeated ones.",
        Reasoned,
        _plain(commands.Acknowledge),
    ),
    Action(
        "override_safety",
        Role.ADMIN,
        "Lets the brake only watch for so many `seconds`, at most an hour.",
        OverrideBody,
        lambda body, *_: commands.OverrideSafety(body.seconds),
    ),
    Action(
        "release",
        Role.OPERATOR,
        "Lets a `route` or `cohort` that was sent back take part again.",
        ScopeBody,
        _release,
    ),
)
"""All of them, in the order of a rollout's life."""

_NAME = Parameter("name", "path", "The rollout.", required=True)
_ETAG = {"ETag": "The rollout's version in quotes."}
_CHANGED = (400, 404, 409, 412, 422, 503)


def _show(path: str, needs: Role, says: str, answer: str, answers: object) -> AdminRoute:
    return AdminRoute(
        "GET",
        f"/v1/rollouts/{{name}}{path}",
        needs,
        says,
        answer,
        tag="rollouts",
        answers=answers,
        parameters=(_NAME,),
        problems=(404,),
        answer_headers=_ETAG,
    )


def _action(action: Action) -> AdminRoute:
    return AdminRoute(
        "POST",
        f"/v1/rollouts/{{name}}/{action.name}",
        action.needs,
        action.says,
        f"rollout_{action.name}",
        tag="rollouts",
        body=action.body,
        answers=RolloutView,
        parameters=(_NAME, ONCE_PARAMETER._replace(required=True), MATCH_PARAMETER),
        problems=_CHANGED,
        answer_headers=_ETAG,
    )


ROLLOUT_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/v1/rollouts",
        Role.VIEWER,
        "All rollouts.",
        "rollouts_list",
        tag="rollouts",
        answers=RolloutList,
    ),
    _show("", Role.VIEWER, "One rollout, with its version as `ETag`.", "rollout_show", RolloutView),
    AdminRoute(
        "PATCH",
        "/v1/rollouts/{name}",
        Role.OPERATOR,
        "Sets the percentage by hand; a ramp under way is paused by it. `If-Match` is required.",
        "rollout_set",
        tag="rollouts",
        body=SetBody,
        answers=RolloutView,
        parameters=(_NAME, MATCH_REQUIRED_PARAMETER, ONCE_PARAMETER),
        problems=(*_CHANGED, 428),
        answer_headers=_ETAG,
    ),
    *map(_action, ACTIONS),
    _show(
        "/lists", Role.OPERATOR, "The keys on the whitelist and blacklist.", "lists_show", ListsView
    ),
    AdminRoute(
        "PATCH",
        "/v1/rollouts/{name}/lists",
        Role.OPERATOR,
        "Puts keys on the lists and takes keys off them.",
        "lists_edit",
        tag="rollouts",
        body=ListsBody,
        answers=ListsView,
        parameters=(_NAME, MATCH_PARAMETER, ONCE_PARAMETER),
        problems=_CHANGED,
        answer_headers=_ETAG,
    ),
)


def _misfit(field: str, problem: str, hint: str) -> Refusal:
    found = {"field": field, "problem": problem}
    return Refusal(
        422, f"The body does not fit: {field}: {problem}.", hint, more={"problems": [found]}
    )
