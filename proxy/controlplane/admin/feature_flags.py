"""The feature-flag API of the legacy application, for dashboards and scripts that know it.

What it changes is the rollout that decides, and goes the way of every change: validated,
stored, audited. What is left out of a request stays as it is. What only the configuration
says (conditions, bounds of the brake) is shown, and refused where it would be changed.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import structlog
from aiohttp import hdrs, web
from structlog.typing import FilteringBoundLogger

from proxy.controlplane.admin.auth import Caller, Refusal, Role
from proxy.controlplane.admin.bodies import body_of
from proxy.controlplane.admin.changes import changes_of
from proxy.controlplane.admin.feature_flag_routes import (
    FEATURE_FLAG_ROUTES,
    PATH,
    ActionBody,
    FlagBody,
    NamedFlagBody,
)
from proxy.controlplane.admin.feature_flag_view import config_view, flag_view, is_enabled
from proxy.controlplane.admin.preconditions import expected_version, idempotency_key
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.rollout_lists import ListEdit, ListsBody, edit_of
from proxy.controlplane.admin.rollout_view import etag_of
from proxy.controlplane.admin.rollouts import known_state, refused
from proxy.controlplane.admin.routes import caller_of
from proxy.controlplane.rollouts.authority import Actor, UnknownRolloutError
from proxy.controlplane.status import AdminView
from proxy.core import commands
from proxy.core.commands import Command
from proxy.core.key import normalise_value
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import Mark, RolloutState
from proxy.stores.rollouts import ConflictError, StoreLostError

__all__ = ["FEATURE_FLAG_ROUTES", "FeatureFlagAnswers"]

_ATTEMPTS = 5
_HINT = 'Send {"rolloutPercentage": 25}, or what else shall be otherwise.'
_log: FilteringBoundLogger = structlog.get_logger()

Wish = Callable[[RolloutState], Sequence[Command]]
"""What is wanted, as the rollout stands."""


class FeatureFlagAnswers:
    """One method per route."""

    def __init__(self, view: AdminView) -> None:
        """Answer about the rollouts of `view`."""
        self._view = view

    async def feature_flags_list(self, request: web.Request) -> web.Response:
        """Show all rollouts, by name."""
        keys = _sees_keys(caller_of(request))
        states = self._view.rollouts.states()
        flags = [flag_view(self._view, states[name], keys=keys) for name in sorted(states)]
        return json_answer(200, {"success": True, "data": {"flags": flags, "total": len(flags)}})

    async def feature_flag_show(self, request: web.Request) -> web.Response:
        """Show a rollout. Raises Refusal (404)."""
        state = known_state(self._view, request.match_info["name"])
        return self._answer(
            state, flag_view(self._view, state, keys=_sees_keys(caller_of(request)))
        )

    async def feature_flags_post(self, request: web.Request) -> web.Response:
        """Change the rollout that the body names. Raises Refusal."""
        body = await body_of(request, NamedFlagBody, _HINT, status=400)
        return await self._put(request, body.name, body)

    async def feature_flags_put(self, request: web.Request) -> web.Response:
        """Do the same. Raises Refusal."""
        return await self.feature_flags_post(request)

    async def feature_flag_put(self, request: web.Request) -> web.Response:
        """Change a rollout. Raises Refusal."""
        name = request.match_info["name"]
        known_state(self._view, name)
        return await self._put(request, name, await body_of(request, FlagBody, _HINT, status=400))

    async def _put(self, request: web.Request, name: str, body: FlagBody) -> web.Response:
        state = known_state(self._view, name)
        if "name" in body.model_fields_set and body.name != state.name:
            raise Refusal(400, "The body names another flag than the path.", "Leave `name` out.")
        self._check_declared(state, body)
        why = body.reason if "reason" in body.model_fields_set else f"changed over {PATH}"
        return await self._changed(request, name, lambda now: self._wanted(now, body), why)

    async def feature_flag_act(self, request: web.Request) -> web.Response:
        """Do what `action` says. Raises Refusal."""
        name = request.match_info["name"]
        known_state(self._view, name)
        hint = 'Send {"action": "increase", "value": 10}; also enable, disable, rollback, decrease.'
        body = await body_of(request, ActionBody, hint, status=400)
        why = body.reason if "reason" in body.model_fields_set else f"{body.action} over {PATH}"
        by_steps = body.action in ("increase", "decrease")
        return await self._changed(
            request, name, lambda now: [_action(now, body)], why, as_seen=by_steps
        )

    # what is wanted

    def _check_declared(self, state: RolloutState, body: FlagBody) -> None:
        """Refuse another word on what the configuration alone says."""
        shown = config_view(state, self._view.config, keys=False)
        for field, name, said in (
            ("conditions", "conditions", body.conditions),
            ("triggers", "rollbackTriggers", body.triggers),
        ):
            if field in body.model_fields_set and said != shown[name]:  # type: ignore[literal-required]
                raise Refusal(
                    409,
                    f"{name} are said by the configuration, and not changed here.",
                    "Change the rollout's section in the file; it is reloaded by itself.",
                )

    def _wanted(self, state: RolloutState, body: FlagBody) -> list[Command]:
        """Return the commands: legacy first, and new last."""
        said, enabled = body.model_fields_set, is_enabled(state, self._view.config)
        found: list[Command] = []
        if "enabled" in said and enabled and not body.enabled:
            found.append(commands.Kill())
        found += self._list_edits(state, body)
        set_percentage = commands.SetPercentage(body.percentage)
        moves = "percentage" in said and body.percentage != state.percentage
        if moves and body.percentage < state.percentage:
            found.append(set_percentage)
        if "enabled" in said and body.enabled and not enabled:
            found.append(commands.Unkill())
        if moves and body.percentage > state.percentage:
            found.append(set_percentage)
        return found

    def _list_edits(self, state: RolloutState, body: FlagBody) -> Iterator[Command]:
        lower = self._view.config.identity.lower
        edits = {
            name: _edit(listed, wanted, lower=lower)
            for name, listed, wanted in (
                ("whitelist", state.whitelist, body.whitelist),
                ("blacklist", state.blacklist, body.blacklist),
            )
            if name in body.model_fields_set
        }
        if any(edit.add or edit.remove for edit in edits.values()):
            yield edit_of(ListsBody(reason="why", **edits), state, lower=lower)

    def _allow(self, state: RolloutState, wanted: Sequence[Command], mark: Mark) -> None:
        """Raise Refusal (409) if one of the commands would be refused after those before."""
        for command in wanted:
            try:
                state = apply(state, command, mark)
            except NotAllowedError as error:
                raise refused(self._view, error) from None

    def _allow_enabling(self, state: RolloutState, caller: Caller) -> None:
        """Raise Refusal (403, 409) where that would not let callers go to new again."""
        overridden = self._view.rollouts.overridden(state.name)
        if caller.role < Role.ADMIN:
            raise Refusal(
                403,
                f"The token {caller.name!r} has the role {caller.role.name.lower()}.",
                "To enable needs the role admin.",
            )
        if not self._view.config.rollouts[state.name].enabled:
            raise Refusal(409, "The configuration says `enabled: false`.", "Change it in the file.")
        if overridden and state.killed is not None:
            raise Refusal(
                409,
                f"The environment overrides this rollout: {overridden}.",
                "Start the proxy without that variable.",
            )
        if state.rolled_back is not None and state.killed is None:
            raise Refusal(
                409,
                "The rollout is rolled back; this API does not take that off.",
                "Use `crossfade rollouts start`, `resume` or `acknowledge`.",
            )

    # how it is done

    async def _changed(
        self, request: web.Request, name: str, wish: Wish, why: str, *, as_seen: bool = False
    ) -> web.Response:
        """Do what is wished for; `as_seen`: only of the very state that it was made of."""
        expected = expected_version(request, required=False)
        key = idempotency_key(request, await request.read(), required=False)
        caller = caller_of(request)
        before = known_state(self._view, name)
        for left in reversed(range(_ATTEMPTS)):
            before = known_state(self._view, name)
            version = expected.among(before.version)
            if version is None and as_seen:
                version = before.version
            wanted = wish(before)
            if any(isinstance(command, commands.Unkill) for command in wanted):
                self._allow_enabling(before, caller)
            self._allow(before, wanted, Mark(caller.name, why, self._view.rollouts.now()))
            try:
                after = await changes_of(request).finish(
                    self._do(before, wanted, caller, why, version, key), f"change of {name}"
                )
                break
            except ConflictError as error:
                if not (left and as_seen and expected.anything):
                    raise refused(self._view, error) from None
            except (UnknownRolloutError, NotAllowedError, StoreLostError) as error:
                raise refused(self._view, error) from None
        _log.info("flag_asked", rollout=name, by=caller.name, version=after.version)
        keys = _sees_keys(caller)
        config = self._view.config
        return self._answer(
            after,
            {
                **flag_view(self._view, after, keys=keys),
                "previousConfig": config_view(before, config, keys=keys),
                "newConfig": config_view(after, config, keys=keys),
            },
        )

    async def _do(
        self,
        state: RolloutState,
        wanted: Sequence[Command],
        caller: Caller,
        why: str,
        version: int | None,
        key: str,
    ) -> RolloutState:
        """Ask for one after the other. Raises ConflictError if the first comes too late."""
        if not wanted and version not in (None, state.version):
            raise ConflictError(state)
        actor = Actor(caller.name, caller.role.name.lower())
        for number, command in enumerate(wanted):
            state = await self._view.rollouts.change(
                state.name,
                command,
                actor,
                why,
                expected=None if number else version,
                idempotency_key=f"{key}.{number}" if key else "",
            )
        return state

    @staticmethod
    def _answer(state: RolloutState, data: Any) -> web.Response:
        answer = json_answer(200, {"success": True, "data": data})
        answer.headers[hdrs.ETAG] = etag_of(state)
        return answer


def _sees_keys(caller: Caller) -> bool:
    return caller.role >= Role.OPERATOR


def _edit(listed: frozenset[str], wanted: Sequence[str], *, lower: bool) -> ListEdit:
    """Return what makes the one list of the other; keys are alike as requests tell them apart."""
    now = {normalise_value(key, lower=lower) for key in listed}
    then = {normalise_value(key, lower=lower): key for key in wanted}
    add = tuple(key for normal, key in then.items() if normal not in now)
    remove = tuple(key for key in listed if normalise_value(key, lower=lower) not in then)
    # Not bounded as an edit is: the body was.
    return ListEdit.model_construct(add=add, remove=remove)


def _action(state: RolloutState, body: ActionBody) -> Command:
    if body.action == "enable":
        return commands.Unkill()
    if body.action == "disable":
        return commands.Kill()
    if body.action == "rollback":
        return commands.Rollback()
    by = body.value if body.action == "increase" else -body.value
    return commands.SetPercentage(round(min(max(state.percentage + by, 0.0), 100.0), 3))
