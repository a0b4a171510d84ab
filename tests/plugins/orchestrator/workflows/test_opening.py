"""Which store a URL names."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from plugins.orchestrator import Orchestrator
from plugins.orchestrator.workflows.opening import migrated, store_for
from proxy.api.testing import FakeServices
from tests.plugins.orchestrator.deployed import settings
from tests.plugins.orchestrator.workflows.doors import Dynamo
from tests.plugins.orchestrator.workflows.written import stored, written


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    services = FakeServices()
    yield services
    await services.close()


async def test_memory_is_a_store_that_outlives_a_reload(services: FakeServices) -> None:
    one, after_a_reload = (store_for("memory://", services) for _ in range(2))
    await one.open()
    assert await one.create(written()) is None
    assert await after_a_reload.get("wf_1") is not None
    assert one.url == "memory://"


@pytest.mark.parametrize("form", ["sqlite:{}", "sqlite://{}"])
async def test_sqlite_is_a_file(services: FakeServices, tmp_path: Path, form: str) -> None:
    path = tmp_path / "a.db"
    store = store_for(form.format(path), services)
    await store.open()
    await store.create(written())
    assert store.url == f"sqlite://{path}"
    assert await store_for(f"sqlite:{path}", services).get("wf_1") == stored(written(), 1)


async def test_dynamodb_is_a_table(services: FakeServices, dynamo: Dynamo) -> None:
    url = f"dynamodb://workflows?region=eu-west-1&endpoint={dynamo.server.endpoint}"
    store = store_for(url, services, keep=60)
    await store.open()
    await store.create(written())
    assert store.url == "dynamodb://workflows"
    assert await store.get("wf_1") == stored(written(), 1)
    await dynamo.tables[0].call("delete_table")


async def test_a_migration_makes_the_table_and_a_file_needs_none(
    services: FakeServices, dynamo: Dynamo, tmp_path: Path
) -> None:
    url = f"dynamodb://workflows?region=eu-west-1&endpoint={dynamo.server.endpoint}"
    would = await migrated(url, services, dry_run=True)
    assert would == await migrated(url, services, dry_run=False) != ()
    assert await migrated(url, services, dry_run=False) == ()
    await dynamo.tables[0].call("delete_table")
    for other in ("memory://", f"sqlite:{tmp_path}/a.db"):
        assert await migrated(other, services, dry_run=False) == ()
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (nobody waits for it)
    with pytest.raises(ValueError, match="not 'regoin'"):
        await migrated("dynamodb://workflows?regoin=x", services, dry_run=True)


async def test_the_orchestrator_migrates_what_its_settings_name_without_being_started(
    services: FakeServices, dynamo: Dynamo
) -> None:
    url = f"dynamodb://workflows?region=eu-west-1&endpoint={dynamo.server.endpoint}"
    orchestrator = Orchestrator(settings(workflows=url))
    said = await orchestrator.migrate(services, dry_run=True)
    assert said == await orchestrator.migrate(services, dry_run=False)
    assert said[0] == "the DynamoDB table workflows is created"
    await dynamo.tables[0].call("delete_table")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:", "write sqlite:name.db"),
        ("sqlite://a.db", "write sqlite:name.db"),
        ("dynamodb://workflows?regoin=x", "not 'regoin'"),
        ("redis://localhost", "'redis' is no store"),
    ],
)
async def test_another_url_is_refused(services: FakeServices, url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        store_for(url, services)
