"""The way of an attempt through the meter.

Before it is sent: what its estimate costs, the lease of the budgets, and the intent in the
journal, which is on the disk when `plan` returns. At its end: the row, then the budgets, in one
step of the event loop.

That order loses nothing, whenever the process is killed. The journal alone is the truth; budgets
count for speed, and are compared with it, at the start before anything else. Killed before the row
is written, the attempt is still an intent and counts as was planned; killed between the row and
what the budgets' store hears, the comparison finds the difference. The other way round budgets
would hold what the ledger has never heard of, and there would be nothing to correct it by.
"""

import asyncio
from collections import OrderedDict
from contextlib import suppress
from hashlib import blake2b
from operator import attrgetter
from typing import Final, Literal, NamedTuple, Protocol

from proxy.api import Alert, Services, StoreError
from proxy.api.spending import (
    NanoUSD,
    PlannedSpend,
    Prices,
    Quote,
    SettledSpend,
    SpendAnswer,
    Usage,
    UsageSource,
)

from .books import Journal
from .row import MOST_NANO_USD, MOST_USED, Row

__all__ = ["Intending", "Meter", "OnJournalError", "Reserving"]

OnJournalError = Literal["closed", "open"]

_NEVER_SENT: Final = ("refused", "never_sent")
_MOST_OPEN: Final = 100_000
_MOST_ENDED: Final = 10_000
_MOST_TEXT: Final = 200
_MOST_SECONDS: Final = 10**6
_AGAIN: Final = 5.0
_DAY: Final = 86_400.0


class Reserving(Protocol):
    """Whoever holds to budgets."""

    async def reserve(self, planned: PlannedSpend, nano_usd: NanoUSD) -> SpendAnswer:
        """Hold back what an attempt may cost, or say why it may not be sent. Never raises."""

    def settle(self, planned: PlannedSpend, nano_usd: NanoUSD | None) -> None:
        """Count what it has cost; None: it was never sent. Again, it counts nothing."""


class Intending(Journal, Protocol):
    """A journal that can be told that nothing came of a plan."""

    @property
    def replica(self) -> str:
        """Whose journal it is."""

    def withdraw(self, attempt_id: str) -> None:
        """Take in that a planned attempt was never sent; it leaves no row."""


class _Used(NamedTuple):
    """What counts for an attempt."""

    usage: Usage
    source: UsageSource
    estimated: bool


