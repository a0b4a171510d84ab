"""Advice about costs, as clients of the legacy API know it."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple, Protocol

from proxy.api.documents import Document, Usd, usd
from proxy.api.endpoints import iso

from .showing import Metadata, Nano, Part, mean_usd

__all__ = [
    "Advised",
    "Advising",
    "AppliedAnswer",
    "AppliedData",
    "NotAppliedError",
    "OptimizationAnswer",
    "OptimizationData",
    "applied",
    "optimization_of",
]

Difficulty = Literal["easy", "medium", "hard"]


class Advised(NamedTuple):
    """One piece of advice. Amounts in nano-USD a month."""

    id: str
    type: str
    description: str
    p10: int
    p50: int
    p90: int
    confidence: Decimal | None
    risk: str
    steps: tuple[str, ...]
    days: int
    """Evidence of so many days."""
    sample: int
    """Of so many attempts."""
    state: str


class NotAppliedError(Exception):
    """Advice was not followed; the text says why, and nothing has changed."""


class Advising(Protocol):
    """Advice, and how it is followed."""

    async def advised(self) -> Sequence[Advised]:
        """Return what is open, the largest saving first. Raises StoreError."""

    async def apply(self, advice_id: str, by: str) -> Decimal | None:
        """Follow advice; for how many percent of users. None: there is none of this id.

        Raises NotAppliedError, StoreError.
        """


class Implementation(Document):
    """What it takes. `difficulty` follows from the risk."""

    difficulty: Difficulty
    estimated_time: str | None = None
    steps: tuple[str, ...]


class Evidence(Document):
    """What it rests on."""

    based_on_days: int
    sample_size: int


class Recommendation(Document):
    """One piece of advice; savings of a month, in four of five cases between low and high."""

    id: str
    type: str
    description: str
    potential_savings: Usd
    potential_nano_usd: Nano
    savings_low: Usd
    savings_high: Usd
    confidence: Part | None
    state: str
    implementation: Implementation
    metadata: Evidence


class OptimizationSummary(Document):
    """Of those that are shown; the mean is null where there are none."""

    total: int
    total_potential_savings: Usd
    average_savings: Usd | None
    by_type: dict[str, int]
    by_difficulty: dict[str, int]


class OptimizationData(Document):
    """Advice, the largest saving first."""

    recommendations: tuple[Recommendation, ...]
    summary: OptimizationSummary


class OptimizationAnswer(Document):
    """The answer to who looks."""

    success: Literal[True] = True
    data: OptimizationData
    metadata: Metadata


class AppliedData(Document):
    """Advice that is followed from now on."""

    recommendation_id: str
    type: str
    description: str
    potential_savings: Usd
    applied_at: str
    applied_by: str
    percent_of_users: Part
    """Some advice is followed for a few users first; the rest is approved by command."""


class AppliedAnswer(Document):
    """The answer to who has it followed."""

    success: Literal[True] = True
    data: AppliedData
    message: str = "Optimization applied successfully"


_DIFFICULTY: dict[str, Difficulty] = {"low": "easy", "medium": "medium", "high": "hard"}


def optimization_of(advised: Sequence[Advised], least: int, limit: int) -> OptimizationData:
    """Return those that save at least so many nano-USD a month."""
    found = sorted(advised, key=lambda one: (-one.p50, one.id))
    shown = tuple(_shown(one) for one in found if one.p50 >= least)[:limit]
    whole = sum(int(one.potential_nano_usd) for one in shown)
    difficulties = Counter(one.implementation.difficulty for one in shown)
    summary = OptimizationSummary(
        total=len(shown),
        total_potential_savings=usd(whole),
        average_savings=mean_usd(whole, len(shown)),
        by_type=Counter(one.type for one in shown),
        by_difficulty={name: difficulties[name] for name in _DIFFICULTY.values()},
    )
    return OptimizationData(recommendations=shown, summary=summary)


def applied(one: Advised, at: float, by: str, percent: Decimal) -> AppliedAnswer:
    """Return the answer for advice that is followed since `at` (Unix seconds)."""
    return AppliedAnswer(
        data=AppliedData(
            recommendation_id=one.id,
            type=one.type,
            description=one.description,
            potential_savings=usd(one.p50),
            applied_at=iso(at),
            applied_by=by,
            percent_of_users=percent,
        )
    )


def _shown(one: Advised) -> Recommendation:
    return Recommendation(
        id=one.id,
        type=one.type,
        description=one.description,
        potential_savings=usd(one.p50),
        potential_nano_usd=str(one.p50),
        savings_low=usd(one.p10),
        savings_high=usd(one.p90),
        confidence=one.confidence,
        state=one.state,
        implementation=Implementation(
            difficulty=_DIFFICULTY.get(one.risk, "medium"), steps=one.steps
        ),
        metadata=Evidence(based_on_days=one.days, sample_size=one.sample),
    )
