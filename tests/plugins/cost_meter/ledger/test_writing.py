"""What a batch does, and what it does a second time."""

import sqlite3
from collections.abc import Iterator

import pytest

from plugins.cost_meter.ledger import writing
from plugins.cost_meter.ledger.groups import Groups
from plugins.cost_meter.ledger.leftovers import LOST
from plugins.cost_meter.ledger.schema import MIGRATIONS
from plugins.cost_meter.ledger.writing import in_tables, write_batch
from plugins.cost_meter.row import Row
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import row


@pytest.fixture
def on() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


def written(on: sqlite3.Connection, *rows: Row) -> int:
    return write_batch(on, rows, Groups(10)).rows


def state(on: sqlite3.Connection) -> tuple[int, int]:
    """How many rows, and what the months come to."""
    month = "(SELECT coalesce(sum(nano_usd), 0) FROM cost_totals WHERE grain = 3)"
    rows, nano = on.execute(f"SELECT (SELECT count(*) FROM cost_rows), {month}").fetchone()
    return rows, nano


def paid(name: str, nano: int, **said: object) -> Row:
    return row(name, nano_usd=NanoUSD(nano), **said)


def test_a_batch_that_is_written_twice_counts_once(on: sqlite3.Connection) -> None:
    batch = [paid("a", 7), paid("a", 8), paid("b", 1)]
    assert (written(on, *batch), written(on, *batch)) == (2, 0)
    assert state(on) == (2, 8)


def test_a_correction_is_a_row_of_its_own(on: sqlite3.Connection) -> None:
    written(on, paid("a:x", -2, kind="adjust", ref="a"))
    assert state(on) == (1, -2)
    assert in_tables(on, ["a", "a:x", "b"]) == {"a:x"}


@pytest.mark.parametrize(("nano", "rows"), [(4, 2), (9, 1), (12, 2)])
def test_an_end_after_it_was_given_up_counts_the_difference(
    on: sqlite3.Connection, nano: int, rows: int
) -> None:
    written(on, paid("a", 9, failure=LOST))
    for _ in range(2):
        written(on, paid("a", nano))
    assert state(on) == (rows, nano)


@pytest.mark.parametrize(("nano", "rows"), [(4, 2), (6, 3)])
def test_an_end_that_is_told_after_the_bill_had_corrected_it_is_not_corrected_twice(
    on: sqlite3.Connection, nano: int, rows: int
) -> None:
    written(on, paid("a", 9, failure=LOST))
    written(on, paid("a:bill", -5, kind="adjust", ref="a"))
    for _ in range(2):
        written(on, paid("a", nano))
    assert state(on) == (rows, nano)


def test_to_give_up_what_has_ended_changes_nothing(on: sqlite3.Connection) -> None:
    written(on, paid("a", 7))
    written(on, paid("a", 9, failure=LOST))
    assert state(on) == (1, 7)


def test_what_an_attempt_counts_for_is_found_without_reading_all_rows(
    on: sqlite3.Connection,
) -> None:
    plan = " ".join(
        step[3] for step in on.execute(f"EXPLAIN QUERY PLAN {writing._COUNTED}", ("a",))
    )
    assert "SCAN" not in plan
    assert "cost_rows_by_ref" in plan
