"""Attempts whose end nobody will tell."""

import sqlite3
from collections.abc import Iterator

import pytest

from plugins.cost_meter.ledger.groups import Groups
from plugins.cost_meter.ledger.orphans import aged, lost_of, runs_with_intents
from plugins.cost_meter.ledger.schema import MIGRATIONS
from plugins.cost_meter.ledger.writing import Batch, Intent, write_batch
from tests.plugins.cost_meter.rowed import NOON, row


@pytest.fixture
def on() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    for run, name, until in (("one", "a", 10), ("one", "b", 20), ("two", "c", 30)):
        batch = Batch([Intent(row(name), NOON + until)])
        write_batch(connection, batch, run, Groups(10))
    yield connection
    connection.close()


def test_each_process_has_its_own(on: sqlite3.Connection) -> None:
    assert set(runs_with_intents(on)) == {"one", "two"}
    assert [one.id for one in lost_of(on, "one", NOON)] == ["a", "b"]
    assert lost_of(on, "three", NOON) == ()


def test_what_is_lost_counts_as_was_planned_and_says_that_it_is_an_estimate(
    on: sqlite3.Connection,
) -> None:
    (one,) = lost_of(on, "two", NOON + 99)
    assert one == row(
        "c",
        settled=NOON + 99,
        outcome="unknown",
        failure="lost",
        usage_source="estimate",
        estimated=True,
    )


def test_what_should_have_ended_before_is_overdue(on: sqlite3.Connection) -> None:
    assert [one.id for one in aged(on, NOON + 20.5, NOON + 99)] == ["a", "b"]
    assert aged(on, NOON + 10, NOON + 99) == ()
