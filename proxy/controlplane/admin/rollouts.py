"""The admin API of rollouts: shows them, and passes on what operators ask of them.

Whether a change is allowed is for `proxy.core.ramp` to say, and storing it for `Rollouts`.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import structlog
from aiohttp import hdrs, web
from structlog.typing import FilteringBoundLogger

from proxy.controlplane.admin.auth import Caller, Refusal, Role
from proxy.controlplane.admin.bodies import body_of
from proxy.controlplane.admin.changes import changes_of
from proxy.controlplane.admin.preconditions import Expected, expected_version, idempotency_key
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.rollout_bodies import SetBody
from proxy.controlplane.admin.rollout_lists import ListsBody, edit_of, lists_view
from proxy.controlplane.admin.rollout_routes import ACTIONS, Action
from proxy.controlplane.admin.rollout_view import etag_of, rollout_view
from proxy.controlplane.admin.routes import caller_of
from proxy.controlplane.rollouts.authority import Actor, UnknownRolloutError
from proxy.controlplane.status import AdminView
from proxy.core import commands
from proxy.core.commands import Command
from proxy.core.ramp import NotAllowedError
from proxy.core.rollout_state import Mark, RolloutState
from proxy.settings.problems import nearest, shown
from proxy.stores.rollouts import ConflictError, StoreLostError

__all__ = ["RolloutAnswers", "known_state", "refused"]

_log: FilteringBoundLogger = structlog.get_logger()


class RolloutAnswers:
    """One method per route; those of the actions are made from `ACTIONS`."""

    def __init__(self, view: AdminView) -> None:
        """Answer about the rollouts of `view`."""
        self._view = view
        for action in ACTIONS:
            setattr(self, f"rollout_{action.name}", self._answering(action))

    async def rollouts_list(self, _: web.Request) -> web.Response:
        """Show all rollouts, by name."""
        states = self._view.rollouts.states()
        return json_answer(
            200, {"rollouts": [self._shown(states[name]) for name in sorted(states)]}
        )

    async def rollout_show(self, request: web.Request) -> web.Response:
        """Show a rollout. Raises Refusal (404)."""
        return self._answer(known_state(self._view, request.match_info["name"]))

    async def rollout_set(self, request: web.Request) -> web.Response:
        """Set the percentage. Raises Refusal."""
        state = known_state(self._view, request.match_info["name"])
        expected = expected_version(request, required=True)
        body = await body_of(request, SetBody, 'Send {"percentage": 25, "reason": "why"}.')
        command = commands.SetPercentage(body.percentage)
        return self._answer(await self._changed(request, state, command, body.reason, expected))

    async def lists_show(self, request: web.Request) -> web.Response:
        """Show the keys on the lists. Raises Refusal (404)."""
        return _lists(known_state(self._view, request.match_info["name"]))

    async def lists_edit(self, request: web.Request) -> web.Response:
        """Edit the lists. Raises Refusal."""
        state = known_state(self._view, request.match_info["name"])
        expected = expected_version(request, required=False)
        hint = 'Send {"whitelist": {"add": ["key"], "remove": []}, "reason": "why"}.'
        body = await body_of(request, ListsBody, hint)
        command = edit_of(body, state, lower=self._view.config.identity.lower)
        return _lists(await self._changed(request, state, command, body.reason, expected))

    def _answering(self, action: Action) -> Callable[[web.Request], Any]:
        async def answer(request: web.Request) -> web.Response:
            state = known_state(self._view, request.match_info["name"])
            expected = expected_version(request, required=False)
            idempotency_key(request, b"", required=True)
            fields = ", ".join(f'"{name}"' for name in action.body.model_fields)
            body = await body_of(request, action.body, f"Send an object of {fields}.")
            caller = caller_of(request)
            if getattr(body, "insist", False):
                _check_admin(caller)
            mark = Mark(caller.name, body.reason, 0.0)
            command = action.command(body, self._view.config, state, mark)
            return self._answer(await self._changed(request, state, command, body.reason, expected))

        return answer

    async def _changed(
        self,
        request: web.Request,
        state: RolloutState,
        command: Command,
        reason: str,
        expected: Expected,
    ) -> RolloutState:
        """Return the state after `command`. Raises Refusal (404, 409, 412, 503)."""
        caller = caller_of(request)
        key = idempotency_key(request, await request.read(), required=False)
        change = self._view.rollouts.change(
            state.name,
            command,
            Actor(caller.name, caller.role.name.lower()),
            reason,
            expected=expected.among(state.version),
            idempotency_key=key,
        )
        what = type(command).__name__
        try:
            after = await changes_of(request).finish(change, f"change of {state.name}")
        except (UnknownRolloutError, NotAllowedError, ConflictError, StoreLostError) as error:
            _log.info("rollout_not_changed", rollout=state.name, what=what, by=caller.name)
            raise refused(self._view, error) from None
        _log.info(
            "rollout_asked", rollout=state.name, what=what, by=caller.name, version=after.version
        )
        return after

    def _answer(self, state: RolloutState) -> web.Response:
        answer = json_answer(200, self._shown(state))
        answer.headers[hdrs.ETAG] = etag_of(state)
        return answer

    def _shown(self, state: RolloutState) -> dict[str, Any]:
        return rollout_view(state, self._view.standing(state.name), self._view.config)


def known_state(view: AdminView, name: str) -> RolloutState:
    """Return the state of a rollout. Raises Refusal (404) with the name most like it."""
    try:
        return view.rollouts.state(name)
    except UnknownRolloutError as error:
        raise refused(view, error) from None


def refused(
    view: AdminView,
    error: UnknownRolloutError | NotAllowedError | ConflictError | StoreLostError,
) -> Refusal:
    """Return the answer for a change that was not made; `ConflictError` shows how it stands."""
    if isinstance(error, UnknownRolloutError):
        hint = nearest(error.name, error.known) or "GET /v1/rollouts lists them."
        return Refusal(404, f'There is no rollout called "{shown(error.name)}".', hint)
    if isinstance(error, NotAllowedError):
        hint = error.hint or "GET the rollout to see how it stands."
        return Refusal(409, _sentence(str(error)), hint)
    if isinstance(error, ConflictError):
        current = error.current
        seen = rollout_view(current, view.standing(current.name), view.config)
        return Refusal(
            412,
            f"The rollout is at version {current.version} by now; nothing was changed.",
            "Look at `current`, and ask again with its version if you still want it.",
            more={"current": seen},
        )
    return Refusal(
        503,
        _sentence(f"the store is lost: {error}"),
        "What leads toward legacy (pause, rollback, kill) is done all the same; "
        "for all else ask again when /readyz says that the store is back.",
    )


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def _lists(state: RolloutState) -> web.Response:
    answer = json_answer(200, asdict(lists_view(state)))
    answer.headers[hdrs.ETAG] = etag_of(state)
    return answer


def _check_admin(caller: Caller) -> None:
    if caller.role < Role.ADMIN:
        raise Refusal(
            403,
            f"The token {caller.name!r} has the role {caller.role.name.lower()}.",
            "To insist needs the role admin; wait for the cooldown, or have it acknowledged.",
        )
