"""Whatever is asked of a store, through whichever door: it does what a list does."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
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

from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import AuditEntry, ConflictError, RolloutStore
from tests.kit.properties import examples
from tests.kit.redis import RedisServer
from tests.stores.conftest import doors_of
from tests.stores.written import entry

T = TypeVar("T")

NAMES = st.sampled_from(["campaigns", "orders"])
DOORS = st.integers(0, 1)
KEYS = st.sampled_from(["", "one", "two", "three"])


class Stores(RuleBasedStateMachine):
    """Two doors to one store, and what should be behind them."""

    def __init__(self, kind: str, redis_url: str) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="crossfade-stores-"))
        self.open_door = doors_of(kind, self.folder, f"{redis_url}?prefix={uuid.uuid4().hex}")
        self.loop = asyncio.new_event_loop()
        self.doors: list[RolloutStore] = []
        self.states: dict[str, RolloutState] = {}
        self.entries: list[AuditEntry] = []

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    @initialize()
    def open_both(self) -> None:
        self.doors = [self.open_door(), self.open_door()]
        for door in self.doors:
            self.run(door.open())

    @rule(name=NAMES, at=DOORS, percentage=st.floats(0, 100), key=KEYS)
    def change(self, name: str, at: int, percentage: float, key: str) -> None:
        state = replace(self.states.get(name, RolloutState(name)), percentage=percentage)
        told = entry(name, state.version + 1, idempotency_key=key)
        stored = self.run(self.doors[at].save(state, state.version, told))
        assert stored == state.stored(state.version + 1)
        self.states[name] = stored
        self.entries.append(told)

    @rule(name=NAMES, at=DOORS, healthy=st.floats(0, 1e6))
    def move_on(self, name: str, at: int, healthy: float) -> None:
        state = replace(self.states.get(name, RolloutState(name)), healthy=healthy)
        self.states[name] = self.run(self.doors[at].save(state, state.version, None))
        assert self.states[name] == state

    @rule(name=NAMES, at=DOORS, off=st.sampled_from([-1, 1, 7]), told=st.booleans())
    def write_over_a_stale_version(self, name: str, at: int, off: int, told: bool) -> None:
        current = self.states.get(name, RolloutState(name))
        said = entry(name, 1, idempotency_key="stale") if told else None
        with pytest.raises(ConflictError) as caught:
            self.run(self.doors[at].save(RolloutState(name), current.version + off, said))
        assert caught.value.current == current

    @rule(at=DOORS)
    def come_back(self, at: int) -> None:
        self.run(self.doors[at].close())
        self.doors[at] = self.open_door()

    @rule(at=DOORS, key=KEYS)
    def find(self, at: int, key: str) -> None:
        found = self.run(self.doors[at].find(key))
        right = [told for told in self.entries if key and told.idempotency_key == key]
        assert (found is None) == (not right)
        if found is not None:
            assert replace(found, id="") == right[-1]

    @precondition(lambda self: self.entries)
    @rule(at=DOORS, name=NAMES | st.none(), size=st.integers(1, 4))
    def read_the_audit(self, at: int, name: str | None, size: int) -> None:
        read: list[AuditEntry] = []
        before = ""
        while page := self.run(self.doors[at].audit(rollout=name, before=before, limit=size)):
            assert len(page) <= size
            read += page
            before = page[-1].id
        right = [told for told in reversed(self.entries) if name in (None, told.rollout)]
        assert [replace(told, id="") for told in read] == right

    @invariant()
    def states_are_as_they_were_left(self) -> None:
        for door in self.doors:
            assert self.run(door.load()) == self.states

    def teardown(self) -> None:
        for door in self.doors:
            self.run(door.close())
        self.loop.close()
        shutil.rmtree(self.folder)


@pytest.mark.parametrize("kind", ["memory", "sqlite", "redis"])
def test_a_store_does_what_a_list_does(kind: str, running_redis: RedisServer) -> None:
    played = 0

    class OfThisKind(Stores):
        def __init__(self) -> None:
            nonlocal played
            played += 1
            super().__init__(kind, running_redis.url)

    run_state_machine_as_test(OfThisKind, settings=examples(7, steps=15))
    assert played >= 7
