"""What tests of the authority begin with."""

import io
from collections.abc import Iterator

import pytest

from proxy.stores.memory import MemoryStore
from tests.controlplane.log_lines import logging_into
from tests.controlplane.rollouts.replica import NOW, Replica


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    with logging_into(io.StringIO()) as out:
        yield out


@pytest.fixture
def memory_store(log: io.StringIO) -> MemoryStore:
    return MemoryStore(lambda: NOW)


@pytest.fixture
async def one(memory_store: MemoryStore) -> Replica:
    """A replica that serves `fade` at 50 %."""
    return await Replica(memory_store).open()
