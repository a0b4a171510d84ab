"""What was spent on plans, by the hour: by that, budgets of plans are compared with the ledger.

Totals do not know plans, and to read all rows of a month takes thousands of questions. So that it
takes a few, an amount is kept for each hour, plan, and what a budget may be limited to; a row
adds to it in the transaction in which it is written, hence once.

Of everybody: ``PK=P#*#<month>``, ``SK=<digest of the plan>#<begins>#<replica>#<dimensions>``. Of
users: ``PK=P#@#<day>``, ``SK=<digest of the user>#<begins>#<replica>#<dimensions>``.
"""

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import orjson

from proxy.api import DynamoTable

from ..books import Asked
from ..grains import begins
from ..row import Dimension, Row
from .items import TTL
from .keys import Key, user_mark
from .querying import items_between
from .writing import Addition

__all__ = ["BEFORE", "OnPlan", "PlanTotals", "additions_of", "plan_item"]

BEFORE: Final = "(before)"
"""Stands for the replica of what was written before there were these amounts."""

_APART: Final[tuple[Dimension, ...]] = ("route", "arm", "model", "intent")
_TOGETHER: Final = 8


class OnPlan(NamedTuple):
    """What was spent in an hour on a plan."""

    begins: int
    """The hour's first second, in Unix seconds."""
    plan: str
    by: Mapping[Dimension, str]
    """Route, arm, model, intent; and the user, where users were asked for."""
    nano_usd: int


class PlanTotals:
    """What the table knows of plans."""

    def __init__(self, table: DynamoTable, now: Callable[[], float]) -> None:
        """`now` returns Unix time: what has expired is passed over from then on."""
        self._table = table
        self._now = now

    async def on_plans(self, asked: Asked, plans: Collection[str]) -> tuple[OnPlan, ...]:
        """Return what was spent on plans, by the hour; of one user if `asked` names one.

        Hours of which `since` or `until` is inside count whole. A month takes one question for
        each plan; a user's month, one for each day. Raises StoreError.
        """
        gate = asyncio.Semaphore(_TOGETHER)

        async def one(pk: str, bounds: tuple[str, str]) -> list[Mapping[str, Any]]:
            async with gate:
                return [item async for item in items_between(self._table, pk, bounds)]

        parts = [*_parts(asked, plans)]
        pages = await asyncio.gather(*(one(pk, bounds) for pk, bounds in parts))
        now = self._now()
        found = [
            _on_plan(item)
            for page in pages
            for item in page
            if TTL not in item or int(item[TTL]["N"]) > now
        ]
        return tuple(one for one in found if _fits(one, asked, plans))


def additions_of(row: Row, replica: str, expires: float) -> Sequence[Addition]:
    """Return what a row adds to; `expires` in Unix seconds."""
    if not row.nano_usd:
        return ()
    return tuple(
        Addition(key, item, int(row.nano_usd))
        for key, item in (
            plan_item(row, replica, expires, of_user=False),
            plan_item(row, replica, expires, of_user=True),
        )
    )


def plan_item(
    row: Row, replica: str, expires: float, *, of_user: bool
) -> tuple[Key, Mapping[str, Any]]:
    """Return where a row is added up, and what stands there beside the amount."""
    first = begins(row.at, "hour")
    by = {name: getattr(row, name) for name in _APART}
    where = orjson.dumps([*((row.plan,) if of_user else ()), *by.values()]).decode()
    if of_user:
        by["user"] = row.user
    key = Key(
        _partition(datetime.fromtimestamp(first, UTC), of_user=of_user),
        f"{user_mark(row.user if of_user else row.plan)}{_hour(first)}{replica}#{where}",
    )
    return key, {
        "begins": {"N": str(first)},
        "plan": {"S": row.plan},
        "by": {"M": {name: {"S": value} for name, value in by.items()}},
        TTL: {"N": str(int(expires))},
    }


def _on_plan(item: Mapping[str, Any]) -> OnPlan:
    by: Any = {name: value["S"] for name, value in item["by"]["M"].items()}
    return OnPlan(int(item["begins"]["N"]), item["plan"]["S"], by, int(item["nano_usd"]["N"]))


def _parts(asked: Asked, plans: Collection[str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield what has to be read: partitions, and the first and the last sort key in each."""
    first, last = begins(asked.since, "hour"), begins(max(asked.since, asked.until - 0.001), "hour")
    user = asked.where.get("user")
    marks = [user_mark(one) for one in (sorted(plans) if user is None else (user,))]
    partitions: dict[str, None] = {}
    when = datetime.fromtimestamp(first, UTC)
    while when.timestamp() <= last:
        partitions[_partition(when, of_user=user is not None)] = None
        when += timedelta(hours=1)
    for pk in partitions:
        for mark in marks:
            yield pk, (f"{mark}{_hour(first)}", f"{mark}{_hour(last)}\uffff")


def _fits(one: OnPlan, asked: Asked, plans: Collection[str]) -> bool:
    return (
        begins(asked.since, "hour") <= one.begins < asked.until
        and one.plan in plans
        and all(one.by.get(name) == value for name, value in asked.where.items())
    )


def _partition(when: datetime, *, of_user: bool) -> str:
    return f"P#@#{when:%Y%m%d}" if of_user else f"P#*#{when:%Y%m}"


def _hour(first: int) -> str:
    return f"{first:012d}#"
