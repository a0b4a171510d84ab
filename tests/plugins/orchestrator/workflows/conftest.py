"""One DynamoDB for all tests of the stores; none where only the others are tested."""

from collections.abc import AsyncIterator, Iterator

import pytest

from plugins.orchestrator.workflows.store import WorkflowStore
from tests.plugins.orchestrator.workflows.doors import (
    Doors,
    Dynamo,
    doors_of,
    dynamo_clients,
    opened,
)


@pytest.fixture(scope="package")
def dynamo() -> Iterator[Dynamo]:
    with dynamo_clients() as dynamo:
        yield dynamo


@pytest.fixture(params=["memory", "sqlite", "dynamodb"])
async def doors(request: pytest.FixtureRequest) -> AsyncIterator[Doors]:
    """Two doors to the same contents, of each kind."""
    made = doors_of(request.param, lambda: request.getfixturevalue("dynamo"))
    async with opened(made) as both:
        yield both


@pytest.fixture
def store(doors: Doors) -> WorkflowStore:
    return doors.both[0]
