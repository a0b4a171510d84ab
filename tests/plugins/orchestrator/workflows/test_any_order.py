"""Whatever is asked of a store, through whichever door: it does what a dictionary does."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from plugins.orchestrator.workflows.record import UNFINISHED, Workflow
from plugins.orchestrator.workflows.store import IDEMPOTENT_FOR, WorkflowStore
from proxy.api.workflows import WorkflowCosts
from tests.kit.properties import examples
from tests.plugins.orchestrator.records import attempt
from tests.plugins.orchestrator.workflows.doors import Doors, Dynamo, doors_of
from tests.plugins.orchestrator.workflows.written import NOW, stored, written

T = TypeVar("T")

DAY = 86_400
DOORS = st.integers(0, 1)
USERS = st.sampled_from(["u1", "u2"])
KEYS = st.sampled_from(["", "", "one", "two"])
STATES = st.sampled_from(["running", "queued", "completed", "failed", "interrupted"])
TIMES = st.sampled_from([0.0, NOW - 10, NOW, NOW + 10, NOW + 20 * DAY])
ATTEMPTS = st.lists(
    st.builds(
        lambda number, kind, state, tokens: attempt(
            number, kind=kind, state=state, tokens=(tokens, 0, 0, 0), nano_usd=tokens * 3
        ),
        st.integers(1, 3),
        st.sampled_from(["azure", "openai"]),
        st.sampled_from(["begun", "answered", "unknown"]),
        st.integers(0, 9),
    ),
    max_size=3,
).map(tuple)
CHANGES = st.fixed_dictionaries(
    {"status": STATES, "attempts": ATTEMPTS, "due": TIMES, "lease_until": TIMES}
)


class Workflows(RuleBasedStateMachine):
    """Two doors to one store, and what should be behind them."""

    forgets = True

    def __init__(self, doors: Callable[[], Doors]) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.doors = self.run(made(doors))
        self.now = NOW
        self.count = 0
        self.kept: dict[str, Workflow] = {}

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    def store(self, at: int) -> WorkflowStore:
        return self.doors.both[at]

    @initialize()
    def open_it(self) -> None:
        self.run(self.doors.open())

    def some(self, number: int) -> Workflow:
        return list(self.kept.values())[number % len(self.kept)]

    @rule(seconds=st.sampled_from([1, 3600, DAY - 1, DAY]))
    def let_time_pass(self, seconds: float) -> None:
        self.now += seconds
        self.run(self.doors.services.jumping.jump(seconds))

    @rule(at=DOORS, user=USERS, key=KEYS, change=CHANGES)
    def create(self, at: int, user: str, key: str, change: dict[str, Any]) -> None:
        self.count += 1
        self.let_time_pass(1)
        new = written(
            self.count,
            created=self.now,
            updated=self.now,
            user_id=user,
            idempotency=key,
            request_id=f"r-{self.count % 3}",
            **change,
        )
        holders: list[Workflow | None] = [
            one
            for one in self.kept.values()
            if key and one.idempotency == key and one.created > self.now - IDEMPOTENT_FOR
        ]
        taken = self.run(self.store(at).create(new))
        assert [taken] == (holders or [None])
        if taken is None:
            self.kept[new.id] = stored(new, 1)

    @precondition(lambda self: self.kept)
    @rule(at=DOORS, which=st.integers(0), off=st.sampled_from([0, 0, 0, -1, 1]), change=CHANGES)
    def save(self, at: int, which: int, off: int, change: dict[str, Any]) -> None:
        before = self.some(which)
        attempts = (*before.attempts, *change["attempts"])  # they never become fewer
        after = before.model_copy(update={**change, "attempts": attempts, "updated": self.now})
        assert self.run(self.store(at).save(after, before.version + off)) == (off == 0)
        if off == 0:
            self.kept[before.id] = stored(after, before.version + 1)

    @rule(at=DOORS, user=USERS | st.none(), state=STATES | st.none(), limit=st.integers(1, 4))
    def look_at_a_list(self, at: int, user: str | None, state: str | None, limit: int) -> None:
        right = [
            one
            for one in reversed(self.kept.values())
            if user in (None, one.user_id) and state in (None, one.status)
        ]
        found = self.run(self.store(at).list(user_id=user, status=state, limit=limit))
        assert list(found) == right[:limit]

    @rule(at=DOORS, number=st.integers(0, 2))
    def look_for_a_request(self, at: int, number: int) -> None:
        right = [one for one in self.kept.values() if one.request_id == f"r-{number}"]
        assert list(self.run(self.store(at).of_request(f"r-{number}"))) == right[:20]

    @rule(at=DOORS, limit=st.integers(1, 30))
    def look_for_what_may_be_taken(self, at: int, limit: int) -> None:
        right = [
            one
            for one in self.kept.values()
            if one.status in UNFINISHED and one.lease_until <= self.now and one.due <= self.now
        ]
        order = sorted((one.lease_until, one.due) for one in right)[:limit]
        found = self.run(self.store(at).takeable(self.now, limit))
        assert [(one.lease_until, one.due) for one in found] == order
        assert {one.id for one in found} <= {one.id for one in right}
        assert len({one.id for one in found}) == len(found)

    @rule(at=DOORS, user=USERS | st.none(), days=st.integers(0, 3))
    def look_at_costs(self, at: int, user: str | None, days: int) -> None:
        since, until = self.now - days * DAY, self.now - 1
        sums: dict[tuple[str, str, str], list[int]] = {}
        for one in self.kept.values():
            if user in (None, one.user_id) and since <= one.created < until:
                for kind in {a.kind for a in one.attempts if a.state != "begun"}:
                    mine = [a for a in one.attempts if a.kind == kind and a.state != "begun"]
                    total = sums.setdefault((day_name(one.created), one.type, kind), [0, 0, 0])
                    total[0] += 1
                    total[1] += sum(a.tokens[0] for a in mine if a.tokens)
                    total[2] += sum(a.nano_usd or 0 for a in mine)
        found = self.run(self.store(at).costs(user_id=user, since=since, until=until))
        assert found == tuple(WorkflowCosts(*key, *sums[key]) for key in sorted(sums))

    @precondition(lambda self: self.forgets)
    @rule(at=DOORS, ago=st.sampled_from([0, 3600, DAY]))
    def forget(self, at: int, ago: float) -> None:
        gone = [
            one.id
            for one in self.kept.values()
            if one.status not in UNFINISHED
            and one.updated < self.now - ago
            and (not one.idempotency or one.created <= self.now - IDEMPOTENT_FOR)
        ]
        assert self.run(self.store(at).forget(self.now - ago)) == len(gone)
        for workflow_id in gone:
            del self.kept[workflow_id]

    @invariant()
    def all_are_as_they_were_left(self) -> None:
        for number in range(max(0, self.count - 3), self.count + 2):
            found = self.run(self.store(number % 2).get(f"wf_{number}"))
            assert found == self.kept.get(f"wf_{number}")
        waiting = sum(one.status == "queued" for one in self.kept.values())
        assert self.run(self.store(0).waiting()) == waiting

    def teardown(self) -> None:
        self.run(self.doors.close())
        self.loop.close()


async def made(doors: Callable[[], Doors]) -> Doors:
    return doors()


def day_name(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


@pytest.mark.parametrize(("kind", "times"), [("memory", 25), ("sqlite", 10), ("dynamodb", 3)])
def test_a_store_does_what_a_dictionary_does(
    kind: str, times: int, request: pytest.FixtureRequest
) -> None:
    played = 0

    def dynamo() -> Dynamo:
        found: Dynamo = request.getfixturevalue("dynamo")
        return found

    class OfThisKind(Workflows):
        forgets = kind != "dynamodb"

        def __init__(self) -> None:
            nonlocal played
            played += 1
            super().__init__(lambda: doors_of(kind, dynamo))

    run_state_machine_as_test(OfThisKind, settings=examples(times, steps=25))
    assert played >= times
