"""Looks for what could be cheaper, keeps what is found, and follows it when it is approved."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import reduce
from typing import Any, NamedTuple

from proxy.api import (
    Change,
    ChangeRefusedError,
    Choices,
    Deployments,
    PriceKey,
    Services,
    StoreError,
)

from ..answering import NotDoneError
from ..books import Asked, Ledger, Shelf
from ..prices.rating import Priced
from ..row import Sums, plus
from .declaring import AdviceSettings
from .realising import Realised, by_answer, by_hour, kept_promises
from .recommendation import Finding, NoAdvice, Recommendation, undoing
from .records import KIND, Record, from_shelf, raised, to_shelf, with_share
from .rules.all import findings
from .rules.terms import View
from .sampling import gathered

__all__ = ["Advice", "AdviceError", "Looked"]

_MEASURED_AFTER = 86_400.0
_MEASURED_MOST = 14 * 86_400.0
_OPEN_MOST = 100
_AGAIN_AFTER = 300.0


class AdviceError(NotDoneError):
    """See `NotDoneError`; 404: there is none, 409: it cannot be done now, 400: else."""


class Looked(NamedTuple):
    """What came of looking."""

    at: float
    """In Unix seconds; 0: nobody has looked yet."""
    missing: tuple[NoAdvice, ...] = ()


class Advice:
    """One for the process. `tariff` tells what a key costs now."""

    def __init__(
        self,
        settings: AdviceSettings,
        ledger: Ledger,
        shelf: Shelf,
        tariff: Callable[[PriceKey], Priced],
        services: Services,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._shelf = shelf
        self._tariff = tariff
        self._services = services
        self._turn = asyncio.Lock()
        self._under_way: set[asyncio.Task[Record]] = set()
        self.looked = Looked(0.0)
        self._open = services.gauge("advice_open", "Recommendations that nobody has followed yet.")
        self._moves = services.counter(
            "advice", "Recommendations that were approved or undone, or refused.", ("what",)
        )

    async def watch(self) -> None:
        """Look and measure again and again, until it is cancelled."""
        while True:
            wait = self._settings.every
            try:
                await self.look()
                await self.measure()
            except StoreError as error:
                self._services.log.warning("advice_not_looked_for", reason=str(error))
                wait = min(wait, _AGAIN_AFTER)
            await self._services.sleep(wait)

    async def look(self) -> Looked:
        """Look through the ledger now, and keep what is found. Raises StoreError."""
        now = self._services.now()
        offered = self._services.shared(Deployments)
        if offered is None or not self._settings.enabled:
            missing = "a plugin that tells which deployments there are"
            self.looked = Looked(now, (NoAdvice("", "", missing),) if offered is None else ())
            return self.looked
        wanted = self._settings
        evidence = await gathered(self._ledger, now - wanted.window, now, wanted.sample)
        choices = offered.choices()
        view = View(evidence, choices, self._tariffs(choices), wanted)
        found = await asyncio.to_thread(findings, view)
        async with self._turn:
            await self._keep(found, now)
        missing_all = tuple(one for one in found if isinstance(one, NoAdvice))
        self.looked = Looked(now, missing_all)
        return self.looked

    async def records(self) -> tuple[Record, ...]:
        """Return what is open and what became of the rest; the largest saving first.

        Raises StoreError.
        """
        kept = await self._shelf.all(KIND)
        found = [from_shelf(document) for document in kept.values()]
        believed = _believed(found)
        found = [_doubted(one, believed.get(one.advice.rule, 100)) for one in found]
        return tuple(sorted(found, key=lambda one: (-one.advice.p50, one.advice.id)))

    async def record(self, advice_id: str) -> Record:
        """Return one. Raises AdviceError (404), StoreError."""
        for one in await self.records():
            if _is(one, advice_id):
                return one
        raise AdviceError(404, "There is no such advice; `crossfade advice list` shows all.")

    async def approve(self, advice_id: str, by: str, share: float | None = None) -> Record:
        """Follow a recommendation, on so many percent of users where it can be tried so.

        What is followed for some users can be approved again for more of them. Once begun it is
        finished, whoever waits for it. Raises AdviceError, StoreError.
        """
        return await self._finished(self._approve(advice_id, by, share))

    async def undo(self, advice_id: str, by: str) -> Record:
        """Put back what was there before. Raises AdviceError, StoreError."""
        return await self._finished(self._undo(advice_id, by))

    async def measure(self) -> None:
        """Compare costs before and after, of all that is followed. Raises StoreError."""
        now = self._services.now()
        for record in await self.records():
            if record.state != "approved":
                continue
            realised = await self._realised(record, now)
            if realised is not None and realised != record.realised:
                async with self._turn:
                    latest = await self._latest(record.advice.id)
                    if latest is not None and (latest.state, latest.at) == ("approved", record.at):
                        await self._put(latest._replace(realised=realised))

    # inside

    async def _finished(self, work: Coroutine[Any, Any, Record]) -> Record:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _approve(self, advice_id: str, by: str, share: float | None) -> Record:
        if await self._is_outdated(advice_id):
            await self.look()
            if await self._latest(advice_id) is None:
                raise AdviceError(409, f"{advice_id} is not advised any more since other was done.")
        async with self._turn:
            record = await self.record(advice_id)
            part = _part(record, share)
            advice = record.advice
            if record.state == "approved":
                changes = raised(advice.changes, record.share, part)
            elif advice.share < 100:
                changes = with_share(advice.changes, part)
            else:
                changes = advice.changes
            now = self._services.now()
            why = f"advice {advice.id}: {advice.rule} {advice.subject}"
            if record.state == "approved":
                undo = await self._change(record, changes, by, f"{why}, {part:g} % of users")
                return await self._put(
                    record.moved("approved", now, by, share=part, undo=(*undo, *record.undo))
                )
            begun = record._replace(state="approving", by=by, share=part, undo=undoing(changes))
            await self._put(begun)
            undo = await self._change(record, changes, by, why)
            approved = record.moved("approved", now, by, share=part, undo=undo)
            return await self._put(approved._replace(since=now, realised=None))

    async def _is_outdated(self, advice_id: str) -> bool:
        """Whether something was followed or undone since it was found: it may be needless now."""
        records = await self.records()
        found = [one.advice.until for one in records if _is(one, advice_id) and one.state == "open"]
        return any(one.at >= until for one in records for until in found if one.state != "open")

    async def _undo(self, advice_id: str, by: str) -> Record:
        async with self._turn:
            record = await self.record(advice_id)
            if record.state not in ("approved", "approving", "undoing"):
                raise AdviceError(409, f"{advice_id} is not followed: it is {record.state}.")
            now = self._services.now()
            await self._put(record._replace(state="undoing"))
            await self._change(record, record.undo, by, f"advice {advice_id} is undone")
            return await self._put(record.closed().moved("undone", now, by, undo=()))

    async def _change(
        self, record: Record, changes: tuple[Change, ...], by: str, why: str
    ) -> tuple[Change, ...]:
        """Change the configuration; what is refused leaves the record as it was."""
        try:
            undo = await self._services.reconfigure(changes, by, why)
        except ChangeRefusedError as error:
            self._moves.add(what="refused")
            await self._put(record)
            raise AdviceError(409, f"Nothing was changed: {error}") from None
        self._moves.add(what="changed")
        return undo

    async def _keep(self, found: Iterable[Finding], now: float) -> None:
        """Keep what is open now; forget what was open and is not found any more."""
        kept = {name: from_shelf(one) for name, one in (await self._shelf.all(KIND)).items()}
        advised = sorted(
            (one for one in found if isinstance(one, Recommendation)), key=lambda one: -one.p50
        )[:_OPEN_MOST]
        for one in advised:
            known = kept.get(one.id, Record(one))
            if known.state == "undone" and now - known.at >= self._settings.window:
                known = known._replace(state="open")  # all of the evidence is new
            if known.state in ("open", "undone"):
                await self._put(known._replace(advice=one))
        wanted = {one.id for one in advised}
        for name, record in kept.items():
            if record.state == "open" and name not in wanted:
                await self._shelf.delete(KIND, name)
        self._open.set(float(len(wanted)))

    def _tariffs(self, choices: Choices) -> Mapping[tuple[str, bool], Priced]:
        found = {}
        for one in choices.deployments:
            for batch in (False, True):
                key = PriceKey(
                    one.provider, one.model, one.name, one.zone, batch=batch, declared=one.declared
                )
                priced = self._tariff(key)
                if priced.confidence != "unknown":
                    found[one.name, batch] = priced
        return found

    async def _realised(self, record: Record, now: float) -> Realised | None:
        begins, ends = -(-record.at // 3600) * 3600, now // 3600 * 3600  # hours count whole
        seconds = min(ends - begins, _MEASURED_MOST)
        if record.advice.measure == "none" or seconds < _MEASURED_AFTER:
            return None
        then = record.since // 3600 * 3600
        before, after = [
            await self._hours(Asked(until - seconds, until, record.advice.scope))
            for until in (then, ends)
        ]
        if record.advice.measure == "hour":
            old, new = ([one.nano_usd for one in hours] for hours in (before, after))
            return by_hour(old, new, seconds)
        first, second = (reduce(plus, hours, Sums()) for hours in (before, after))
        return by_answer(first, second, seconds)

    async def _hours(self, asked: Asked) -> list[Sums]:
        return [total.sums for total in await self._ledger.totals(asked, "hour")]

    async def _latest(self, advice_id: str) -> Record | None:
        document = await self._shelf.get(KIND, advice_id)
        return None if document is None else from_shelf(document)

    async def _put(self, record: Record) -> Record:
        await self._shelf.put(KIND, record.advice.id, to_shelf(record))
        return record


def _part(record: Record, share: float | None) -> float:
    """Return on how many users it is to be followed. Raises AdviceError."""
    advice, is_tried = record.advice, record.advice.share < 100
    if not advice.changes:
        raise AdviceError(409, f"{advice.id} is done by hand: {advice.plan}")
    if share is not None and not is_tried:
        raise AdviceError(400, f"{advice.id} is for all users or none; leave the share out.")
    part = advice.share if share is None else share
    if not 0.1 <= part <= 100:
        raise AdviceError(400, "The share is a percentage of users, from 0.1 to 100.")
    if record.state == "approved" and not (is_tried and share is not None and part > record.share):
        more = f" for {record.share:g} % of users; say a larger share" if is_tried else ""
        raise AdviceError(409, f"{advice.id} is followed already{more}.")
    if record.state in ("approving", "undoing"):
        raise AdviceError(
            409,
            f"{advice.id} was begun by {record.by}, and nobody knows whether it was done. Look at "
            "the configuration; `crossfade advice undo` takes it back if it is there.",
        )
    return part


def _is(record: Record, advice_id: str) -> bool:
    return record.advice.id == advice_id


def _believed(records: Iterable[Record]) -> dict[str, int]:
    """Return by rule how much of what was promised has come true, in percent."""
    pairs: dict[str, list[tuple[int, int]]] = {}
    for one in records:
        if one.advice.measure != "answer":
            continue  # of hours it is not known how much of it is volume
        known = pairs.setdefault(one.advice.rule, [])
        known += one.past
        if one.realised is not None and one.state == "approved":
            known.append((one.realised.p50, one.promised))
    return {rule: kept_promises(known) for rule, known in pairs.items()}


def _doubted(record: Record, believed: int) -> Record:
    confidence = record.advice.confidence * believed // 100
    return record._replace(advice=record.advice._replace(confidence=confidence))
