"""What a batch does, and what it does a second time."""

import sqlite3
from collections.abc import Iterator

import pytest

from plugins.cost_meter.ledger.groups import Groups
from plugins.cost_meter.ledger.schema import MIGRATIONS
from plugins.cost_meter.ledger.writing import LOST, Batch, Intent, write_batch
from plugins.cost_meter.row import Row
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import NOON, row


@pytest.fixture
def on() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


def written(on: sqlite3.Connection, **said: object) -> int:
    return write_batch(on, Batch(**said), "run", Groups(10)).rows  # type: ignore[arg-type]


def state(on: sqlite3.Connection) -> tuple[int, int, int]:
    """How many intents, how many rows, and what the months come to."""
    asked = "(SELECT count(*) FROM cost_intents), (SELECT count(*) FROM cost_rows)"
    month = "(SELECT coalesce(sum(nano_usd), 0) FROM cost_totals WHERE grain = 3)"
    intents, rows, nano = on.execute(f"SELECT {asked}, {month}").fetchone()
    return intents, rows, nano


def paid(name: str, nano: int, **said: object) -> Row:
    return row(name, nano_usd=NanoUSD(nano), **said)


def test_an_intent_a_row_and_what_was_never_sent_go_in_one_batch(on: sqlite3.Connection) -> None:
    intents = [Intent(paid(name, 9), NOON + 60) for name in "abc"]
    assert written(on, intents=intents, rows=[paid("a", 7)], withdrawn=["b"]) == 1
    assert state(on) == (1, 1, 7)


def test_a_batch_that_is_written_twice_counts_once(on: sqlite3.Connection) -> None:
    batch = {"intents": [Intent(paid("b", 9), NOON)], "rows": [paid("a", 7), paid("a", 8)]}
    assert (written(on, **batch), written(on, **batch)) == (1, 0)
    assert state(on) == (1, 1, 7)


def test_a_correction_does_not_end_the_attempt_that_it_names(on: sqlite3.Connection) -> None:
    written(on, intents=[Intent(paid("a", 9), NOON)])
    written(on, rows=[paid("a:x", -2, kind="adjust", ref="a")])
    assert state(on) == (1, 1, -2)


@pytest.mark.parametrize(("nano", "rows"), [(4, 2), (9, 1), (12, 2)])
def test_an_end_after_it_was_given_up_counts_the_difference(
    on: sqlite3.Connection, nano: int, rows: int
) -> None:
    written(on, rows=[paid("a", 9, failure=LOST)])
    for _ in range(2):
        written(on, rows=[paid("a", nano)])
    assert state(on) == (0, rows, nano)


@pytest.mark.parametrize(("nano", "rows"), [(4, 2), (6, 3)])
def test_an_end_that_is_told_after_the_bill_had_corrected_it_is_not_corrected_twice(
    on: sqlite3.Connection, nano: int, rows: int
) -> None:
    written(on, rows=[paid("a", 9, failure=LOST)])
    written(on, rows=[paid("a:bill", -5, kind="adjust", ref="a")])
    for _ in range(2):
        written(on, rows=[paid("a", nano)])
    assert state(on) == (0, rows, nano)


def test_to_give_up_what_has_ended_changes_nothing(on: sqlite3.Connection) -> None:
    written(on, rows=[paid("a", 7)])
    written(on, rows=[paid("a", 9, failure=LOST)])
    assert state(on) == (0, 1, 7)
