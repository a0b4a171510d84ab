"""Workflows to be stored, and a store in a file as one process has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plugins.orchestrator.workflows.record import Workflow
from plugins.orchestrator.workflows.sqlite import MIGRATIONS, SqliteWorkflows
from proxy.api.testing import FakeServices, JumpingClock
from tests.plugins.orchestrator.records import workflow

NOW = JumpingClock().now()


def written(number: int = 1, **fields: Any) -> Workflow:
    """A workflow; those with higher numbers were created later."""
    made = {"id": f"wf_{number}", "created": NOW + number, "updated": NOW + number}
    return workflow(**{**made, **fields})


def stored(workflow: Workflow, version: int) -> Workflow:
    """The workflow as a store returns it."""
    return workflow.model_copy(update={"version": version})


def store_of(services: FakeServices, path: Path) -> SqliteWorkflows:
    """A store that these services close."""
    return SqliteWorkflows(services.sqlite(path, MIGRATIONS), services.now, services.log)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteWorkflows]:
    """A store in this file."""
    services = FakeServices()
    store = store_of(services, path)
    await store.open()
    yield store
    await services.close()
