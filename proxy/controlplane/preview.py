"""What a change of the configuration would mean for the callers that were decided last.

The callers are decided twice, by the rollouts that serve and by those that would serve:
the same functions on the same identities, so a preview cannot differ from what will
happen to these callers. Their keys are needed for that, since another salt gives another
hash; they stay in memory and nothing here shows them.

A percentage alone never moves anybody against its direction. What does is another hash:
another salt, or keys spelt differently. `check_rebucket` refuses that where somebody on
new would be sent back by it, unless the configuration says ``rebucket: true``.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from proxy.config.declared import declared_of
from proxy.config.models import Config, Route
from proxy.core.commands import Declare
from proxy.core.decide import decide
from proxy.core.identity import Identity
from proxy.core.key import normalise
from proxy.core.ramp import apply
from proxy.core.ramp_table import words_of
from proxy.core.reason import Arm
from proxy.core.rollout_state import Mark, RolloutState, Standing, share_of
from proxy.dataplane.compile_rollouts import NOTHING, compile_rollouts
from proxy.dataplane.decided import Decided
from proxy.settings.problems import Problem

__all__ = ["RolloutPreview", "check_rebucket", "check_renamed", "preview"]

Callers = dict[bytes, Identity]


@dataclass(frozen=True, slots=True)
class RolloutPreview:
    """The moves of the callers that one rollout decided last; shares in per cent of `seen`.

    `then` names the rollout that decides about them afterwards: the same one, that of
    their route if it was given another, or nothing where the route leads to one place.
    `seen` counts keys; callers without a key are left out, since nobody can tell them
    apart. `rebucketed` tells that the hash is another, and `note` what could not be
    foreseen, in words.
    """

    rollout: str
    then: str
    seen: int
    to_new: int
    to_legacy: int
    share_to_new: float
    share_to_legacy: float
    rebucketed: bool
    note: str = ""


class _Succession(NamedTuple):
    """Who decides about a rollout's callers next: a rollout, or an arm for everybody."""

    rollout: str
    then: str
    arm: Arm | None = None


def preview(
    decided: Iterable[Decided],
    before: Config,
    after: Config,
    learned: Mapping[str, RolloutState] = NOTHING,
) -> tuple[RolloutPreview, ...]:
    """Decide the recorded callers by both configurations, and count who changes sides.

    A key counts once per rollout of `before`, with what was last known about it; `learned`
    is how the rollouts stand. What plugins pinned is not replayed. Raises ValueError if a
    rollout cannot be compiled.
    """
    callers = _callers(decided, lower=before.identity.lower)
    old = compile_rollouts(before, learned)
    new = compile_rollouts(_foreseeable(before, after), foreseen(after, learned))
    lower = after.identity.lower
    found = []
    for succession in _successions(before, after):
        rollout, then, arm = succession
        moves = [0, 0]
        known = callers.get(rollout, {})
        for identity in known.values():
            came_from = decide(old[rollout], identity).arm
            goes_to = arm or decide(new[then], _spelt(identity, lower=lower)).arm
            if goes_to is not came_from:
                moves[goes_to is Arm.NEW] += 1
        found.append(_counted(succession, len(known), moves, before, after))
    return tuple(found)


def foreseen(after: Config, learned: Mapping[str, RolloutState]) -> dict[str, RolloutState]:
    """Return how the rollouts will stand when `after` serves."""
    mark = Mark("configuration", "", 0.0)
    return {
        name: apply(state, Declare(declared_of(after, name)), mark)
        for name, state in learned.items()
        if name in after.rollouts
    }


