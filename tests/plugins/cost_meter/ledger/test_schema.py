"""What files of today have: a released migration is never edited."""

import sqlite3
from hashlib import sha256

from plugins.cost_meter.ledger.schema import MIGRATIONS, SUMMED
from plugins.cost_meter.row import Sums


def test_the_columns_of_totals_are_the_sums() -> None:
    assert (*Sums._fields[:-1], "square_high", "square_low") == SUMMED
    assert Sums._fields[-1] == "square_micro_usd"


def test_each_file_has_a_name_of_its_own() -> None:
    names = set()
    for _ in range(2):
        connection = sqlite3.connect(":memory:")
        for script in MIGRATIONS:
            connection.executescript(script)
        (found,) = connection.execute(
            "SELECT value FROM cost_meta WHERE name = 'replica'"
        ).fetchone()
        names.add(found)
        connection.close()
    assert [len(name) for name in names] == [16, 16]


def test_the_first_migration_is_the_one_that_files_have_seen() -> None:
    digest = sha256(" ".join(MIGRATIONS[0].split()).encode()).hexdigest()
    assert digest[:16] == "31d5483b1a924d6d"
