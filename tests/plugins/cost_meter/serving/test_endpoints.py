"""Where the API is, and what answers browsers that ask first."""

import asyncio

import pytest

from plugins.cost_meter.serving import paths
from plugins.cost_meter.serving.endpoints import AT_ONCE
from proxy.api.endpoints import OTHER_METHODS
from tests.plugins.cost_meter.serving.served import served_costs

METHODS = {
    paths.BREAKDOWN: "GET",
    paths.STATS: "GET",
    paths.FORECAST: "GET",
    paths.OPTIMIZATION: "GET, POST",
    paths.ALERTS: "GET, POST, PUT",
    paths.THRESHOLDS: "GET, POST, PUT, DELETE",
    paths.OPENAPI: "GET",
}


@pytest.mark.parametrize("path", METHODS)
async def test_browsers_are_told_what_may_be_asked(path: str) -> None:
    async with served_costs() as costs:
        reply = await costs.ask(path, None, method="OPTIONS")
        assert reply.status == 200
        assert reply.headers.get("Access-Control-Allow-Methods") == f"{METHODS[path]}, OPTIONS"
        offered = [method for method, offer in costs.offers if offer == path]
        assert offered == [*METHODS[path].split(", "), "HEAD", "OPTIONS", OTHER_METHODS]


@pytest.mark.parametrize("path", METHODS)
async def test_a_method_that_there_is_not_is_told_with_those_that_there_are(path: str) -> None:
    async with served_costs() as costs:
        reply = await costs.ask(path, None, method="PATCH")
        allow = f"{METHODS[path]}, HEAD, OPTIONS"
        assert (reply.status, reply.headers.get("Allow")) == (405, allow)
        assert reply.json()["error"] == f"There is no such method here; there are {allow}"


async def test_a_head_is_answered_like_a_get() -> None:
    async with served_costs() as costs:
        got, head = await costs.ask(paths.STATS), await costs.ask(paths.STATS, method="HEAD")
        assert (head.status, head.body) == (got.status, got.body)  # the proxy leaves the body out
        assert (await costs.ask(paths.STATS, None, method="HEAD")).status == 401


async def test_no_answer_is_kept_on_the_way() -> None:
    async with served_costs() as costs:
        for user in ("ann", None):
            reply = await costs.ask(paths.STATS, user)
            assert reply.headers.get("Cache-Control") == "no-store"


async def test_the_description_of_the_api_is_there_for_everybody() -> None:
    async with served_costs() as costs:
        document = (await costs.ask(paths.OPENAPI, None)).json()
        assert set(document["paths"]) == set(METHODS)


async def test_who_does_not_wait_for_answers_delays_nobody_else() -> None:
    async with served_costs() as costs:
        asked = [costs.ask(paths.STATS, "ann") for _ in range(AT_ONCE + 5)]
        mine, bobs = await asyncio.gather(asyncio.gather(*asked), costs.ask(paths.STATS, "bob"))
        declined = [one for one in mine if one.status == 429]
        assert (len(declined), bobs.status) == (5, 200)
        assert declined[0].headers.get("Retry-After") == "1"
        assert (await costs.ask(paths.STATS, "ann")).status == 200
