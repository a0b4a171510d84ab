"""Transactions of moto's DynamoDB that do not take longer the more the table holds.

So that it can take a refused transaction back, moto 5.2 copies the whole table, in depth, once for
each item of the transaction: with 25 items into a table of 200 it takes a second, into one of 600
five. What is put, deleted or only looked at is never changed in place, so that a copy of the
directory will do, and of those items that are updated.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from functools import partial
from typing import Any

__all__ = ["make_transactions_quick"]

_COPY = "__deepcopy__"
_QUICK = "is_quick"


def make_transactions_quick() -> None:
    """Have them so from now on, in this process."""
    from moto.dynamodb.models import DynamoDBBackend  # takes a second

    slow: Callable[[Any, list[dict[str, Any]]], None] = DynamoDBBackend.transact_write_items
    if hasattr(slow, _QUICK):
        return

    def quick(backend: Any, items: list[dict[str, Any]]) -> None:
        updated: dict[str, list[dict[str, Any]]] = {}
        for one in items:
            for kind, said in one.items():
                keys = updated.setdefault(said["TableName"], [])
                keys += [said["Key"]] if kind == "Update" else []
        with ExitStack() as held:
            for name in updated.keys() & backend.tables.keys():
                table = backend.tables[name]
                places = [backend.get_keys_value(table, key) for key in updated[name]]
                setattr(table, _COPY, partial(_directory_of, table, places))
                held.callback(delattr, table, _COPY)
            slow(backend, items)

    setattr(quick, _QUICK, True)
    DynamoDBBackend.transact_write_items = quick  # type: ignore[assignment, method-assign]


def _directory_of(table: Any, places: Sequence[tuple[Any, Any]], _: object) -> Any:
    """Return a table with the same items, but for copies of those at these places."""
    copied = object.__new__(type(table))
    copied.__dict__ |= {name: value for name, value in vars(table).items() if name != _COPY}
    if not table.has_range_key:
        copied.items = defaultdict(dict, table.items)
        for partition, _sort in places:
            if partition in table.items:
                copied.items[partition] = deepcopy(table.items[partition])
        return copied
    copied.items = defaultdict(dict, {key: dict(some) for key, some in table.items.items()})
    for partition, sort in places:
        if sort in table.items.get(partition, ()):
            copied.items[partition][sort] = deepcopy(table.items[partition][sort])
    return copied
