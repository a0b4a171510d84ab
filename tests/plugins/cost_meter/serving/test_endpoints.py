"""Where the API is, and what answers browsers that ask first."""

import asyncio

import pytest

from plugins.cost_meter.serving import paths
from plugins.cost_meter.serving.endpoints import AT_ONCE
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
        assert offered == [*METHODS[path].split(", "), "OPTIONS"]


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
