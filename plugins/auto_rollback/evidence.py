"""The always-valid test of whether more harm is done on new than chance would put there.

Keys are assigned to the arms by a hash. If the arm makes no difference, each key that meets
an error is on new with the probability `share`, by itself, whatever storms and incidents there
are. Against that stands a mixture of alternatives: the odds of meeting an error are so and so
many times as high on new. The ratio of the two likelihoods is a martingale under "no
difference" that begins at 1, so it ever reaches 1/alpha with a probability of alpha at most
(Ville's inequality), however often one looks. The idea of testing counts by two integers alone
is that of Lindon and Malek, "Anytime-Valid Inference for Multinomial Count Data",
arXiv 2205.14762; the mixture here is a discrete one over odds ratios above 1, hence one-sided.
"""

from collections.abc import Sequence
from functools import lru_cache
from math import exp, log, pi
from typing import Any, NamedTuple

from proxy.api import Observed, Question

__all__ = [
    "FEW_KEYS",
    "Finding",
    "find",
    "finding",
    "log_e",
    "metric_weight",
    "scope_weight",
    "segment_weight",
    "several",
]

_ODDS_RATIOS = (
    # ratio, weight: what a regression is expected to look like, from 1 % -> 1.5 % to an outage
    (1.5, 0.05),
    (2.0, 0.10),
    (3.0, 0.25),
    (5.0, 0.30),
    (8.0, 0.15),
    (15.0, 0.10),
    (50.0, 0.05),
)

FEW_KEYS = 100
"""Below so many active keys on new, one or two of them prove nothing."""

_LEAST_ERRING = 3
_LEAST_SCOPES = 16


def log_e(new: int, legacy: int, share: float) -> float:
    """Return the natural logarithm of the evidence that new is worse.

    `new` and `legacy` are how many different keys met the metric, `share` is the probability
    that a key is on new. 0.0 without keys, and where there is only one arm.
    """
    if not 0.0 < share < 1.0:
        return 0.0
    met = new + legacy
    terms = [weight + new * ratio - met * scale for weight, ratio, scale in _mixture(share)]
    most = max(terms)
    return most + log(sum(exp(term - most) for term in terms))


@lru_cache(64)
def _mixture(share: float) -> tuple[tuple[float, float, float], ...]:
    """Return for each odds ratio the logarithms of its weight, itself, and what scales it."""
    return tuple(
        (log(weight), log(ratio), log(1.0 - share + share * ratio))
        for ratio, weight in _ODDS_RATIOS
    )


def metric_weight(metric: str, metrics: Sequence[str]) -> float:
    """Return a metric's part of the false-alarm budget: `errors` has half, the others the rest."""
    if "errors" not in metrics or len(metrics) == 1:
        return 1.0 / len(metrics)
    return 0.5 if metric == "errors" else 0.5 / (len(metrics) - 1)


def segment_weight(segment: int) -> float:
    """Return the part of the segment of this ordinal, from 1 on; all together are 1."""
    return 6.0 / (pi * max(segment, 1)) ** 2


def scope_weight(others: int, *, everybody: bool) -> float:
    """Return the part of a scope where there are `others` besides everybody.

    Everybody has one half, or all where nothing is told apart. Of the other half each
    scope has 4/m², m being their number rounded up to 16, 32, 64...: whatever their number grows
    to, m scopes of 4/m² each, added up over all m, are one half.
    """
    if everybody:
        return 0.5 if others else 1.0
    rounded = _LEAST_SCOPES
    while rounded < others:
        rounded *= 2
    return 4.0 / rounded**2


class Finding(NamedTuple):
    """What one metric says of one scope; pairs are (legacy, new)."""

    metric: str
    log_e: float
    bound: float
    """What `log_e` has to reach."""
    keys: tuple[int, int]
    active: tuple[float, float]

    @property
    def shares(self) -> tuple[float, float]:
        """The share of active keys that met the metric, 0..1."""
        legacy, new = (
            min(keys / active, 1.0) if active else 0.0
            for keys, active in zip(self.keys, self.active, strict=True)
        )
        return legacy, new

    def told(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        keys = dict(zip(("legacy", "new"), self.keys, strict=True))
        active = dict(zip(("legacy", "new"), map(round, self.active), strict=True))
        figures = {"log_e": round(self.log_e, 3), "bound": round(self.bound, 3)}
        return {**figures, "keys": keys, "active": active}

    def matters(self, min_ratio: float, min_points: float) -> bool:
        """Tell whether the effect is large enough, and does not hang on one or two callers."""
        legacy, new = self.shares
        large = new >= max(min_ratio * legacy, legacy + min_points / 100)
        return large and several(self.keys[1], self.active[1])

    def __str__(self) -> str:
        legacy, new = self.shares
        return (
            f"{self.metric}: {self.keys[1]} of {self.active[1]:.0f} keys on new ({new:.1%}), "
            f"{self.keys[0]} of {self.active[0]:.0f} on legacy ({legacy:.1%}); "
            f"log e {self.log_e:.1f}, bound {self.bound:.1f}"
        )


def several(erring: float, active: float) -> bool:
    """Tell whether erring keys are so many that it is not the fate of one or two callers."""
    return active >= FEW_KEYS or erring >= min(_LEAST_ERRING, active)


def find(question: Question, observed: Observed, part: float) -> dict[str, Finding]:
    """Return what each metric of the rollout's settings says of one scope.

    `part` is the scope's own of the false-alarm budget. A metric is left out while its keys are
    too many to be told apart.
    """
    found = (finding(metric, question, observed, part) for metric in question.settings.metrics)
    return {one.metric: one for one in found if one}


def finding(metric: str, question: Question, observed: Observed, part: float) -> Finding | None:
    """Return what one metric says of one scope; None where its keys are too many."""
    settings = question.settings
    legacy, new = observed.evidence
    if metric not in legacy.keys or metric not in new.keys:
        return None
    keys = (legacy.keys[metric], new.keys[metric])
    # An estimate may lie below what has been counted.
    active = (max(legacy.active, keys[0]), max(new.active, keys[1]))
    weight = metric_weight(metric, settings.metrics) * segment_weight(question.segment)
    bound = -log(settings.alpha * weight * part)
    return Finding(metric, log_e(keys[1], keys[0], question.share), bound, keys, active)
