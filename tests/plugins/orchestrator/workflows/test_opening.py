"""Which store a URL names."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from plugins.orchestrator.workflows.opening import store_for
from proxy.api.testing import FakeServices
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
