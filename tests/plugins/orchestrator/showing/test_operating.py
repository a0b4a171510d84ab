"""What operators are told, and told to do otherwise, on the admin listener."""

from typing import Any

import orjson
import pytest

from plugins.orchestrator.showing.operating import Operating
from proxy.api import Reply
from tests.plugins.orchestrator.orchestrating import Orchestrating, asks, orchestrating


def operating(on: Orchestrating) -> Operating:
    made: Operating = on.parts.operating
    return made


async def forced(on: Orchestrating, deployment: str, mode: str) -> Reply:
    body = orjson.dumps({"deployment": deployment, "mode": mode})
    return await operating(on).force(asks(), body)


def states(reply: Reply) -> dict[str, str]:
    listed: list[dict[str, Any]] = reply.json()["deployments"]
    return {one["deployment"]: one["state"] for one in listed}


async def test_a_deployment_is_forced_and_left_to_its_breaker_again() -> None:
    async with orchestrating() as on:
        told = states(await forced(on, "mini", "forced_open"))
        assert told == {"east-mini": "closed", "mini": "forced_open"}
        assert states(await forced(on, "mini", "closed"))["mini"] == "closed"


@pytest.mark.parametrize(
    ("deployment", "mode", "says"),
    [
        ("mimi", "closed", "There is no such deployment; wanted one of east-mini, mini."),
        ("mini", "open", "There is no such mode; wanted one of "),
    ],
)
async def test_a_wrong_word_is_answered_with_the_right_ones(
    deployment: str, mode: str, says: str
) -> None:
    async with orchestrating() as on:
        reply = await forced(on, deployment, mode)
        assert reply.status in (400, 404)
        assert reply.json()["detail"].startswith(says)
        assert states(await operating(on).deployments(asks(), b""))["mini"] == "closed"


async def test_of_very_many_deployments_some_are_named() -> None:
    many = {f"d{n}": {"provider": "openai", "model": "m"} for n in range(30)}
    async with orchestrating(deployments=many) as on:
        detail = (await forced(on, "x", "closed")).json()["detail"]
        assert detail.endswith("d19 and 10 more.")