def check_rebucket(
    before: Config,
    after: Config,
    previews: Iterable[RolloutPreview] = (),
    learned: Mapping[str, RolloutState] = NOTHING,
) -> list[Problem]:
    """Return a problem for each rollout whose new hash would send somebody back to legacy.

    Both percentages lie between 0 and 100 then: from 0 nobody can go back, at 100 nobody
    does, and who goes back from 100 or to 0 goes because the percentage says so.
    `previews` are those of the same change; their numbers are told along.
    """
    told = {(one.rollout, one.then): one for one in previews}
    problems = []
    then_learned = foreseen(after, learned)
    for rollout, then, arm in _successions(before, after):
        regrouped = then != rollout and then in before.rollouts
        if arm is not None or regrouped or not _rebuckets(rollout, then, before, after):
            continue
        old, new = _share(before, rollout, learned), _share(after, then, then_learned)
        if 0 < old < 100 and 0 < new < 100 and not after.rollouts[then].rebucket:
            share = old * (100 - new) / 100
            back = _predicted(share, told.get((rollout, then)))
            problems.append(_problem(rollout, then, before, after, back))
    return problems


def check_renamed(
    before: Config,
    after: Config,
    learned: Mapping[str, RolloutState],
    then_learned: Mapping[str, RolloutState],
) -> list[Problem]:
    """Return a problem for each rollout that another name would free of its rollback or kill.

    `learned` is how the rollouts of `before` stand, `then_learned` how those of `after` do.
    """
    problems = []
    then_stands = foreseen(after, then_learned)
    for rollout, then, _ in _successions(before, after):
        state = learned.get(rollout)
        if state is None or not then or then in before.rollouts:
            continue
        mark = state.killed or state.rolled_back
        share = _share(after, then, then_stands)
        if mark is not None and share > 0:
            problems.append(
                after.problem(
                    ("rollouts", then),
                    f"{rollout} by another name, and {share:g} % of its callers to new",
                    f"nobody on new, since {rollout} is {words_of(state.standing)} by {mark.by}",
                    f"Keep the name {rollout}, or set rollouts.{then}.percentage to 0 and raise it "
                    "when new is well again",
                    at_key=True,
                )
            )
    return problems


def _callers(decided: Iterable[Decided], *, lower: bool) -> dict[str, Callers]:
    callers: dict[str, Callers] = {}
    for one in decided:
        spelt = _spelt(one.identity, lower=lower)
        if spelt.key is not None:
            callers.setdefault(one.rollout, {})[spelt.key] = spelt
    return callers


def _spelt(identity: Identity, *, lower: bool) -> Identity:
    """Return the caller with the key spelt as the configuration wants it."""
    if not lower or identity.key is None:
        return identity
    return identity._replace(key=normalise(identity.key, lower=True))


def _successions(before: Config, after: Config) -> list[_Succession]:
    """Return each rollout in force with what takes its place, route by route."""
    found = dict.fromkeys(_by_route(before, after))
    followed = {succession.rollout for succession in found}
    for name in before.rollouts:
        if name not in followed and name in after.rollouts:
            found[_Succession(name, name)] = None
    return list(found)


def _by_route(before: Config, after: Config) -> Iterator[_Succession]:
    for route in before.routes:
        now = None if route.rollout is None else _same_route(route, after)
        if route.rollout is None or now is None:
            continue
        if now.rollout is not None:
            yield _Succession(route.rollout, now.rollout)
        elif (arm := _arm_that_stays(route, now)) is not None:
            yield _Succession(route.rollout, "", arm)


def _same_route(route: Route, after: Config) -> Route | None:
    """Return the route of the same name, else the one that takes the same requests."""
    named = [other for other in after.routes if other.name == route.name]
    like = [other for other in after.routes if other.match == route.match]
    return next(iter((*named, *like)), None)


def _arm_that_stays(before: Route, after: Route) -> Arm | None:
    """Return the arm whose destination now gets everybody; None if it is neither's."""
    if before.arms is None:
        return None
    for name, arm in ((Arm.LEGACY, before.arms.legacy), (Arm.NEW, before.arms.new)):
        if after.upstream is not None and after.upstream == arm.upstream:
            return name
        if after.plugin and arm.plugin and after.plugin.plugin == arm.plugin.plugin:
            return name
    return None


def _rebuckets(rollout: str, then: str, before: Config, after: Config) -> bool:
    return (
        before.rollouts[rollout].salt != after.rollouts[then].salt
        or before.identity.lower != after.identity.lower
    )


