"""The tables of the queue in SQLite.

What follows from the messages (how many there are, of whom, what each user has on its way) is
kept by triggers, so that it is right whoever changes a message, and bounds cost no counting.
"""

from typing import Final

__all__ = ["MIGRATIONS"]

MIGRATIONS: Final = (
    """
    -- `rank` is the class that a message has aged into, `priority` its own.
    CREATE TABLE queue_messages (
        id TEXT PRIMARY KEY,
        user TEXT NOT NULL,
        priority INTEGER NOT NULL,
        max_attempts INTEGER NOT NULL,
        size INTEGER NOT NULL,
        dedupe_key TEXT NOT NULL,
        request_id TEXT NOT NULL,
        state TEXT NOT NULL,
        rank INTEGER NOT NULL,
        due_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        ages_at REAL,
        lease_until REAL NOT NULL,
        generation INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        throttles INTEGER NOT NULL,
        changed_at REAL NOT NULL,
        platform_id TEXT NOT NULL,
        code TEXT NOT NULL,
        why TEXT NOT NULL,
        body TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX queue_by_key ON queue_messages (dedupe_key) WHERE dedupe_key != '';
    CREATE INDEX queue_by_request ON queue_messages (request_id, id) WHERE request_id != '';
    CREATE INDEX queue_by_user ON queue_messages (user, id);
    CREATE INDEX queue_by_user_and_state ON queue_messages (user, state, id);
    CREATE INDEX queue_by_state ON queue_messages (state, id);
    CREATE INDEX queue_in_order ON queue_messages (user, rank, due_at, id, priority)
    WHERE state = 'queued';
    CREATE INDEX queue_by_due ON queue_messages (priority, due_at) WHERE state = 'queued';
    CREATE INDEX queue_by_lease ON queue_messages (lease_until, id)
    WHERE state IN ('leased', 'sending');
    CREATE INDEX queue_by_deadline ON queue_messages (expires_at, id)
    WHERE state IN ('held', 'queued');
    CREATE INDEX queue_by_age ON queue_messages (ages_at, id) WHERE ages_at IS NOT NULL;
    CREATE INDEX queue_by_end ON queue_messages (state, changed_at)
    WHERE state NOT IN ('held', 'queued', 'leased', 'sending');

    -- A user with something queued in a class, if it is claimable by itself some day: in the
    -- round where there is a `turn`, else waiting for the `moment`.
    CREATE TABLE queue_lanes (
        rank INTEGER NOT NULL,
        user TEXT NOT NULL,
        moment REAL NOT NULL,
        turn INTEGER,
        PRIMARY KEY (user, rank)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX queue_rounds ON queue_lanes (rank, turn) WHERE turn IS NOT NULL;
    CREATE INDEX queue_waiting ON queue_lanes (rank, moment, user) WHERE turn IS NULL;

    CREATE TABLE queue_users (
        user TEXT PRIMARY KEY,
        live INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        in_flight INTEGER NOT NULL DEFAULT 0,
        put_off REAL NOT NULL DEFAULT 0,
        paused INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX queue_users_gone ON queue_users (put_off) WHERE live = 0 AND paused = 0;
    CREATE INDEX queue_users_paused ON queue_users (user) WHERE paused = 1;

    -- One row for each class, and for the pause of its priority.
    CREATE TABLE queue_ranks (
        rank INTEGER PRIMARY KEY,
        pass INTEGER NOT NULL DEFAULT 0,
        paused INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    INSERT INTO queue_ranks (rank) VALUES (0), (1), (2), (3);

    -- One row: the pass of the last turn, the last number in a round, the bound told last.
    CREATE TABLE queue_state (
        pass INTEGER NOT NULL,
        turn INTEGER NOT NULL,
        in_flight INTEGER NOT NULL,
        paused INTEGER NOT NULL
    ) STRICT;
    INSERT INTO queue_state VALUES (0, 0, 0, 0);

    CREATE TABLE queue_depths (
        state TEXT NOT NULL,
        priority INTEGER NOT NULL,
        n INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (state, priority)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE queue_rates (
        what TEXT NOT NULL,
        second INTEGER NOT NULL,
        n INTEGER NOT NULL,
        PRIMARY KEY (second, what)
    ) STRICT, WITHOUT ROWID;

    CREATE TRIGGER queue_put AFTER INSERT ON queue_messages BEGIN
        INSERT INTO queue_users (user, live, bytes) VALUES (NEW.user, 1, NEW.size)
        ON CONFLICT DO UPDATE SET live = live + 1, bytes = bytes + excluded.bytes;
        INSERT INTO queue_depths VALUES (NEW.state, NEW.priority, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
        INSERT INTO queue_rates VALUES ('enqueued', CAST(NEW.changed_at AS INTEGER), 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER queue_moved AFTER UPDATE ON queue_messages WHEN OLD.state != NEW.state BEGIN
        INSERT INTO queue_users (user, live, bytes, in_flight) VALUES (
            NEW.user,
            (NEW.state IN ('held', 'queued', 'leased', 'sending'))
            - (OLD.state IN ('held', 'queued', 'leased', 'sending')),
            NEW.size * (NEW.state IN ('held', 'queued', 'leased', 'sending'))
            - OLD.size * (OLD.state IN ('held', 'queued', 'leased', 'sending')),
            (NEW.state IN ('leased', 'sending')) - (OLD.state IN ('leased', 'sending'))
        ) ON CONFLICT DO UPDATE SET
            live = live + excluded.live,
            bytes = bytes + excluded.bytes,
            in_flight = in_flight + excluded.in_flight;
        UPDATE queue_depths SET n = n - 1 WHERE state = OLD.state AND priority = OLD.priority;
        INSERT INTO queue_depths VALUES (NEW.state, NEW.priority, 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER queue_ended AFTER UPDATE ON queue_messages
    WHEN OLD.state != NEW.state AND NEW.state IN ('sent', 'dead', 'uncertain', 'cancelled') BEGIN
        INSERT INTO queue_rates VALUES (NEW.state, CAST(NEW.changed_at AS INTEGER), 1)
        ON CONFLICT DO UPDATE SET n = n + 1;
    END;
    CREATE TRIGGER queue_removed AFTER DELETE ON queue_messages BEGIN
        UPDATE queue_depths SET n = n - 1 WHERE state = OLD.state AND priority = OLD.priority;
    END;
    """,
)
