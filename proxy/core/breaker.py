"""A circuit breaker: when something that keeps failing is left alone, and when it is tried again.

The rules, which the rest of this file does nothing but keep:

- CLOSED: everything is permitted. Calls of the last 30 seconds are counted, in buckets of one
  second. It trips when there were `min_calls` and too many of them failed or were slow, or when
  `connect_failures` connections failed one after the other (that counts without `min_calls`:
  whoever is seldom called trips as well), or `failures` calls, however: after half a minute of
  successes under load the share alone would take a quarter of a minute of failures.
- OPEN: nothing is permitted, for `open` x 2^n seconds, at most `open_most`, give or take a
  tenth. n counts the openings so far, and falls by one for each 30 seconds spent closed.
- HALF_OPEN: `probes` calls at a time are permitted. As many successes close it; one failure
  opens it again; so do successes of which too many were slow.
- FORCED_OPEN, FORCED_CLOSED: somebody has decided; results change nothing. A forced opening may
  have an end, after which it is tried as after any other (HALF_OPEN).
- METRICS_ONLY: a breaker that permits everything, goes through the same motions and counts
  how often it would have opened.

Each transition begins a new generation. A result counts only in the generation that its call
was permitted in: what was sent before an opening says nothing about the time after it.

Beside all that, and in each state, what is called may ask to be left alone until some time
(Retry-After): `throttle`. That is no failure, and never makes a wait shorter.

Times are seconds on a clock that only goes forward; random numbers, 0 <= r < 1, are the
caller's. Terms and figures as in resilience4j (window, minimum of calls, slow calls, probes)
and Envoy's outlier detection (growing ejection time).
"""

from dataclasses import dataclass
from typing import NamedTuple

from proxy.core.breaker_table import FORCES, TABLE, Event, State, words_of
from proxy.core.sliding import Sliding

__all__ = ["WINDOW", "Breaker", "BreakerRules", "Permit", "State"]

WINDOW = 30
"""Seconds that are looked back upon."""

