"""Groups are found again, and are not too many."""

import sqlite3
from collections.abc import Iterator

import pytest

from plugins.cost_meter.ledger.groups import Groups
from plugins.cost_meter.ledger.schema import MIGRATIONS
from plugins.cost_meter.row import DIMENSIONS
from tests.plugins.cost_meter.ledger.kept import DAY
from tests.plugins.cost_meter.rowed import NOON, row


@pytest.fixture
def on() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for script in MIGRATIONS:
        connection.executescript(script)
    yield connection
    connection.close()


@pytest.mark.parametrize("name", DIMENSIONS)
def test_rows_that_differ_in_one_dimension_are_of_two_groups(
    on: sqlite3.Connection, name: str
) -> None:
    groups = Groups(10)
    one, other = row("a"), row("b", **{name: "another"})
    assert groups.of(on, one, {}) == groups.of(on, row("c", failure="cut"), {})
    assert groups.of(on, one, {}) != groups.of(on, other, {})


def test_what_was_not_committed_is_not_remembered(on: sqlite3.Connection) -> None:
    groups, fresh = Groups(10), dict[tuple[str, ...], int]()
    on.execute("BEGIN")
    first = groups.of(on, row("a"), fresh)
    on.execute("ROLLBACK")
    on.execute("INSERT INTO cost_groups VALUES (?, 'x', 'x', 'x', 'x', 'x', 'x')", (first,))
    again = groups.of(on, row("a"), {})
    assert again != first
    assert groups.of(on, row("a"), {}) == again


def test_what_was_learnt_is_not_asked_again(on: sqlite3.Connection) -> None:
    groups, fresh = Groups(10), dict[tuple[str, ...], int]()
    found = groups.of(on, row("a"), fresh)
    groups.learn(fresh)
    on.execute("DELETE FROM cost_groups")
    assert groups.of(on, row("a"), {}) == found


def test_each_day_has_room_for_so_many_users(on: sqlite3.Connection) -> None:
    groups = Groups(2)
    found = [groups.of(on, row("a", user=user), {}) for user in ("a", "b", "c", "d", "a", "")]
    assert found[2] == found[3]
    assert len({*found[:3], found[5]}) == 4
    assert (found[4], groups.folded) == (found[0], 2)
    tomorrow = groups.of(on, row("a", user="c", at=NOON + DAY), {})
    assert tomorrow not in found
