"""How the deployments are: breakers, throttles, forced openings, times to the first byte.

Pure: times (seconds on a clock that only goes forward) and random numbers are passed in.
What an end of a call means for its breaker stands in `matrix`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from proxy.api.resilience import Breaker, BreakerRules, Breakers, Permit, State, backoff
from proxy.api.workflows import ProviderHealth

from ..settings import BreakerSettings
from .calls import Failure, FailureClass
from .choosing import Latency
from .deployment import Deployment
from .matrix import MATRIX, Effect
from .scores import FirstBytes

__all__ = ["MODES", "Health", "Trouble"]

LEFT_ALONE_SECONDS = 300.0
"""So long what a person has to put right is left alone, and then tried: somebody may have."""

_PROBE_LASTS = 1200.0
"""Every call ends before: this only bounds what a mistake of ours would cost."""

THROTTLED_BY = 2
"""Without Retry-After: as before the third retry, up to a second."""

MODES = {
    "forced_open": State.FORCED_OPEN,
    "forced_closed": State.FORCED_CLOSED,
    "metrics_only": State.METRICS_ONLY,
    "closed": State.CLOSED,
}
"""What an operator can put a breaker into; ``closed``: it decides by itself again."""


class Trouble(NamedTuple):
    """Something that a person has to put right."""

    provider: str
    deployment: str
    quota: bool
    """There is nothing left to spend; else the configuration is wrong."""
    says: str


class _Learned(NamedTuple):
    """What outlives a reload."""

    deployments: Mapping[str, Deployment]
    settings: BreakerSettings
    breakers: Breakers
    first_bytes: dict[tuple[str, bool], FirstBytes]
    """By deployment, and whether it was a stream."""
    told: dict[tuple[str, FailureClass], float]
    """Who was reported for what, and until when not again."""


class Health:
    """What has been learned about the deployments of one configuration."""

    def __init__(
        self,
        deployments: Sequence[Deployment],
        settings: BreakerSettings,
        now: float,
        before: "Health | None" = None,
    ) -> None:
        """With `before`, whatever is still at the same place stands as it stood there."""
        self._home = State.METRICS_ONLY if settings.mode == "metrics_only" else State.CLOSED
        breakers = Breakers(_rules(settings), self._home)
        by_name = {one.name: one for one in deployments}
        self.learned = _Learned(by_name, settings, breakers, {}, {})
        if before is not None:
            self._take_over(before.learned, now)
        self._deployments, self._settings, self._breakers, self._times, self._told = self.learned

    def permitted(self, names: Iterable[str], now: float) -> tuple[str, ...]:
        """Return which of these may be asked now, in their order."""
        return self._breakers.permitted(names, now)

    def permit(self, name: str, among: Iterable[str], now: float) -> Permit | None:
        """Return leave to ask `name`, chosen `among` these; None: not now.

        One of `answered`, `failed`, `ignored` has to be told of its end.
        """
        return self._breakers.permit(name, among, now)

    def throttled_until(self, name: str) -> float:
        """Return until when it asked to be left alone; a time of the past if it did not."""
        return self._breakers[name].throttled_until

    def open_until(self, name: str, now: float) -> float:
        """Return until when its breaker is open: 0 if it is not, inf if nobody knows."""
        breaker = self._breakers[name]
        breaker.state(now)
        return breaker.reopens_at

    def why(self, name: str, now: float) -> str:
        """Return why it is left alone, in words; empty if it is not."""
        return self._breakers[name].why(now)

    def answered(
        self,
        name: str,
        permit: Permit,
        first_byte: float,
        now: float,
        random: float,
        *,
        stream: bool = False,
    ) -> None:
        """Count a call that was answered, `first_byte` seconds after it was sent."""
        slow = first_byte > self._settings.slow
        self._breakers[name].succeeded(permit, now, random, slow=slow)
        self.times(name, stream=stream).observe(first_byte, now)

    def failed(
        self, one: Deployment, permit: Permit, failure: Failure, now: float, random: float
    ) -> Trouble | None:
        """Count a call that failed; returns what a person has to know of, once in five minutes."""
        breaker = self._breakers[one.name]
        effect = MATRIX[failure.kind].effect
        if effect in (Effect.FAILURE, Effect.NO_CONNECTION, Effect.SLOW_FAILURE):
            breaker.failed(
                permit,
                now,
                random,
                connect=effect is Effect.NO_CONNECTION,
                slow=effect is Effect.SLOW_FAILURE,
            )
            return None
        breaker.ignored(permit)
        if effect is Effect.THROTTLED:
            wait = failure.retry_after
            breaker.throttle(now + (backoff(THROTTLED_BY, random) if wait is None else wait))
        elif effect in (Effect.CREDENTIAL_OPEN, Effect.FORCED_OPEN):
            return self._left_alone(one, failure, now)
        return None

    def ignored(self, name: str, permit: Permit) -> None:
        """Give back a permit whose call says nothing: cancelled, or never sent."""
        self._breakers[name].ignored(permit)

    def suspect(self, name: str, until: float) -> None:
        """Take in that another replica's breaker has opened; half the calls do until then."""
        if name in self._deployments:
            self._breakers[name].suspect(until)

    def force(self, name: str, mode: str, now: float) -> None:
        """Put a breaker into a mode of `MODES`; ``closed`` is as configured, from a fresh start.

        Raises ValueError for another mode, or a deployment that there is none of.
        """
        if name not in self._deployments:
            known = ", ".join(self._deployments)
            raise ValueError(f"there is no deployment {name[:64]!r}; there are: {known}")
        if mode not in MODES:
            known = ", ".join(MODES)
            raise ValueError(f"{mode[:64]!r} is no mode of a breaker; there are: {known}")
        state = self._home if mode == "closed" else MODES[mode]
        self._breakers[name].force(state, now, why="an operator said so")

    def standing(self, now: float) -> tuple[ProviderHealth, ...]:
        """Return how each deployment stands."""
        return tuple(self.standing_of(name, now) for name in self._deployments)

    def standing_of(self, name: str, now: float) -> ProviderHealth:
        """Return how one deployment stands."""
        breaker = self._breakers[name]
        state = breaker.state(now)
        provider = self._deployments[name].provider
        throttled = breaker.throttled(now)
        return ProviderHealth(name, provider, state, throttled, breaker.why(now))

    def openings(self, name: str) -> int:
        """Return how often its breaker has opened, or would have."""
        return self._breakers[name].openings

    def times(self, name: str, *, stream: bool) -> FirstBytes:
        """Return the times to the first byte of streams, or of whole answers."""
        return self._times.setdefault((name, stream), FirstBytes())

    def latency(self, now: float, *, stream: bool) -> Latency:
        """Return what is expected of each, as `choosing` wants it."""
        return lambda name: self.times(name, stream=stream).mean(now)

    def _left_alone(self, one: Deployment, failure: Failure, now: float) -> Trouble | None:
        """Force open what needs a person: one deployment, or all of its provider."""
        quota = failure.kind is FailureClass.QUOTA
        until = now + LEFT_ALONE_SECONDS
        for other in self._deployments.values():
            if other.name == one.name or (quota and other.provider == one.provider):
                self._force_open(self._breakers[other.name], now, until, failure.says)
        told = (one.provider if quota else one.name, failure.kind)
        if now < self._told.get(told, 0.0):
            return None
        self._told[told] = now + LEFT_ALONE_SECONDS
        return Trouble(one.provider, one.name, quota, failure.says)

    def _force_open(self, breaker: Breaker, now: float, until: float, why: str) -> None:
        # What an operator has forced closed, or lets run for its metrics alone, stays so.
        if breaker.state(now) not in (State.FORCED_CLOSED, State.METRICS_ONLY):
            breaker.force(State.FORCED_OPEN, now, until=until, why=why)

    def _take_over(self, before: _Learned, now: float) -> None:
        """Go on with what another has learned; its calls under way still count.

        With other rules breakers count afresh; what was asked of us, and by whom, holds on.
        """
        deployments, settings, breakers = self.learned[:3]
        same = before.settings == settings
        if same:
            breakers = before.breakers
        self.learned = _Learned(deployments, settings, breakers, before.first_bytes, before.told)
        for name, one in deployments.items():
            other = before.deployments.get(name)
            if other is None or _place(other) != _place(one):
                self._forget(name, now)
            elif not same:
                self._hand_over(before.breakers[name], breakers[name], now)

    def _forget(self, name: str, now: float) -> None:
        """Whatever was there is somewhere else now."""
        breaker = self.learned.breakers[name]
        breaker.force(self._home, now)
        breaker.throttled_until = float("-inf")
        self.learned.told.pop((name, FailureClass.AUTH), None)
        for stream in (False, True):
            self.learned.first_bytes.pop((name, stream), None)

    def _hand_over(self, before: Breaker, after: Breaker, now: float) -> None:
        after.throttle(before.throttled_until)
        state, until = before.state(now), before.reopens_at
        if self._home is State.CLOSED and state in (State.FORCED_OPEN, State.FORCED_CLOSED):
            why = before.why(now).partition(": ")[2]
            after.force(state, now, until=until if until < float("inf") else None, why=why)


def _place(one: Deployment) -> object:
    return one.at, one.model, one.settings.deployment


def _rules(settings: BreakerSettings) -> BreakerRules:
    return BreakerRules(
        min_calls=settings.min_calls,
        failure_rate=settings.failure_rate,
        slow_rate=settings.slow_rate,
        connect_failures=settings.connect_failures,
        failures=settings.failures,
        open=settings.open,
        open_most=settings.open_most,
        probes=settings.probes,
        probe_lasts=_PROBE_LASTS,
    )
