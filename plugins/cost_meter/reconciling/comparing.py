"""Compares what was booked with what was billed. Pure arithmetic."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from proxy.api.spending import NanoUSD

from ..row import Dimension, Row, Sums, Total, plus, sums_of
from .export import Billed, Tokens
from .items import Naming

__all__ = [
    "Attempt",
    "Attempts",
    "Differing",
    "Drift",
    "Side",
    "attempts_of",
    "by_attempt",
    "by_day",
    "in_our_words",
    "totals_of",
]

_DAY = 86400


class Side(NamedTuple):
    """What one of the two says of a day and model."""

    calls: int | None = None
    tokens: Tokens | None = None
    nano_usd: int | None = None
    """None of all: it does not say."""


class Drift(NamedTuple):
    """One day and one model, on both sides."""

    day: int
    """Its first second in UTC, in Unix seconds."""
    provider: str
    model: str
    booked: Side | None
    """Of the ledger, with its corrections; None: it has nothing."""
    billed: Side | None
    """Of the export; None: it has nothing."""

    @property
    def nano_usd(self) -> int | None:
        """What has to be added to the ledger; None where the export has no costs."""
        if self.billed is not None and self.billed.nano_usd is None:
            return None
        billed = 0 if self.billed is None else self.billed.nano_usd or 0
        booked = 0 if self.booked is None else self.booked.nano_usd or 0
        return billed - booked

    @property
    def tokens(self) -> Tokens | None:
        """The same of tokens."""
        if self.billed is not None and self.billed.tokens is None:
            return None
        billed = Tokens() if self.billed is None else self.billed.tokens or Tokens()
        booked = Tokens() if self.booked is None else self.booked.tokens or Tokens()
        return Tokens(*(one - other for one, other in zip(billed, booked, strict=True)))


class Attempt(NamedTuple):
    """An attempt in the ledger; or, of one that it does not have, the first correction of it."""

    row: Row
    corrected: int
    """Nano-USD of all corrections of it until now."""
    corrections: int

    @property
    def nano_usd(self) -> int:
        """What is booked for it."""
        return self.row.nano_usd + self.corrected


class Differing(NamedTuple):
    """An attempt that costs otherwise on the bill, or is on one side alone."""

    id: str
    attempt: Attempt | None
    """None: the ledger does not know it."""
    line: Billed | None
    """The first line about it; None: the bill does not know it."""
    billed: int | None
    """Nano-USD; None: its lines have no cost."""
    lines: int
    """How many lines of the bill are about it."""

    @property
    def nano_usd(self) -> int:
        """What has to be added to the ledger."""
        booked = 0 if self.attempt is None else self.attempt.nano_usd
        return 0 if self.billed is None else self.billed - booked


Attempts = Mapping[str, Attempt]


def attempts_of(rows: Iterable[Row]) -> dict[str, Attempt]:
    """Return attempts by their id, with what corrects them."""
    found: dict[str, Attempt] = {}
    corrections: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.kind == "attempt":
            found[row.id] = Attempt(row, 0, 0)
        elif row.ref:
            corrections[row.ref].append(row)
    for ref, made in corrections.items():
        # What was billed and never booked has no attempt: then its correction stands for it.
        row = found[ref].row if ref in found else made[0]._replace(nano_usd=NanoUSD(0))
        found[ref] = Attempt(row, sum(one.nano_usd for one in made), len(made))
    return found


def by_attempt(
    attempts: Attempts, lines: Iterable[Billed], *, since: float, until: float
) -> tuple[Differing, ...]:
    """Return the attempts that differ, by time; `lines` name attempts by the ledger's ids.

    What is on one side alone differs if it is of ``since <= at < until``, and if something is
    booked for it that is not billed.
    """
    billed: dict[str, list[Billed]] = defaultdict(list)
    for line in lines:
        billed[line.id].append(line)
    found = []
    for ref, about in billed.items():
        if ref not in attempts and not since <= about[0].at < until:
            continue
        costs = [line.nano_usd for line in about if line.nano_usd is not None]
        cost = round(sum(costs, Fraction())) if costs else None
        one = Differing(ref, attempts.get(ref), about[0], cost, len(about))
        if one.nano_usd or one.attempt is None or one.lines > 1 or _other_tokens(one, about):
            found.append(one)
    for ref, attempt in attempts.items():
        if ref not in billed and since <= attempt.row.at < until and attempt.nano_usd:
            found.append(Differing(ref, attempt, None, 0, 0))
    return tuple(sorted(found, key=_by_time))


def in_our_words(attempts: Attempts, lines: Iterable[Billed]) -> Iterator[Billed]:
    """Yield lines with the id, the model and the time that the ledger has for their attempt.

    Lines name an attempt by its own id, or the call by the provider's.
    """
    own = {one.row.provider_id: ref for ref, one in attempts.items() if one.row.provider_id}
    for line in lines:
        ref = line.id if line.id in attempts else own.get(line.id)
        if ref is None:
            yield line
        else:
            row = attempts[ref].row
            yield line._replace(id=ref, model=row.model, at=row.at)


def totals_of(attempts: Attempts, *, since: float, until: float) -> Iterator[Total]:
    """Yield what each attempt of ``since <= at < until`` counts for, with its corrections."""
    for one in attempts.values():
        row = one.row
        if since <= row.at < until:
            nothing = Sums(nano_usd=one.corrected, adjusted_nano_usd=one.corrected)
            by: dict[Dimension, str] = {"provider": row.provider, "model": row.model}
            yield Total(row.at, by, plus(sums_of(row), nothing))


def by_day(totals: Iterable[Total], lines: Iterable[Billed], naming: Naming) -> tuple[Drift, ...]:
    """Return all days and models on either side, by day and model.

    A bill does not name a provider: a model's lines are for the one that the totals name for it.
    """
    booked: dict[tuple[int, str], Sums] = defaultdict(Sums)
    providers: dict[str, str] = {}
    for one in totals:
        model, provider = one.by.get("model", ""), one.by.get("provider", "")
        day = int(one.begins // _DAY) * _DAY
        booked[day, model] = plus(booked[day, model], one.sums)
        providers[model] = provider if providers.get(model, provider) == provider else ""
    billed: dict[tuple[int, str], list[Billed]] = defaultdict(list)
    for line in lines:
        billed[line.day, naming.model(line.model)].append(line)
    return tuple(
        Drift(
            day,
            providers.get(model, ""),
            model,
            _booked(booked[day, model]) if (day, model) in booked else None,
            _billed(billed[day, model]) if (day, model) in billed else None,
        )
        for day, model in sorted(booked.keys() | billed.keys())
    )


def _booked(sums: Sums) -> Side:
    tokens = Tokens(
        sums.input_tokens, sums.cached_tokens, sums.output_tokens, sums.reasoning_tokens
    )
    return Side(sums.attempts, tokens, sums.nano_usd)


def _billed(lines: Sequence[Billed]) -> Side:
    """What some of the lines do not say, all together do not say."""
    calls = [line.requests if line.requests is not None else int(bool(line.id)) for line in lines]
    tokens = [line.tokens for line in lines if line.tokens is not None]
    costs = [line.nano_usd for line in lines if line.nano_usd is not None]
    return Side(
        sum(calls) or None,
        Tokens(*map(sum, zip(*tokens, strict=True))) if len(tokens) == len(lines) else None,
        round(sum(costs, Fraction())) if len(costs) == len(lines) else None,
    )


def _other_tokens(one: Differing, lines: Sequence[Billed]) -> bool:
    """Whether the bill has other tokens than the attempt, where it says any."""
    if one.attempt is None or any(line.tokens is None for line in lines):
        return False
    used = one.attempt.row.usage
    booked = Tokens(used.prompt, used.input_cached, used.completion, used.output_reasoning)
    told = Tokens(*map(sum, zip(*(line.tokens or () for line in lines), strict=True)))
    return told != booked


def _by_time(one: Differing) -> tuple[float, str]:
    at = one.attempt.row.at if one.attempt is not None else one.line.at if one.line else 0.0
    return at, one.id