def _share(config: Config, name: str, learned: Mapping[str, RolloutState]) -> float:
    """Return the percentage of callers that are on new, or would be by this configuration."""
    rollout, state = config.rollouts[name], learned.get(name)
    if state is None:
        return share_of(rollout.percentage, Standing.DRAFT, enabled=rollout.enabled)
    return share_of(state.percentage, state.standing, enabled=rollout.enabled)


def _unforeseen(before: Config, after: Config) -> frozenset[str]:
    """Return the attributes of conditions about which the recorded callers know nothing."""
    asked = {name for rollout in before.rollouts.values() for name in rollout.conditions}
    old, new = before.identity.attributes, after.identity.attributes
    if any(route.plugins for route in before.routes):
        asked.update(old)  # a plugin may ask for any, so all of them are found
    return frozenset(
        name
        for rollout in after.rollouts.values()
        for name in rollout.conditions
        if name not in asked or old.get(name) != new.get(name)
    )


def _foreseeable(before: Config, after: Config) -> Config:
    """Return `after` without the conditions that cannot be judged: as if they held."""
    unforeseen = _unforeseen(before, after)
    if not unforeseen:
        return after
    rollouts = {
        name: rollout.model_copy(
            update={
                "conditions": {
                    attribute: condition
                    for attribute, condition in rollout.conditions.items()
                    if attribute not in unforeseen
                }
            }
        )
        for name, rollout in after.rollouts.items()
    }
    return after.model_copy(update={"rollouts": rollouts})


def _counted(
    succession: _Succession, seen: int, moves: list[int], before: Config, after: Config
) -> RolloutPreview:
    rollout, then, arm = succession
    to_legacy, to_new = moves
    return RolloutPreview(
        rollout=rollout,
        then=then,
        seen=seen,
        to_new=to_new,
        to_legacy=to_legacy,
        share_to_new=_per_cent(to_new, seen),
        share_to_legacy=_per_cent(to_legacy, seen),
        rebucketed=arm is None and _rebuckets(rollout, then, before, after),
        note="; ".join(_notes(then, before, after)),
    )


def _per_cent(part: int, whole: int) -> float:
    return round(100 * part / whole, 3) if whole else 0.0


def _notes(then: str, before: Config, after: Config) -> Iterator[str]:
    if not then:
        return
    unknown = _unforeseen(before, after).intersection(after.rollouts[then].conditions)
    if unknown:
        names = ", ".join(sorted(unknown))
        yield f"nothing is known yet about {names}: counted as if that condition held"
    if before.identity.key != after.identity.key:
        yield "identity.key has changed: callers may come with other keys than these"
    if before.identity.lower and not after.identity.lower:
        yield "identity.lower is taken back: how the keys will be spelt is not known"


def _predicted(share: float, told: RolloutPreview | None) -> str:
    recorded = ""
    if told is not None and told.seen:
        recorded = f"; of the {told.seen} callers seen last, {told.to_legacy}"
    return f"about {share:.3g} % of all keys would go from new back to legacy{recorded}"


def _problem(rollout: str, then: str, before: Config, after: Config, back: str) -> Problem:
    accept = f"set rollouts.{then}.rebucket to true to move them"
    old = before.rollouts[rollout].salt
    if old == after.rollouts[then].salt:
        return after.problem(
            ("identity", "lower"),
            "another spelling of keys than the one that serves, and so another split",
            f"{str(before.identity.lower).lower()}, while {then} is between 0 and 100 %",
            f"{back}. Put it back to keep everybody where they are, or {accept}",
        )
    # A salt that somebody chose may be a secret; the name of a rollout is none.
    salt = f"salt: {rollout}" if old == rollout else f"the salt that {rollout} has had"
    renamed = "" if then == rollout else f", since it is {rollout} by another name"
    return after.problem(
        ("rollouts", then, "salt"),
        f"another salt than the one that serves{renamed}",
        "the same salt while the percentage is between 0 and 100",
        f"{back}. Write {salt} to keep everybody where they are, or {accept}",
    )
