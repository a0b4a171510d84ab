"""Why a caller goes where: a decision of this moment derived, or one that was made.

Nothing is sent to any upstream and nobody is counted. No key is told back, not even the
one that was asked about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated, Self

from aiohttp import web
from pydantic import Field, model_validator

from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.bodies import Body, body_of
from proxy.controlplane.admin.questions import AskedKey, Attributes, caller
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.rollouts import known_state
from proxy.controlplane.admin.routes import AdminRoute, caller_of
from proxy.controlplane.replaying import Given, Replay, remembered, replay
from proxy.controlplane.status import AdminView
from proxy.core.bucket import BUCKETS
from proxy.core.decide import Explanation, Rollout, explain
from proxy.core.reason import DECISIONS, Arm, Reason
from proxy.dataplane.compile_rollouts import attributes_asked
from proxy.dataplane.decided import Decided
from proxy.dataplane.generation import REMEMBERED_ONE_IN, BoundRoute
from proxy.settings.problems import nearest, shown

__all__ = ["DECISION_ROUTES", "DecisionAnswers"]

_PER_CENT = BUCKETS // 100

Named = Annotated[str, Field(max_length=128)]
Bucket = Annotated[int, Field(ge=0, lt=BUCKETS)]


class DecideBody(Body):
    """Who is asked about, and for which rollout or route; a route tells its rollout."""

    rollout: Named = ""
    route: Named = Field("", description="What holds for this route alone counts, too.")
    key: AskedKey = Field("", description="As requests carry it; empty: a caller without one.")
    attributes: Attributes = Field({}, description="What conditions and rules ask for.")
    verified: bool = Field(True, description="Whether somebody vouches for the key.")
    reads: bool = Field(
        False, description="With a route: ask as for a request that changes nothing (GET)."
    )

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if not self.rollout and not self.route:
            raise ValueError("names neither a rollout nor a route")
        return self


class ReplayBody(Body):
    """Which decision."""

    decision: Annotated[str, Field(min_length=1, max_length=200)] = Field(
        description="The X-Request-Id of its answer; `request_id` in the access log."
    )


@dataclass(frozen=True, slots=True)
class LookView:
    """A rule that was looked at: whether it decided, and what it saw."""

    rule: str
    hit: bool
    saw: str


@dataclass(frozen=True, slots=True)
class DecisionView:
    """A decision with its derivation: the last of the rules decided.

    `percentage` is that of the split; `version` that of the rollout's state, 0 where
    nothing is learned; `ignored` are attributes that nobody asks for.
    """

    rollout: str
    route: str
    arm: Arm | None
    reason: Reason
    because: str
    bucket: Bucket | None
    rejected: bool
    percentage: float
    version: int
    generation: int
    stale: bool
    ignored: tuple[str, ...]
    rules: tuple[LookView, ...]


@dataclass(frozen=True, slots=True)
class LoggedView:
    """What was decided then."""

    arm: Arm | None
    reason: Reason
    bucket: Bucket | None


@dataclass(frozen=True, slots=True)
class DerivedView:
    """What comes of it when it is decided again."""

    arm: Arm | None
    reason: Reason
    because: str
    bucket: Bucket | None
    percentage: float
    rules: tuple[LookView, ...]


@dataclass(frozen=True, slots=True)
class ReplayView:
    """A remembered decision, logged and derived.

    `given` is what was not derived but taken as it was logged, and `note` says so in words.
    """

    decision: str
    at: float
    rollout: str
    route: str
    generation: int
    version: int
    same: bool
    given: Given
    note: str
    logged: LoggedView
    derived: DerivedView


DECISION_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "POST",
        "/v1/decide",
        Role.VIEWER,
        "Where a caller goes at this moment, by a rollout or by a route of it, with every rule "
        "that is looked at. Plugins are not asked, nothing is sent, nobody is counted.",
        "decide",
        tag="decisions",
        body=DecideBody,
        answers=DecisionView,
        problems=(400, 404, 422),
    ),
    AdminRoute(
        "POST",
        "/v1/replay",
        Role.VIEWER,
        "Makes one of the last decisions again, out of the configuration and the state that it "
        "was made of, and compares. Keys are never told, values of attributes to operators alone.",
        "replay",
        tag="decisions",
        body=ReplayBody,
        answers=ReplayView,
        problems=(400, 404, 422),
    ),
)


class DecisionAnswers:
    """Answers about decisions."""

    def __init__(self, view: AdminView) -> None:
        """Ask the generation that serves in `view`."""
        self._view = view

    async def decide(self, request: web.Request) -> web.Response:
        """Derive the decision of a caller. Raises Refusal (400, 404, 422)."""
        hint = 'Send {"rollout": "name", "key": "user-1", "attributes": {"tier": "pro"}}.'
        body = await body_of(request, DecideBody, hint)
        generation = self._view.generation
        name, rollout = self._asked(body)
        config, state = generation.config, generation.learned.get(name)
        lower = config.identity.lower
        identity = caller(body.key, body.attributes, verified=body.verified, lower=lower)
        found = explain(rollout, identity)
        answer = DecisionView(
            rollout=name,
            route=body.route,
            arm=found.decision.arm,
            reason=found.decision.reason,
            because=DECISIONS[found.decision.reason],
            bucket=found.bucket,
            rejected=found.decision.rejected,
            percentage=found.threshold / _PER_CENT,
            version=0 if state is None else state.version,
            generation=generation.number,
            stale=bool(self._view.rollouts.degraded),
            ignored=tuple(sorted(set(body.attributes) - attributes_asked(config))),
            rules=_looks(found, Role.ADMIN),
        )
        return json_answer(200, asdict(answer))

    def _asked(self, body: DecideBody) -> tuple[str, Rollout]:
        """Return the rollout that is asked about, and its name. Raises Refusal (404, 422)."""
        generation = self._view.generation
        if body.route:
            bound = generation.route(body.route)
            if bound is None or bound.rollout is None or bound.reading is None:
                raise self._no_such_route(body.route, bound)
            if body.rollout not in ("", bound.asks):
                raise Refusal(
                    422,
                    f"The route {body.route} asks another rollout: {bound.asks}.",
                    "Name one of the two, or both as they belong together.",
                )
            return bound.asks, bound.reading if body.reads else bound.rollout
        if body.rollout not in generation.rollouts:
            known_state(self._view, body.rollout)
        return body.rollout, generation.rollouts[body.rollout]

    def _no_such_route(self, name: str, bound: BoundRoute | None) -> Refusal:
        if bound is not None:
            return Refusal(
                404,
                "This route asks no rollout: there is nothing to decide.",
                "`crossfade explain` shows where its requests go.",
            )
        names = [route.name for route in self._view.config.routes if route.rollout]
        hint = nearest(name, names) or "GET the rollout: `routes` names them."
        return Refusal(404, f'There is no route called "{shown(name)}".', hint)

    async def replay(self, request: web.Request) -> web.Response:
        """Make a remembered decision again. Raises Refusal (400, 404, 422)."""
        hint = 'Send {"decision": "id"} with the X-Request-Id of an answer.'
        body = await body_of(request, ReplayBody, hint)
        kept = self._view.decided
        one = remembered(kept, body.decision)
        if one is None:
            raise _not_kept(kept)
        return json_answer(200, asdict(_replayed(replay(one), caller_of(request).role)))


def _replayed(found: Replay, role: Role) -> ReplayView:
    logged, derived = found.logged, found.derived
    state = logged.state
    return ReplayView(
        decision=logged.request_id,
        at=logged.at,
        rollout=logged.rollout,
        route=logged.route,
        generation=logged.generation,
        version=0 if state is None else state.version,
        same=found.same,
        given=found.given,
        note=_NOTES[found.given] if found.same else _DIFFERENT,
        logged=LoggedView(logged.decision.arm, logged.decision.reason, logged.decision.bucket),
        derived=DerivedView(
            derived.decision.arm,
            derived.decision.reason,
            DECISIONS[derived.decision.reason],
            derived.decision.bucket,
            derived.threshold / _PER_CENT,
            _looks(derived, role),
        ),
    )


_NOTES: Mapping[Given, str] = {
    "": "",
    "assigned": "A plugin of the route pinned the arm; that was taken from the log, since plugins "
    "are not asked again. All that comes before it was derived.",
    "write_affinity": "The caller had written just before; where was taken from the log, since "
    "that is soon forgotten. All that comes before it was derived.",
    "failover": "New was decided, as is derived here; it failed afterwards, and legacy answered.",
    "declined": "New was decided, as is derived here; a plugin of new left it to legacy.",
}
_DIFFERENT = (
    "The same configuration and state decide otherwise now. The decision failed then, or this "
    "is a fault of Crossfade."
)


def _looks(found: Explanation, role: Role) -> tuple[LookView, ...]:
    """Return the rules that were looked at; to viewers no value of an attribute is told."""
    return tuple(
        LookView(look.rule, look.hit, look.saw if _may_see(look.rule, role) else _HIDDEN)
        for look in found.looks
    )


_HIDDEN = "values of attributes are shown to operators"


def _may_see(rule: str, role: Role) -> bool:
    return role >= Role.OPERATOR or not rule.startswith(("conditions", "rule "))


def _not_kept(kept: Sequence[Decided]) -> Refusal:
    since = kept[0].at if kept else None
    if since is None:
        hint = "No decision of a rollout was made since the proxy has started."
    else:
        begun = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        hint = (
            f"{len(kept)} decisions are kept, the oldest of {begun} UTC; of a busy route one in "
            f"{REMEMBERED_ONE_IN} is kept. Only the replica that has made it knows it."
        )
    return Refusal(
        404,
        "No decision of this request is kept.",
        hint,
        more={"kept": len(kept), "since": since},
    )
