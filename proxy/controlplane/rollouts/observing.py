"""What has been observed of the rollouts: the windows of this replica, and their meaning.

The hot path counts into windows; a fleet adds up what they export. Either way the numbers
become what judges are shown.
"""

from collections.abc import Iterable, Mapping
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

_EVERYBODY = Scope()
_ARMS = (Arm.LEGACY, Arm.NEW)
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
    segment = _summed(totals.counts.items())
    recent = _summed(_slices(totals, now - RECENT_SECONDS))
    window = _summed(_slices(totals, now - window_seconds))
    scopes = {scope for counts in (segment, recent, window) for scope, _ in counts}
    return {
        scope: Observed(
            segment=_seen(segment, scope),
            recent=_seen(recent, scope),
            window=_seen(window, scope),
            evidence=_evidence(totals, scope),
        )
        for scope in sorted(scopes | {_EVERYBODY})
    }


def _slices(totals: Totals, since: float) -> Iterable[tuple[str, int]]:
    """Yield the numbers of the slices that reach beyond `since`."""
    for number, counts in totals.slices.items():
        if (number + 1) * SLICE_SECONDS > since:
            yield from counts.items()


def _summed(numbers: Iterable[tuple[str, int]]) -> _Counts:
    """Add numbers up by scope and arm, and for everybody."""
    found: _Counts = {}
    for text, count in numbers:
        route, cohort, arm, what = named(text)
        for scope in {Scope(route, cohort), _EVERYBODY}:
            counts = found.setdefault((scope, arm), {})
            counts[what] = counts.get(what, 0) + count
    return found


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


def _evidence(totals: Totals, scope: Scope) -> tuple[Evidence, Evidence]:
    keys: dict[tuple[str, Arm], int] = {}
    for text, count in totals.keys.items():
        route, cohort, arm, metric = named(text)
        if (route, cohort) == scope:
            keys[metric, arm] = count
    # What is full has stopped counting, on each replica by itself: no longer comparable.
    full = {m for m in METRICS if sum(keys.get((m, arm), 0) for arm in _ARMS) >= KEYS_MOST}
    active = dict.fromkeys(_ARMS, 0.0)
    for text, tags in totals.sketches.items():
        route, cohort, arm, _ = named(text)
        if (route, cohort) == scope:
            active[arm] = estimate(tags)
    legacy, new = (
        Evidence(
            active=active[arm],
            keys={m: keys.get((m, arm), 0) for m in METRICS if m not in full},
        )
        for arm in _ARMS
    )
    return legacy, new
