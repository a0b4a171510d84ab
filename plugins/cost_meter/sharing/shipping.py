"""Brings a journal to the ledger of the fleet, behind everything else.

Nothing of a request waits for it. Where the table cannot be reached the journal keeps what there
is, and it is brought later; what was brought and not noted is brought again, and changes
nothing. Where the file turns out to have been copied, it goes on under another name (see `owning`).
"""

from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from proxy.api import Alert, DynamoTable, Services, StoreError

from ..books import Outbox, Owed
from ..grains import begins
from ..row import Grain, Row
from .branch import Branch
from .items import BY, Item, row_item, total_item
from .keys import EVERYBODY, USERS, row_key, total_key
from .owning import Owning, TakenError
from .plans import additions_of
from .writing import BATCH, Guarded, write_all

__all__ = ["Keep", "Shipping", "put_row"]

EVERY: Final = 2.0
"""Seconds between two looks while there is nothing to bring."""

_ROWS: Final = 200
_TOTALS: Final = 200
_PATIENCE: Final = 600.0
"""Seconds without the table until somebody is told."""

_LONGEST_WAIT: Final = 60.0
_ABSENT: Final = "attribute_not_exists(pk)"
_NEWER: Final = "attribute_not_exists(seq) OR seq < :seq"

_OF_PLACE: Final = ("replica", "settled", "note", BY)
_TOLD_FOR: Final = 86_400.0
"""Seconds for which `health` says that the file was copied."""

_T = TypeVar("_T")

Keep = dict[Grain | None, float]
"""For how many seconds totals are kept, by grain; rows, by None. What is not named: for good."""


