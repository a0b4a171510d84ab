"""Whatever is done to a journal, in whatever order: it says what the model says."""

import asyncio
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from plugins.cost_meter.books import Asked
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.row import DIMENSIONS, GRAINS, Dimension, Grain, Row
from proxy.api.spending import NanoUSD
from tests.kit.properties import examples
from tests.plugins.cost_meter.ledger.kept import DAY, KEEP, Process, planned
from tests.plugins.cost_meter.ledger.model import Model
from tests.plugins.cost_meter.rowed import NOON, rows

T = TypeVar("T")

AGO = st.sampled_from([0.0, 1.0, 59.9, 60.0, 3600.0, 5000.0, DAY, 3 * DAY, 40 * DAY, 399 * DAY])
ROWS = rows(st.just(0.0))
NANO = st.integers(0, 10**12).map(NanoUSD)
WHICH = st.integers(0, 999)
PASSING = st.sampled_from([0.1, 30.0, 60.0, 3700.0, DAY, 50 * DAY])
BY = st.lists(st.sampled_from(DIMENSIONS), unique=True)


class Keeping(RuleBasedStateMachine):
    """One file, two processes that come and go, and the model of it."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory(prefix="crossfade-journal-")
        self.path = Path(self.folder.name) / "costs.db"
        self.at = NOON
        self.model = Model()
        self.count = 0
        self.lives = 0
        self.processes: list[tuple[int, Process, SqliteJournal]] = []
        self.pending: list[Row] = []
        """What the first process has taken in, and no turn of the loop has written."""
        self.begin()

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    def flush(self) -> None:
        self.run(self.journal.flush())
        for one in self.pending:
            self.model.settle(one)
        self.pending.clear()

    @property
    def journal(self) -> SqliteJournal:
        return self.processes[0][2]

    def begin(self) -> None:
        process = Process(self.at)
        self.lives += 1
        alive = {life for life, _, _ in self.processes}
        dead = {life for life, _, _ in self.model.intents.values()} - alive
        journal = self.run(process.opened(self.path, most_users=10**6))
        for life in sorted(dead):
            self.model.lose(self.model.under_way(life), self.at)
        self.processes.append((self.lives, process, journal))

    def made(self, row: Row, ago: float) -> Row:
        self.count += 1
        at = max(self.at - ago, self.model.since["rows"])
        return row._replace(id=f"a{self.count}", at=at, failure="")

    def some(self, which: int) -> str:
        return f"a{max(1, self.count - which % 12)}"

    @rule(row=ROWS, ago=AGO, whose=WHICH)
    def plan(self, row: Row, ago: float, whose: int) -> None:
        self.flush()
        row = self.made(row, ago)
        life, _, journal = self.processes[whose % len(self.processes)]
        attempt = planned(row)
        journal.plan(attempt, row)
        self.model.plan(life, row, attempt.until)

    @rule(which=WHICH, nano=NANO, row=ROWS, twice=st.booleans())
    def settle(self, which: int, nano: NanoUSD, row: Row, *, twice: bool) -> None:
        name = self.some(which)
        known = self.model.rows.get(name) or self.model.gone.get(name)
        if name in self.model.intents:
            known = self.model.intents[name][1]
        if known is None or known.at < self.model.since["rows"]:
            return
        ended = row._replace(id=name, at=known.at, nano_usd=nano, failure="", kind="attempt")
        for _ in range(1 + twice):
            self.journal.settle(ended)
            self.pending.append(ended)

    @precondition(lambda self: any(row.failure == "lost" for row in self.model.rows.values()))
    @rule(which=WHICH, nano=NANO)
    def settle_one_that_was_given_up(self, which: int, nano: NanoUSD) -> None:
        self.flush()
        lost = [
            row
            for row in self.model.rows.values()
            if row.failure == "lost" and row.kind == "attempt"
        ]
        row = lost[which % len(lost)] if lost else None
        if row is not None:
            ended = row._replace(outcome="answered", failure="", nano_usd=nano, estimated=False)
            self.journal.settle(ended)
            self.pending.append(ended)

    @rule(row=ROWS, ago=AGO)
    def settle_one_that_nobody_planned(self, row: Row, ago: float) -> None:
        row = self.made(row, ago)
        self.journal.settle(row)
        self.pending.append(row)

    @precondition(lambda self: self.model.intents)
    @rule(which=WHICH)
    def withdraw(self, which: int) -> None:
        self.flush()
        mine = sorted(self.model.under_way(self.processes[0][0]))
        if mine:
            name = mine[which % len(mine)]
            self.journal.withdraw(name)
            del self.model.intents[name]

    @rule(which=WHICH, nano=st.integers(-(10**12), 10**12).map(NanoUSD), again=st.booleans())
    def correct(self, which: int, nano: NanoUSD, *, again: bool) -> None:
        self.flush()
        row = self.model.rows.get(self.some(which))
        if row is None:
            return
        one = row._replace(id=f"{row.id}:bill", kind="adjust", ref=row.id, nano_usd=nano)
        for _ in range(1 + again):
            written = self.run(self.journal.write([one, one]))
            assert written == self.model.write(one)

    @rule(twice=st.booleans())
    def kill_the_first_and_begin_anew(self, *, twice: bool) -> None:
        for _ in range(1 + twice):
            _, process, journal = self.processes.pop(0)
            self.run(process.die(journal))
            for one in self.pending:  # they are in its log
                self.model.settle(one)
            self.pending.clear()
            self.begin()

    @precondition(lambda self: len(self.processes) == 1)
    @rule()
    def begin_a_second(self) -> None:
        self.flush()
        self.begin()

    @precondition(lambda self: len(self.processes) == 2)
    @rule()
    def end_the_second(self) -> None:
        self.flush()
        life, process, journal = self.processes.pop()
        self.run(journal.close())
        self.run(process.close())
        # What it had under way is found by the other one, or by the next.
        self.run(self.journal.tidy())
        self.model.lose(self.model.under_way(life), self.at)
        self.tidied()

    @rule()
    def reload(self) -> None:
        self.flush()
        life, process, journal = self.processes[0]
        after = self.run(process.opened(self.path, most_users=10**6))
        self.run(journal.close())
        self.processes[0] = life, process, after

    @rule(seconds=PASSING)
    def let_time_pass(self, seconds: float) -> None:
        self.flush()
        self.at += seconds
        for _, process, _ in self.processes:
            process.at = self.at
        for _, _, journal in self.processes:
            self.run(journal.tidy())
        self.tidied()

    def tidied(self) -> None:
        self.model.lose(self.model.overdue(self.at), self.at)
        self.model.expire(self.at - KEEP.rows, self.at - KEEP.minutes, self.at - KEEP.hours)

    @rule(grain=st.sampled_from(GRAINS), by=BY)
    def totals_are_the_sums_of_the_rows(self, grain: Grain, by: list[Dimension]) -> None:
        self.flush()
        found = self.run(self.journal.totals(Asked(0, 2 * NOON), grain, by))
        keys = [(one.begins, tuple(one.by[name] for name in by)) for one in found]
        assert keys == sorted(keys)
        right = self.model.totals(grain, by)
        assert dict(zip(keys, (one.sums for one in found), strict=True)) == right

    @rule(limit=st.integers(1, 5), user=st.none() | st.sampled_from(["", "a", "b"]))
    def page_through_the_rows(self, limit: int, user: str | None) -> None:
        self.flush()
        where: dict[Dimension, str] = {} if user is None else {"user": user}
        asked, found, after = Asked(0, 2 * NOON, where), list[Row](), ""
        while True:
            page = self.run(self.journal.rows(asked, limit=limit, after=after))
            found += page.rows
            if not (after := page.after):
                break
        wanted = [one for one in self.model.rows.values() if user in (None, one.user)]
        assert found == sorted(wanted, key=lambda one: (one.at, one.id))

    @invariant()
    def nothing_is_missing_or_there_twice(self) -> None:
        if self.pending:
            return
        assert self.run(self.journal.planned()) == len(self.model.intents)
        assert self.run(self.journal.differences()) == ()

    def teardown(self) -> None:
        faults = []
        for _, process, journal in self.processes:
            self.run(process.die(journal))
            faults += process.faults
        self.loop.close()
        self.folder.cleanup()
        assert faults == []


def played(times: int, steps: int) -> int:
    """Play so often; how many games were begun."""
    games = 0

    class Counted(Keeping):
        def __init__(self) -> None:
            nonlocal games
            games += 1
            super().__init__()

    run_state_machine_as_test(Counted, settings=examples(times, steps=steps))
    return games
