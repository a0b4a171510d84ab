"""Operators approve and undo by name; who may only look changes nothing."""

from collections.abc import AsyncIterator

import orjson
import pytest

from plugins.cost_meter.advising.admin import AdviceAnswers
from proxy.api import Reply
from proxy.api.testing import request
from proxy.api.testing.offers import AdminOffers
from tests.plugins.cost_meter.advising.followed import FILE, Followed, followed


class Asked:
    """The answers, asked as `ada`."""

    def __init__(self, found: Followed) -> None:
        self.found = found
        self.offers = AdminOffers()
        AdviceAnswers(found.advice(), found.services).offer(self.offers)

    async def __call__(self, method: str, path: str, body: object = None, query: str = "") -> Reply:
        data = b"" if body is None else orjson.dumps(body)
        asked = request(method, f"/plugins/cost_meter{path}{query}", key="ada", verified=True)
        return await self.offers[method, path](asked, data)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    async with followed() as found:
        yield Asked(found)


async def test_who_looks_needs_less_than_who_changes(asked: Asked) -> None:
    assert asked.offers.roles == {
        ("GET", "/advice"): "viewer",
        ("GET", "/advice/one"): "viewer",
        ("POST", "/advice/look"): "operator",
        ("POST", "/advice/approve"): "operator",
        ("POST", "/advice/undo"): "operator",
    }


async def test_advice_is_looked_for_shown_approved_and_undone(asked: Asked) -> None:
    assert (await asked("GET", "/advice")).json()["advice"] == []
    [one] = (await asked("POST", "/advice/look")).json()["advice"]
    name = {"id": one["id"]}
    shown = (await asked("GET", "/advice/one", query=f"?id={one['id']}")).json()
    assert shown["changes"][0]["place"] == "plugins.orchestrator.rules[0]"
    approved = (await asked("POST", "/advice/approve", name | {"share": 3})).json()
    assert (approved["state"], approved["by"], approved["share"]) == ("approved", "ada", 3.0)
    assert approved["changes"][0]["after"]["share"] == 3.0, "as it was made"
    assert b"share: 3}" in asked.found.services.file
    assert (await asked("POST", "/advice/undo", name)).json()["state"] == "undone"
    assert asked.found.services.file == FILE
    [line] = asked.found.services.logged("advice_approved")
    assert (line["by"], line["share"]) == ("ada", 3.0)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"id": "none-00000000"}, 404),
        ({}, 400),
        ({"id": "x", "more": 1}, 400),
        ({"id": "x" * 65}, 400),
        ({"id": "x", "share": 0}, 400),
        ({"id": "x", "share": 101}, 400),
        ([], 400),
    ],
)
async def test_what_cannot_be_approved_is_told(asked: Asked, body: object, status: int) -> None:
    reply = await asked("POST", "/advice/approve", body)
    assert reply.status == status
    assert reply.headers.get("Content-Type") == "application/problem+json"


async def test_an_unknown_query_is_told(asked: Asked) -> None:
    assert (await asked("GET", "/advice/one", query="?name=x")).status == 400
    assert (await asked("GET", "/advice/one", query="?id=x")).status == 404


async def test_a_conflict_is_a_conflict(asked: Asked) -> None:
    [one] = (await asked("POST", "/advice/look")).json()["advice"]
    assert (await asked("POST", "/advice/undo", {"id": one["id"]})).status == 409