class Shipping:
    """One for a journal; `go_on` runs in the background."""

    def __init__(
        self, table: DynamoTable, outbox: Outbox, branch: Branch, keep: Keep, services: Services
    ) -> None:
        """`outbox` and `branch` are of the same journal."""
        self._table = table
        self._outbox = outbox
        self._owning = Owning(table, branch)
        self._keep = keep
        self._services = services
        self._trouble = ""
        self._since = 0.0
        """When the table was lost, on the clock."""
        self._told = False
        self._copied: float | None = None
        """When it was found that there is a copy, on the clock."""
        self._late = True  # nobody knows yet what an earlier process has left
        self._waiting = services.gauge(
            "ledger_waiting", "Rows that are still to be brought to the ledger of the fleet."
        )
        self._brought = services.counter(
            "ledger_brought", "Items brought to the ledger of the fleet.", ("kind",)
        )
        self._conflicts = services.counter(
            "ledger_conflicts", "Rows that were there already, with other contents; see the log."
        )

    @property
    def behind(self) -> bool:
        """Whether there is more to be brought than comes up between two looks."""
        return self._late or bool(self._trouble)

    async def go_on(self) -> None:
        """Bring whatever there is, for ever."""
        pause = EVERY
        while True:
            pause = await self.look(pause)
            await self._services.sleep(pause)

    async def look(self, pause: float) -> float:
        """Bring what there is; return in how many seconds to look again, after `pause` now."""
        try:
            while await self.bring():
                pass
        except StoreError as error:
            self._ill(str(error))
            return min(_LONGEST_WAIT, max(EVERY, pause * 2))
        self._well()
        return EVERY

    @property
    def name(self) -> str:
        """Return the name under which is written; known once something was brought."""
        return self._owning.name

    async def bring(self) -> bool:
        """Bring the next rows and totals; whether there may be more. Raises StoreError."""
        try:
            await self._owning.hold()
            return await self._bring()
        except TakenError as error:
            await self._go_on_as_another(str(error))
            return True

    async def _bring(self) -> bool:
        rows = await self._outbox.rows(_ROWS)
        for some in _together(rows):  # each noted by itself: a slow table is not begun anew
            elsewhere = await self._bring_rows(some)
            await self._outbox.brought(some, elsewhere)
        owed = await self._outbox.totals(_TOTALS)
        for totals in _together(owed):
            await self._bring_totals(totals)
            await self._outbox.paid(totals)
        self._waiting.set(await self._outbox.waiting())
        self._late = len(rows) == _ROWS or len(owed) == _TOTALS
        return self._late

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if nothing is."""
        if self._trouble:
            return f"the ledger of the fleet: {self._trouble}"
        if self._copied is not None and self._services.clock() - self._copied < _TOLD_FOR:
            return f"the file of the journal was copied; it goes on as {self.name}, see its alert"
        return ""

    async def _go_on_as_another(self, why: str) -> None:
        before = self._owning.name
        name = await self._owning.go_on_as_another()
        self._copied = self._services.clock()
        self._services.log.error("journal_copied", reason=why, name=name)
        self._services.alert(_copied(before, name))

    async def _bring_rows(self, rows: Sequence[tuple[int, Row]]) -> frozenset[str]:
        """Bring rows; return the ids of those that another replica has brought already.

        The same correction may be written in two places at a time: it counts in the totals of
        the one that was first.
        """
        there = await write_all(
            self._table, [self._put_row(number, row) for number, row in rows], self._owning
        )
        self._brought.add(len(rows) - len(there), kind="rows")
        return frozenset([item["id"]["S"] for item in there if not await self._is_ours(item)])

    async def _is_ours(self, item: Item) -> bool:
        """Tell whether a row that is there was brought from here.

        Somebody is told of one with other contents: the first one stays.
        """
        key = {"pk": item["pk"], "sk": item["sk"]}
        found = await self._table.call("get_item", Key=key, ConsistentRead=True)
        first = found.get("Item", item)
        if _without_place(first) != _without_place(item):
            self._conflicts.add()
            self._services.log.error("ledger_conflict", row=item["id"]["S"])
        return bool(first.get(BY, first["replica"])["S"] == self.name)

    async def _bring_totals(self, owed: Sequence[Owed]) -> None:
        totals = [self._put_total(self.name, one) for one in owed]
        there = await write_all(self._table, totals, self._owning)
        self._brought.add(len(owed) - len(there), kind="totals")

    def _put_row(self, number: int, row: Row) -> Guarded:
        hours = self._keep.get("hour", 0.0)
        adds = additions_of(row, self.name, begins(row.at, "hour") + hours)
        guarded = put_row(row, self.name, self._keep.get(None, 0.0))
        return guarded._replace(number=number, adds=adds)

    def _put_total(self, replica: str, one: Owed) -> Guarded:
        scope = USERS if "user" in one.by else EVERYBODY
        key = total_key(scope, one.grain, one.begins, replica, dict(one.by))
        keep = self._keep.get(one.grain)
        expires = None if keep is None else one.begins + keep
        item = total_item(key, one.begins, one.by, one.sums, one.seq, expires)
        return Guarded(item, _NEWER, {":seq": item["seq"]})

    def _well(self) -> None:
        if self._told:
            self._services.alert(_alert("is there again.", self._table)._replace(resolves=True))
        self._trouble, self._told = "", False

    def _ill(self, why: str) -> None:
        now = self._services.clock()
        if not self._trouble:
            self._since = now
            self._services.log.warning("ledger_lost", reason=why)
        self._trouble = why
        if now - self._since >= _PATIENCE and not self._told:
            self._told = True
            says = f"cannot be reached ({why}). Costs wait in the journal and are not lost."
            self._services.alert(_alert(says, self._table))


def put_row(row: Row, name: str, keep: float) -> Guarded:
    """Return how a row is written under a name: if it is not there.

    `keep` in seconds; 0 is for good.
    """
    hour = begins(row.at, "hour")
    item = row_item(row_key(row), row, hour + keep if keep else 0.0)
    return Guarded({**item, BY: {"S": name}}, _ABSENT)


def _together(those: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield what goes in one transaction."""
    for first in range(0, len(those), BATCH):
        yield those[first : first + BATCH]


def _without_place(item: Item) -> Item:
    """Return what a row says, but for where and when it was written."""
    return {name: value for name, value in item.items() if name not in _OF_PLACE}


def _alert(says: str, table: DynamoTable) -> Alert:
    return Alert("cost_ledger_lost", table.name, f"The ledger of costs {table.name} {says}")


def _copied(before: str, name: str) -> Alert:
    says = (
        f"The file of the journal was copied, or an old copy was put back: another file writes to "
        f"the ledger of the fleet as {before}. This one goes on as {name}; nothing is lost, and "
        "nothing counts twice. Find out what runs on the copy, and let each replica begin with a "
        "file of its own. Where budgets are shared, restart this replica."
    )
    return Alert("journal_copied", before, says)
