"""The tables of the journal."""

from typing import Final

from ..row import DIMENSIONS, Sums

__all__ = ["MIGRATIONS", "SUMMED"]

SUMMED: Final = (*Sums._fields[:-1], "square_high", "square_low")
"""The columns that totals add up; what passes 64 bits stands in two, of which one counts 2^32."""

MIGRATIONS: Final = (
    f"""
    -- What totals are told apart by. Rows and totals name a group; none is ever removed.
    CREATE TABLE cost_groups (
        id INTEGER PRIMARY KEY,
        {", ".join(f'"{one}" TEXT NOT NULL' for one in DIMENSIONS)},
        UNIQUE ({", ".join(f'"{one}"' for one in DIMENSIONS)})
    ) STRICT;

    -- `number` goes up by what was written when; `counted` is the group whose totals it is in.
    CREATE TABLE cost_rows (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        at REAL NOT NULL,
        user TEXT NOT NULL,
        request_id TEXT NOT NULL,
        ref TEXT NOT NULL,
        counted INTEGER NOT NULL,
        nano_usd INTEGER NOT NULL,
        entry TEXT NOT NULL
    ) STRICT;
    CREATE INDEX cost_rows_by_time ON cost_rows (at, id);
    CREATE INDEX cost_rows_by_user ON cost_rows (user, at, id) WHERE user != '';
    CREATE INDEX cost_rows_by_request ON cost_rows (request_id) WHERE request_id != '';
    CREATE INDEX cost_rows_by_ref ON cost_rows (ref) WHERE ref != '';

    -- `grain` 0 to 3: minute, hour, day, month. Always what the rows come to.
    CREATE TABLE cost_totals (
        grain INTEGER NOT NULL,
        begins INTEGER NOT NULL,
        counted INTEGER NOT NULL,
        {", ".join(f"{one} INTEGER NOT NULL" for one in SUMMED)},
        PRIMARY KEY (grain, begins, counted)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX cost_totals_by_group ON cost_totals (counted, grain, begins);

    CREATE TABLE cost_shelf (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (kind, key)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE cost_meta (
        name TEXT PRIMARY KEY,
        value TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO cost_meta (name, value) VALUES ('replica', lower(hex(randomblob(8))))
    """,  # noqa: S608 - names of ours
    """
    -- What a fleet's ledger has to know of this file: the number of the last row that was
    -- brought there, and totals, of which `owed` are those that it does not have in this version.
    INSERT INTO cost_meta (name, value) VALUES ('brought', '0');
    CREATE TABLE cost_shared (
        grain INTEGER NOT NULL,
        begins INTEGER NOT NULL,
        apart TEXT NOT NULL,
        sums TEXT NOT NULL,
        seq INTEGER NOT NULL,
        owed INTEGER NOT NULL,
        PRIMARY KEY (grain, begins, apart)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX cost_shared_by_seq ON cost_shared (seq) WHERE owed = 1
    """,
)
