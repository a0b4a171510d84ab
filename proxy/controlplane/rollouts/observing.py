"""What has been observed of the rollouts: the windows of this replica, and their meaning.

The hot path counts into windows; a fleet adds up what they export. Either way the numbers
become what judges are shown.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from proxy.api.judging import METRICS, Evidence, Observed, Scope, Seen
from proxy.config.models import Config
from proxy.core.affinity import WriteAffinity
from proxy.core.log_linear import quantile
from proxy.core.observations import COUNTED, SLICE_SECONDS, Totals, named
from proxy.core.reason import Arm
from proxy.core.sketch import estimate
from proxy.core.window import KEYS_MOST, Export, Window
from proxy.dataplane.generation import Observers

__all__ = ["RECENT_SECONDS", "Watch", "observed", "totals_of"]

RECENT_SECONDS: Final = 10
"""How far back `Observed.recent` reaches at least; at most a slice further."""

_NAMES_KNOWN: Final = 32_768
_EVERYBODY = Scope()
_ARMS = (Arm.LEGACY, Arm.NEW)
_NOBODY = Evidence(keys=dict.fromkeys(METRICS, 0))
_NO_EVIDENCE = _NOBODY, _NOBODY
_Counts = dict[tuple[Scope, Arm], dict[str, int]]


class Watch:
    """What this replica observes: a window for each rollout, whatever generation serves."""

    def __init__(self) -> None:
        """Begin with none."""
        self.windows: Mapping[str, Window] = {}
        self._windows: dict[tuple[str, bool, str], Window] = {}
        self._affinities: dict[tuple[str, float], WriteAffinity] = {}

    def observers(self, config: Config) -> Observers:
        """Return what shall observe the rollouts of `config`; what there is already goes on.

        The configuration may yet be refused: see `serve`.
        """
        windows, affinities = {}, {}
        for name, rollout in config.rollouts.items():
            by_route, cohort = rollout.rollback.scope == "route", rollout.cohort
            windows[name] = self._windows.setdefault(
                (name, by_route, cohort), Window(by_route=by_route, cohort=cohort)
            )
            if rollout.write_affinity:
                affinities[name] = self._affinities.setdefault(
                    (name, rollout.write_affinity), WriteAffinity(rollout.write_affinity)
                )
        return Observers(windows, affinities)

    def adjust(self, ahead: float) -> None:
        """Number slices by a clock that is so many seconds ahead of ours: the store's."""
        for window in self.windows.values():
            window.ahead = ahead

    def serve(self, config: Config) -> None:
        """Note that `config` serves now: its windows are those that count, others are forgotten."""
        self.windows, affinities = self.observers(config)
        for name, window in self.windows.items():
            window.slow_floor = config.rollouts[name].rollback.slow_floor
        kept = {id(one) for one in (*self.windows.values(), *affinities.values())}
        self._windows = {key: one for key, one in self._windows.items() if id(one) in kept}
        self._affinities = {key: one for key, one in self._affinities.items() if id(one) in kept}


def totals_of(export: Export) -> Totals:
    """Return what one replica has observed in the form that a fleet's totals have."""
    keys = {name: len(tags) for name, tags in export.keys.items()}
    return Totals(export.counts, export.slices, keys, export.sketches)


def observed(totals: Totals, now: float, window_seconds: float) -> dict[Scope, Observed]:
    """Return what judges are shown: everybody, and each cell where there are several.

    `now` in Unix seconds; `window_seconds` is how far back `Observed.window` reaches.
    """
    segment = _told_apart(totals.counts)
    recent = _told_apart(_summed(totals, now - RECENT_SECONDS, now))
    window = _told_apart(_summed(totals, now - window_seconds, now))
    scopes = {scope for counts in (segment, recent, window) for scope, _ in counts}
    evidence = _evidence(totals)
    return {
        scope: Observed(
            segment=_seen(segment, scope),
            recent=_seen(recent, scope),
            window=_seen(window, scope),
            evidence=evidence.get(scope, _NO_EVIDENCE),
        )
        for scope in sorted(scopes | {_EVERYBODY})
    }


@lru_cache(_NAMES_KNOWN)
def _parts(text: str) -> tuple[Scope, Arm, str]:
    """Take a number's name apart: the same thousands of them come each second."""
    route, cohort, arm, what = named(text)
    return Scope(route, cohort), arm, what


def _summed(totals: Totals, since: float, now: float) -> dict[str, int]:
    """Add up the slices that reach beyond `since`, by the numbers' names.

    What lies ahead was counted before a clock was put back: nobody knows how long ago.
    """
    found: dict[str, int] = {}
    for number, counts in totals.slices.items():
        if (number + 1) * SLICE_SECONDS > since and (number - 1) * SLICE_SECONDS <= now:
            for text, count in counts.items():
                found[text] = found.get(text, 0) + count
    return found


def _told_apart(numbers: Mapping[str, int]) -> _Counts:
    """Return the numbers by scope and arm, and those of everybody."""
    found: _Counts = {}
    for text, count in numbers.items():
        scope, arm, what = _parts(text)
        _add(found, scope, arm, what, count)
        if scope != _EVERYBODY:
            _add(found, _EVERYBODY, arm, what, count)
    return found


def _add(found: _Counts, scope: Scope, arm: Arm, what: str, count: int) -> None:
    where = scope, arm
    counts = found.get(where)
    if counts is None:
        counts = found[where] = {}
    counts[what] = counts.get(what, 0) + count


def _seen(counts: _Counts, scope: Scope) -> tuple[Seen, Seen]:
    legacy, new = (_one_seen(counts.get((scope, arm), {})) for arm in _ARMS)
    return legacy, new


def _one_seen(counts: Mapping[str, int]) -> Seen:
    latency = {int(what[1:]): n for what, n in counts.items() if what not in COUNTED}
    return Seen(
        **{what: counts.get(what, 0) for what in COUNTED},
        p50=quantile(latency, 0.5),
        p95=quantile(latency, 0.95),
    )


def _evidence(totals: Totals) -> dict[Scope, tuple[Evidence, Evidence]]:
    """Return the evidence of each scope, as (legacy, new)."""
    keys: _Counts = {}
    for text, count in totals.keys.items():
        scope, arm, metric = _parts(text)
        _add(keys, scope, arm, metric, count)
    active: dict[tuple[Scope, Arm], float] = {}
    for text, tags in totals.sketches.items():
        scope, arm, _ = _parts(text)
        active[scope, arm] = estimate(tags)
    found = {}
    for scope in {scope for scope, _ in (*keys, *active)}:
        met = [keys.get((scope, arm), {}) for arm in _ARMS]
        # What is full has stopped counting, on each replica by itself: no longer comparable.
        told = [m for m in METRICS if sum(each.get(m, 0) for each in met) < KEYS_MOST]
        legacy, new = (
            Evidence(active.get((scope, arm), 0.0), {m: each.get(m, 0) for m in told})
            for arm, each in zip(_ARMS, met, strict=True)
        )
        found[scope] = legacy, new
    return found