JITTER = 0.1
"""So far, as a share, a time of opening is from its nominal length, at most."""


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """When it trips and how long it stays open; times in seconds, rates as shares (0..1)."""

    min_calls: int = 10
    """With fewer calls in the window no rate is looked at."""
    failure_rate: float = 0.5
    """From so large a share of failures on it trips."""
    slow_rate: float = 0.8
    """From so large a share of slow calls on it trips; what is slow the caller says."""
    connect_failures: int = 5
    """So many connections in a row that failed trip it at once."""
    failures: int = 10
    """So many calls in a row that failed within the window, in whatever way, trip it at once."""
    open: float = 15.0
    """How long it is open the first time; then twice as long each time."""
    open_most: float = 300.0
    """It is never open for longer."""
    probes: int = 3
    """So many calls at a time while half open, and so many successes to close."""
    probe_lasts: float = 60.0
    """A probe whose end was not told for so long has lost its place; longer than calls last."""

    def __post_init__(self) -> None:
        """Raise ValueError where a number makes no sense."""
        for name in ("failure_rate", "slow_rate"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; a share is in (0, 1]")
        for name in (
            "min_calls",
            "connect_failures",
            "failures",
            "open",
            "open_most",
            "probes",
            "probe_lasts",
        ):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be more than 0")


class Permit(NamedTuple):
    """Leave for one call; its end is told to the breaker with it, once."""

    generation: int
    slot: int = 0
    """Which of the limited places it has; 0: there was no limit."""
    probe: bool = False
    """Whether much depends on it: the breaker is half open."""


_CALL, _FAILED, _SLOW = 0, 1, 2


class Breaker:
    """One breaker.

    Ask `permit` before each call; tell its end to one of `succeeded`, `failed` or `ignored`.
    """

    __slots__ = (
        "_connects",
        "_cooled_at",
        "_failures",
        "_generation",
        "_home",
        "_in_a_row",
        "_last_slot",
        "_passed",
        "_passed_slow",
        "_since",
        "_slots",
        "_state",
        "_suspected_until",
        "_why",
        "_window",
        "openings",
        "rules",
        "throttled_until",
    )

    def __init__(self, rules: BreakerRules, mode: State = State.CLOSED) -> None:
        """Begin closed, or in METRICS_ONLY. Raises ValueError for another mode."""
        if mode not in (State.CLOSED, State.METRICS_ONLY):
            raise ValueError(f"a breaker begins closed or in metrics_only, and not {mode}")
        self.rules = rules
        self.openings = 0
        """How often it has tripped; in METRICS_ONLY: would have."""
        self.throttled_until = float("-inf")
        self._home: State = mode
        self._state: State = mode
        self._generation = 1
        self._window = Sliding(WINDOW, 3)
        self._connects = 0
        self._failures = 0
        self._in_a_row = 0
        self._since = 0.0
        self._cooled_at: float | None = None
        self._suspected_until = float("-inf")
        self._slots: dict[int, float] = {}
        self._last_slot = 0
        self._passed = 0
        self._passed_slow = 0
        self._why = ""

    def state(self, now: float) -> State:
        """Return how it stands."""
        self._advance(now)
        return self._state

    @property
    def reopens_at(self) -> float:
        """When it will be tried again; inf where nobody knows, 0 where it is not open."""
        if self._state not in (State.OPEN, State.FORCED_OPEN):
            return 0.0
        return float("inf") if self._cooled_at is None else self._cooled_at

    def throttled(self, now: float) -> bool:
        """Return whether it asked to be left alone until later."""
        return now < self.throttled_until

    def free(self, now: float) -> bool:
        """Return whether a call would be permitted."""
        self._advance(now)
        if self.throttled(now) or self._state in (State.OPEN, State.FORCED_OPEN):
            return False
        return self._state is not State.HALF_OPEN or len(self._slots) < self.rules.probes

    def permit(self, now: float) -> Permit | None:
        """Return leave for one call; None: not now."""
        if not self.free(now):
            return None
        if self._state is State.HALF_OPEN:
            return self._slot(now, probe=True)
        return Permit(self._generation)

    def free_though_open(self, now: float, *, alone: bool) -> bool:
        """Return whether a call would be permitted though it is open; see `Breakers`."""
        self._advance(now)
        if self.throttled(now) or self._state is not State.OPEN:
            return False
        return not alone or not self._slots

    def permit_though_open(self, now: float, *, alone: bool) -> Permit | None:
        """Return leave for a call though it is open; its end changes nothing.

        `alone`: None while there is another such call.
        """
        if not self.free_though_open(now, alone=alone):
            return None
        return self._slot(now, probe=False) if alone else Permit(self._generation)

    def succeeded(self, permit: Permit, now: float, random: float, *, slow: bool = False) -> None:
        """Count a call that was answered."""
        if not self._counts(permit, now):
            return
        self._connects = self._failures = 0
        if self._state is State.HALF_OPEN:
            self._passed += 1
            self._passed_slow += slow
            if self._passed >= self.rules.probes:
                self._probed(now, random)
        else:
            self._window.add(now, *((_CALL, _SLOW) if slow else (_CALL,)))
            self._judge(now, random)

    def failed(
        self,
        permit: Permit,
        now: float,
        random: float,
        *,
        connect: bool = False,
        slow: bool = False,
    ) -> None:
        """Count a call that failed; `connect`: there was no connection."""
        if not self._counts(permit, now):
            return
        self._connects = self._connects + 1 if connect else 0
        self._failures += 1
        if self._state is State.HALF_OPEN:
            self._open(now, random, Event.FAILED_AGAIN, "a probe failed")
        else:
            self._window.add(now, *((_CALL, _FAILED, _SLOW) if slow else (_CALL, _FAILED)))
            self._judge(now, random)

    def ignored(self, permit: Permit) -> None:
        """Give a call's place back without a verdict: it was cancelled, or is no evidence."""
        self._slots.pop(permit.slot, None)

    def throttle(self, until: float) -> None:
        """Leave it alone until then; never for a shorter time than was said before."""
        self.throttled_until = max(self.throttled_until, until)

    def suspect(self, until: float) -> None:
        """Trip with half of `min_calls` until then: somebody else has seen it fail."""
        self._suspected_until = max(self._suspected_until, until)

    def force(self, mode: State, now: float, *, until: float | None = None, why: str = "") -> None:
        """Put it into FORCED_OPEN, FORCED_CLOSED or METRICS_ONLY, or CLOSED: it decides again.

        `until` and `why` are about FORCED_OPEN: when it ends (None: when somebody says so), and
        what is told meanwhile. The last word counts, except that another opening does not make
        a forced one shorter. Raises ValueError for a state that nobody can put it into.
        """
        if mode not in FORCES:
            raise ValueError(f"a breaker cannot be forced to be {mode}, only {', '.join(FORCES)}")
        self._advance(now)
        if self._state is mode is State.FORCED_OPEN and until is not None:
            until = None if self._cooled_at is None else max(until, self._cooled_at)
        if mode in (State.CLOSED, State.METRICS_ONLY):
            self._home, self._in_a_row = mode, 0
        self._move(FORCES[mode], now)
        if mode is State.FORCED_OPEN:
            self._cooled_at, self._why = until, why or "somebody said so"

    def why(self, now: float) -> str:
        """Say why it permits nothing, or little; empty where it permits everything."""
        self._advance(now)
        if self._state in (State.OPEN, State.FORCED_OPEN):
            left = "" if self._cooled_at is None else f" for {self._cooled_at - now:.1f} s more"
            return f"{words_of(self._state)}{left}: {self._why}"
        if self.throttled(now):
            left = f"{self.throttled_until - now:.1f} s more"
            return f"throttled for {left}: it asked to be left alone"
        if self._state is State.HALF_OPEN:
            return (
                f"half open: {self._passed} of {self.rules.probes} probes succeeded, "
                f"{len(self._slots)} under way; before: {self._why}"
            )
        return ""

    def __repr__(self) -> str:
        calls, failed, slow = self._window.last()
        return (
            f"<Breaker [{words_of(self._state)}, generation {self._generation}, {calls} calls, "
            f"{failed} failed, {slow} slow, {len(self._slots)} slots taken]>"
        )

    def _advance(self, now: float) -> None:
        """Let time do its part: an opening ends, a place that nobody gave back is free again."""
        for slot in [slot for slot, until in self._slots.items() if until <= now]:
            del self._slots[slot]
        if self._cooled_at is None or now < self._cooled_at:
            return
        watches = self._state is State.FORCED_OPEN and self._home is State.METRICS_ONLY
        self._move(Event.WATCH if watches else Event.COOLED, self._cooled_at)

    def _slot(self, now: float, *, probe: bool) -> Permit:
        self._last_slot += 1
        self._slots[self._last_slot] = now + self.rules.probe_lasts
        return Permit(self._generation, self._last_slot, probe)

    def _counts(self, permit: Permit, now: float) -> bool:
        """Free the place of a call that has ended; return whether its end means anything."""
        self._advance(now)
        lost = bool(permit.slot) and self._slots.pop(permit.slot, None) is None
        if lost or permit.generation != self._generation:
            return False
        if self._state is State.METRICS_ONLY:
            return self._cooled_at is None
        return self._state in (State.CLOSED, State.HALF_OPEN)

    def _judge(self, now: float, random: float) -> None:
        """Trip if the window says so."""
        rules = self.rules
        calls, failed, slow = self._window.sums(now)
        least = (rules.min_calls + 1) // 2 if now < self._suspected_until else rules.min_calls
        enough = calls >= least
        if self._connects >= rules.connect_failures:
            why = f"{self._connects} connections in a row failed"
        elif enough and failed >= rules.failure_rate * calls:
            why = f"{failed} of {calls} calls failed within {WINDOW} s"
        elif min(self._failures, failed) >= rules.failures:
            why = f"{self._failures} calls in a row failed, of {calls} within {WINDOW} s"
        elif enough and slow >= rules.slow_rate * calls:
            why = f"{slow} of {calls} calls were slow within {WINDOW} s"
        else:
            return
        # What it was opened for long ago is forgiven, one opening for each window without one.
        if self._in_a_row:
            self._in_a_row = max(0, self._in_a_row - int((now - self._since) // WINDOW))
        self._open(now, random, Event.TRIPPED, why)

    def _probed(self, now: float, random: float) -> None:
        """All probes have succeeded: close, unless it is slow as it was."""
        if self._passed_slow < self.rules.slow_rate * self._passed:
            self._move(Event.RECOVERED, now)
        else:
            why = f"{self._passed_slow} of {self._passed} probes were slow"
            self._open(now, random, Event.FAILED_AGAIN, why)

    def _open(self, now: float, random: float, event: Event, why: str) -> None:
        # With the longest time, too, breakers of many replicas must not reopen all at once:
        # so the nominal time stays that much below it.
        longest = self.rules.open_most / (1 + JITTER)
        nominal = self.rules.open * 2.0**self._in_a_row
        if nominal < longest:
            self._in_a_row += 1
        lasts = min(nominal, longest) * (1 + JITTER * (2 * random - 1))
        self._move(event, now)
        self._cooled_at = now + min(lasts, self.rules.open_most)
        self._why = why
        self.openings += 1

    def _move(self, event: Event, now: float) -> None:
        self._state = TABLE[self._state][event]
        self._generation += 1
        self._since = now
        self._cooled_at = None
        self._window.clear()
        self._slots.clear()
        self._connects = self._failures = self._passed = self._passed_slow = 0
