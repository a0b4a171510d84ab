"""Compares the ledger with a provider's export, and corrects it."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from ..books import Asked, Ledger
from ..paging import each_row
from ..row import Row
from .columns import layout_of
from .comparing import (
    Differing,
    Drift,
    attempts_of,
    by_attempt,
    by_day,
    in_our_words,
    totals_of,
)
from .export import Export, Problem, read_export
from .items import Naming
from .posting import corrections

__all__ = ["Posted", "Reconciliation", "Reconciling"]

_DAY = 86400
_NEAR = 1800.0
"""Clocks differ, and a bill names the time when a call came or when it ended."""
_APART = 2 * _NEAR

_PAGE = 1000
_MOST_ROWS = 1_000_000
_MOST_NAMES = 1000
_MOST_NOTE = 200


class Reconciliation(NamedTuple):
    """What came of a comparison."""

    since: float
    until: float
    """What was compared: ``since <= at < until``, in Unix seconds."""
    is_by_attempt: bool
    """Whether the export names attempts; else it is compared by days alone."""
    lines: int
    skipped: int
    problems: tuple[Problem, ...]
    """Lines that could not be read; nothing is posted while there are any."""
    drifts: tuple[Drift, ...]
    """All days and models, whether or not they differ."""
    differing: tuple[Differing, ...]
    """Attempts that differ; of an export that names them."""
    unnamed: tuple[str, ...]
    """Names on the bill that no model of the ledger is meant by for certain."""
    whole_days: int = 0
    """Nano-USD by which whole days were corrected before, where attempts are compared."""


class Posted(NamedTuple):
    """What was corrected."""

    found: Reconciliation
    """How it stood before."""
    rows: int
    """Corrections that were due."""
    written: int
    """Those of them that nobody had made yet."""
    nano_usd: int
    """What those that were due come to."""


class Reconciling:
    """Compares and corrects."""

    def __init__(self, ledger: Ledger, now: Callable[[], float], replica: str) -> None:
        """`replica`: in whose name corrections are written."""
        self._ledger = ledger
        self._now = now
        self._replica = replica

    async def report(
        self,
        text: str,
        preset: str = "crossfade",
        *,
        columns: str = "",
        provider: str = "",
        names: Mapping[str, str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Reconciliation:
        """Return how an export (CSV) and the ledger differ.

        `columns` as `layout_of` takes it; `provider`, by default the preset's, limits the ledger
        (an export that names attempts needs none); `names` are the bill's names of models by the
        ledger's: ``{"Meter 7": "gpt-4o"}``; `since` and `until` (Unix seconds) are what the export
        covers, by default from its first line to its last, or the days of both.

        Raises ValueError for an export that cannot be read at all, StoreError.
        """
        layout = layout_of(preset, columns)
        if names and len(names) > _MOST_NAMES:
            raise ValueError(f"at most {_MOST_NAMES} names of models")
        export = await asyncio.to_thread(read_export, text, layout)
        lines = export.lines
        if not lines:
            return Reconciliation(
                since or 0.0, until or 0.0, False, 0, export.skipped, export.problems, (), (), ()
            )
        by_id = all(line.id for line in lines)
        begins, ends = _covered(export, since, until, by_id=by_id)
        if by_id:
            return await self._by_attempt(export, begins, ends)
        whose = provider or layout.provider
        return await self._by_day(export, begins, ends, whose, names or {})

    async def post(
        self,
        text: str,
        preset: str = "crossfade",
        *,
        by: str,
        why: str,
        columns: str = "",
        provider: str = "",
        names: Mapping[str, str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Posted:
        """Correct the ledger to what an export says; the rest as `report` takes it.

        An export that names attempts corrects each attempt that differs, another one each day and
        model. Posted twice, it changes nothing the second time. `by` and `why` stand in the note of
        each correction.

        Raises ValueError if it cannot be done for certain: then nothing is written. StoreError.
        """
        if not by or not why:
            raise ValueError("say who corrects the ledger, and why")
        found = await self.report(
            text,
            preset,
            columns=columns,
            provider=provider,
            names=names,
            since=since,
            until=until,
        )
        _refuse_doubts(found, names or {})
        rows = tuple(
            corrections(
                found.differing,
                () if found.is_by_attempt else found.drifts,
                now=self._now(),
                replica=self._replica,
                note=f"{by[:_MOST_NOTE]}: {why[:_MOST_NOTE]}",
            )
        )
        written = 0
        for begin in range(0, len(rows), _PAGE):
            written += await self._ledger.write(rows[begin : begin + _PAGE])
        return Posted(found, len(rows), written, sum(row.nano_usd for row in rows))

    async def _by_day(
        self, export: Export, begins: float, ends: float, provider: str, names: Mapping[str, str]
    ) -> Reconciliation:
        lines = tuple(line for line in export.lines if begins <= line.at < ends)
        asked = Asked(begins, ends, {"provider": provider} if provider else {})
        totals = await self._ledger.totals(asked, "day", ("provider", "model"))
        models = {one.by.get("model", "") for one in totals}
        naming = Naming(models, names)
        called = {naming.model(line.model) for line in lines}
        return Reconciliation(
            begins,
            ends,
            False,
            len(lines),
            export.skipped + len(export.lines) - len(lines),
            export.problems,
            by_day(totals, lines, naming),
            (),
            tuple(sorted(called - models)),
        )

    async def _by_attempt(self, export: Export, begins: float, ends: float) -> Reconciliation:
        """What is near both ends is on one side of them here, and on the other there."""
        first_day = begins // _DAY * _DAY  # where a correction of the whole day would stand
        rows = await self._rows(Asked(begins - _APART, ends + _APART))
        whole = _by_days([*rows, *await self._rows(Asked(first_day, first_day + 1))], ends)
        found = await asyncio.to_thread(_compared, export, rows, begins, ends)
        return found._replace(whole_days=whole)

    async def _rows(self, asked: Asked) -> list[Row]:
        rows = [row async for row in each_row(self._ledger, asked, _MOST_ROWS + 1)]
        if len(rows) > _MOST_ROWS:
            raise ValueError(
                f"the ledger has more than {_MOST_ROWS:,} rows in that time: bring less of it"
            )
        return rows


def _compared(export: Export, rows: Iterable[Row], begins: float, ends: float) -> Reconciliation:
    """Compare attempts with lines; it takes seconds for many, so it is for a thread."""
    near = [line for line in export.lines if begins - _NEAR <= line.at < ends + _NEAR]
    attempts = attempts_of(rows)
    lines = tuple(in_our_words(attempts, near))
    totals = totals_of(attempts, since=begins, until=ends)
    inside = (line for line in lines if begins <= line.at < ends)
    return Reconciliation(
        begins,
        ends,
        True,
        len(lines),
        export.skipped + len(export.lines) - len(lines),
        export.problems,
        by_day(totals, inside, Naming((), {})),
        by_attempt(attempts, lines, since=begins, until=ends),
        (),
    )


def _by_days(rows: Iterable[Row], until: float) -> int:
    whole = {row.id: row for row in rows if row.kind == "adjust" and not row.ref}
    return sum(row.nano_usd for row in whole.values() if row.at < until)


def _covered(
    export: Export, since: float | None, until: float | None, *, by_id: bool
) -> tuple[float, float]:
    """What an export is about: days, where it is about days."""
    first = min(line.at for line in export.lines)
    last = max(line.at for line in export.lines)
    if not by_id:
        first, last = first // _DAY * _DAY, last // _DAY * _DAY + _DAY
        begins, ends = first if since is None else since, last if until is None else until
        if begins % _DAY or ends % _DAY:
            raise ValueError(
                "an export that does not name attempts is compared by whole days: begin and end "
                f"with days in UTC, such as {datetime.fromtimestamp(first, UTC).date()}"
            )
    else:
        begins, ends = first if since is None else since, last + 1e-6 if until is None else until
    if begins >= ends:
        raise ValueError("what is compared ends before it begins")
    return begins, ends


def _refuse_doubts(found: Reconciliation, names: Mapping[str, str]) -> None:
    if found.problems:
        first = found.problems[0]
        raise ValueError(
            f"nothing is posted while lines cannot be read: {len(found.problems)}, the first of "
            f"them line {first.line}: {first.says}"
        )
    if found.is_by_attempt:
        without = sum(one.line is not None and one.billed is None for one in found.differing)
        if without:
            raise ValueError(f"nothing is posted: {without} attempts have no cost in the export")
        if found.whole_days:
            raise ValueError(
                "nothing is posted: whole days of that time were corrected before, so that single "
                "attempts would be corrected twice"
            )
        return
    if any(one.nano_usd is None for one in found.drifts):
        raise ValueError(
            "nothing is posted: the export has tokens and no costs (bring the export of costs, or "
            "say which column has them, such as cost_usd=NAME)"
        )
    said = set(names.values())
    strange = [name for name in found.unnamed if name not in said]
    if strange:
        raise ValueError(
            "nothing is posted: it is not certain which model is meant by "
            f"{', '.join(repr(name[:80]) for name in strange[:5])}; name it, such as "
            f"{strange[0][:80]!r}: gpt-4o"
        )
