"""The OpenAPI document: complete, and true of the listener that serves it."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any, cast

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from proxy.config.models import Admin
from proxy.controlplane.admin.openapi import openapi_document
from proxy.controlplane.admin.server import ROUTES, start_admin
from proxy.controlplane.rollouts.authority import Effects, Rollouts
from proxy.stores.memory import MemoryStore
from tests.controlplane.admin_asking import TOKENS, Asked, by
from tests.controlplane.admin_view import NOW, View

DOCUMENT = openapi_document(ROUTES)
STREAMS = "/v1/events"


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(found := value.get("$ref"), str):
            yield found
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


async def test_the_document_is_served_to_viewers(ask_with_tokens: Asked) -> None:
    status, found, _ = await ask_with_tokens("/v1/openapi.json", headers=by("viewer"))
    assert (status, found) == (200, DOCUMENT)
    assert (await ask_with_tokens("/v1/openapi.json"))[0] == 401


def test_the_document_has_every_route_with_its_role() -> None:
    told = {
        (method.upper(), path): operation.get("x-crossfade-role")
        for path, operations in DOCUMENT["paths"].items()
        for method, operation in operations.items()
    }
    assert told == {
        (route.method, route.path): route.needs.name.lower() if route.needs else None
        for route in ROUTES
    }


def test_the_document_refers_to_nothing_that_it_does_not_say() -> None:
    named = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) == named


def test_an_answer_that_is_neither_good_nor_a_problem_is_told() -> None:
    answers = DOCUMENT["paths"]["/readyz"]["get"]["responses"]
    assert answers["503"]["content"] == answers["200"]["content"]


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """The URL of a listener that runs beside the test, which waits for its answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    view = View()
    store = MemoryStore(lambda: NOW)
    effects = Effects(lambda _: None, lambda _: None, lambda _: None)

    async def begin() -> Any:
        view.opened = Rollouts(store, effects, {}, lambda: NOW)
        await view.opened.open(view.config)
        return await start_admin(
            Admin.model_validate({"listen": "127.0.0.1:0", "tokens": TOKENS}), view
        )

    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(10)
    yield "http://{}:{}".format(*server.addresses[0])
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def known(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document with the names that there are: others are only answered 404."""
    text = orjson.dumps(document)
    bare = b'"description":"The rollout.","schema":{"type":"string"}'
    assert bare in text
    return cast(
        "dict[str, Any]",
        orjson.loads(text.replace(bare, bare[:-1] + b',"enum":["hybrid","sleeping"]}')),
    )


CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]
tried = schemathesis.openapi.from_dict(known(DOCUMENT)).exclude(path=STREAMS)


@tried.parametrize()
@settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_listener_answers_as_the_document_says(
    case: schemathesis.Case[Any], served: str
) -> None:
    headers = by("admin")
    response = case.call(base_url=served, headers=headers)
    case.validate_response(response, headers=headers, checks=CHECKS)
    assert response.status_code < 500