class Meter:
    """Meters attempts; one for the application."""

    def __init__(
        self,
        prices: Prices,
        budgets: Reserving,
        journal: Intending,
        services: Services,
        on_journal_error: OnJournalError = "closed",
    ) -> None:
        """`on_journal_error`: ``open`` has attempts sent of which nothing could be written."""
        self._prices = prices
        self._budgets = budgets
        self._journal = journal
        self._services = services
        self._open_without = on_journal_error == "open"
        self._open: OrderedDict[str, Row] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._counts = _Counts(services)
        self._told = -1.0
        self._planning = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def plan(self, planned: PlannedSpend) -> SpendAnswer:
        """Return whether an attempt may be sent; one that may is in the journal by then."""
        self._planning += 1
        self._idle.clear()
        try:
            return await self._plan(planned)
        finally:
            self._planning -= 1
            if not self._planning:
                self._idle.set()

    async def close(self, seconds: float) -> None:
        """Return when nobody waits for `plan` any more, after so many seconds at most.

        Whoever began to ask before a reload is answered by this one, with all that it needs.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()

    def settle(self, settled: SettledSpend) -> None:
        """Take in how an attempt has ended, of one that nobody has planned here as well.

        Again, it counts nothing. Of one that was never sent there is no row.
        """
        planned = settled.planned
        if planned.attempt_id in self._ended:
            return
        self._note_ended(planned.attempt_id)
        row = self._open.pop(planned.attempt_id, None)
        if settled.source == "none" and settled.failure in _NEVER_SENT:
            self._withdraw(planned)
            return
        ended = self._ended_row(settled, row)
        self._journal.settle(ended)
        self._budgets.settle(planned, ended.nano_usd)
        self._counts.ended(ended)

    # -- planning ----------------------------------------------------------------------

    async def _plan(self, planned: PlannedSpend) -> SpendAnswer:
        quote = self._prices.quote(planned.key, planned.estimate)
        if quote is None or not 0 <= quote.nano_usd <= MOST_NANO_USD:
            self._counts.refused.add(why="no_price")
            return _no_price(planned) if quote is None else _too_much(planned)
        answer = await self._budgets.reserve(planned, quote.nano_usd)
        if not answer.allowed:
            self._counts.refused.add(why="budget")
            return answer
        row = _planned_row(planned, quote, self._journal.replica)
        try:
            self._journal.plan(planned, row)
        except (StoreError, ValueError) as error:
            if not self._open_without:
                self._withdraw(planned)
                return self._unwritten(error)
            self._sent_unwritten(error)
        self._remember(planned.attempt_id, row)
        return answer

    def _withdraw(self, planned: PlannedSpend) -> None:
        self._journal.withdraw(planned.attempt_id)
        self._budgets.settle(planned, None)

    def _unwritten(self, error: Exception) -> SpendAnswer:
        self._counts.refused.add(why="journal")
        self._services.log.error("attempt_refused_unwritten", error=str(error))
        return SpendAnswer(
            allowed=False,
            says="What the request costs cannot be written down, so nothing is spent. It is worth "
            "another try in a few seconds.",
            retry_after=_AGAIN,
            status=503,
        )

    def _sent_unwritten(self, error: Exception) -> None:
        self._counts.unwritten.add()
        self._services.log.error("attempt_sent_unwritten", error=str(error))
        today = self._services.now() // _DAY
        if today != self._told:
            self._told = today
            self._services.alert(_SENT_UNWRITTEN)

    def _remember(self, attempt_id: str, row: Row) -> None:
        self._open[attempt_id] = row
        if len(self._open) > _MOST_OPEN:
            self._open.popitem(last=False)

    # -- settling ----------------------------------------------------------------------

    def _note_ended(self, attempt_id: str) -> None:
        self._ended[attempt_id] = None
        if len(self._ended) > _MOST_ENDED:
            self._ended.popitem(last=False)

    def _ended_row(self, settled: SettledSpend, row: Row | None) -> Row:
        planned = settled.planned
        used = self._used(settled)
        key = planned.key._replace(tier=settled.tier) if settled.tier else planned.key
        quote = self._prices.quote(key, used.usage)
        if row is None:
            row = _planned_row(planned, quote or _UNKNOWN, self._journal.replica)
        if quote is None:  # prices were changed meanwhile: what was planned is all that is known
            used = used._replace(estimated=True)
            quote = Quote(row.nano_usd, row.price_source, "unknown", row.book)
            self._services.log.error("settled_without_a_price", model=planned.key.model)
        return row._replace(
            settled=settled.at,
            outcome=settled.outcome,
            failure=_bounded(settled.failure),
            seconds=min(max(0.0, settled.at - planned.at), _MOST_SECONDS),
            usage=used.usage,
            usage_source=used.source,
            estimated=used.estimated,
            nano_usd=NanoUSD(min(quote.nano_usd, MOST_NANO_USD)),
            price_source=quote.source,
            confidence=quote.confidence,
            book=quote.book,
            tier=_bounded(settled.tier),
            answered_as=_bounded(settled.answered_as),
            provider_id=_bounded(settled.provider_id),
        )

    def _used(self, settled: SettledSpend) -> _Used:
        usage = settled.usage
        if usage is None and settled.source == "none":
            return _Used(Usage(), "none", estimated=False)
        if usage is not None and 0 <= min(usage) <= max(usage) <= MOST_USED:
            return _Used(usage, settled.source, settled.source in ("guess", "estimate"))
        if usage is not None:
            self._services.log.warning("usage_not_believed", attempt_id=settled.planned.attempt_id)
        return _Used(_believable(settled.planned.estimate), "estimate", estimated=True)


class _Counts:
    """The metrics ``crossfade_cost_meter_…``."""

    def __init__(self, services: Services) -> None:
        one = ("provider", "model")
        self.refused = services.counter(
            "refused", "Attempts not sent; why is no_price, budget or journal.", ("why",)
        )
        self.unwritten = services.counter(
            "sent_unwritten", "Attempts sent though the journal could not be written."
        )
        self._spent = services.counter(
            "spent_nano_usd",
            "What ended attempts cost, in billionths of a US dollar.",
            (*one, "arm"),
        )
        self._attempts = services.counter(
            "attempts",
            "Attempts metered; outcome is answered, failed or unknown.",
            (*one, "outcome"),
        )
        self._estimated = services.counter(
            "estimated_attempts", "Attempts whose cost is not the provider's own word.", one
        )

    def ended(self, row: Row) -> None:
        """Count an attempt that has ended."""
        self._spent.add(row.nano_usd, provider=row.provider, model=row.model, arm=row.arm)
        self._attempts.add(provider=row.provider, model=row.model, outcome=row.outcome)
        if row.estimated:
            self._estimated.add(provider=row.provider, model=row.model)


_SENT_UNWRITTEN: Final = Alert(
    "journal_unwritten",
    "cost_meter",
    "Attempts are sent though the journal of costs cannot be written, as on_journal_error says. "
    "What they cost is lost if the process ends before it can be again. Look at the disk of the "
    "journal.",
    "critical",
)
_TOLD: Final = (
    "user",
    "plan",
    "route",
    "provider",
    "model",
    "deployment",
    "zone",
    "intent",
    "workflow_id",
    "request_id",
    "digest",
)
_told_of: Final = attrgetter(*_TOLD)
_UNKNOWN: Final = Quote(NanoUSD(0), "zero", "unknown")


def _planned_row(planned: PlannedSpend, quote: Quote, replica: str) -> Row:
    """Return what an attempt counts for if its end is never known."""
    key = planned.key
    row = Row(
        id=planned.attempt_id,
        kind="attempt",
        ref="",
        at=planned.at,
        settled=planned.at,
        replica=replica,
        user=planned.user,
        plan=planned.plan,
        route=planned.route,
        arm=planned.arm,
        provider=key.provider,
        model=key.model,
        deployment=key.deployment,
        zone=key.zone,
        intent=planned.intent,
        workflow_id=planned.workflow_id,
        request_id=planned.request_id,
        provider_id="",
        again=planned.again,
        outcome="unknown",
        failure="",
        seconds=0.0,
        usage=_believable(planned.estimate),
        usage_source="estimate",
        estimated=True,
        nano_usd=quote.nano_usd,
        price_source=quote.source,
        confidence=quote.confidence,
        book=quote.book,
        tier="",
        answered_as="",
        digest=planned.digest,
    )
    texts = _told_of(row)
    whole = "".join(texts)
    if len(whole) <= _MOST_TEXT and whole.isascii():  # the usual: none of them is too long
        return row
    bounded = zip(_TOLD, map(_bounded, texts), strict=True)
    return row._replace(**dict(bounded))  # type: ignore[arg-type]


def _believable(usage: Usage) -> Usage:
    if 0 <= min(usage) <= max(usage) <= MOST_USED:
        return usage
    return Usage(*(min(max(0, part), MOST_USED) for part in usage))


def _bounded(text: str) -> str:
    """Return a text that fits into a row; one that is too long is told apart by a digest."""
    if len(text) <= _MOST_TEXT and text.isascii():
        return text
    raw = text.encode(errors="backslashreplace")
    if len(text) <= _MOST_TEXT:
        return raw.decode()[:_MOST_TEXT]
    return f"{raw.decode()[: _MOST_TEXT - 20]}~{blake2b(raw, digest_size=8).hexdigest()}"


def _no_price(planned: PlannedSpend) -> SpendAnswer:
    return SpendAnswer(
        allowed=False,
        says=f"Nobody knows what the model {planned.key.model} of {planned.key.provider} costs, "
        "so it is not asked. An operator gives it a price (plugins.cost_meter.prices.overlay), or "
        "says what unknown models count for (plugins.cost_meter.prices.unknown).",
        status=402,
    )


def _too_much(planned: PlannedSpend) -> SpendAnswer:
    return SpendAnswer(
        allowed=False,
        says=f"By its price one request to {planned.key.model} may cost more than 9 million US "
        "dollars, or less than nothing, so it is not asked. An operator looks at the price "
        "(plugins.cost_meter.prices.overlay) and at the longest answer that is asked for.",
        status=402,
    )
