"""`crossfade decide` against a real HTTP server that answers as the admin listener does."""

import orjson
import pytest

from proxy.cli import decide
from tests.cli.asking import Ran, run
from tests.cli.told import Told, problem

DERIVED = {
    "rollout": "hybrid",
    "route": "",
    "arm": "new",
    "rejected": False,
    "stale": False,
    "ignored": [],
    "reason": "percentage",
    "because": "the bucket is below the percentage",
    "bucket": 4711,
    "percentage": 25.0,
    "version": 7,
    "generation": 3,
    "rules": [
        {"rule": "kill", "hit": False, "saw": "nobody has killed it"},
        {"rule": "percentage", "hit": True, "saw": "bucket 4711 is below 25000"},
    ],
}


async def asked(told: Told, *words: str) -> Ran:
    async with told.serving() as url:
        return await run(decide.command, *words, "--admin", url)


async def test_the_arm_is_told_with_every_rule_that_was_looked_at() -> None:
    told = Told()
    told.tell("POST /v1/decide", DERIVED)
    ran = await asked(told, "hybrid", "u1", "-a", "tier=pro", "-a", "region = eu ")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert "  kill                 passed   nobody has killed it" in lines
    assert "  percentage           decided  bucket 4711 is below 25000" in lines
    assert "bucket     4711 (new is below 25000)" in lines
    assert "percentage 25 %" in lines
    assert lines[-2:] == [
        "arm        new",
        "reason     percentage: the bucket is below the percentage",
    ]
    [one] = told.asked
    assert one.body == {
        "rollout": "hybrid",
        "key": "u1",
        "attributes": {"tier": "pro", "region": "eu"},
    }


async def test_for_a_machine_it_is_the_json_of_the_admin_listener() -> None:
    told = Told()
    told.tell("POST /v1/decide", DERIVED)
    assert orjson.loads((await asked(told, "hybrid", "u1", "--json")).out) == DERIVED


async def test_a_route_is_asked_about_with_what_holds_for_it_alone() -> None:
    told = Told()
    odd = {"route": "campaigns", "arm": None, "bucket": None, "ignored": ["team"], "stale": True}
    told.tell("POST /v1/decide", {**DERIVED, **odd})
    ran = await asked(told, "hybrid", "", "--route", "campaigns")
    assert told.asked[0].body["route"] == "campaigns"
    for shown in (
        "route      campaigns",
        "refused with 400",
        "Nobody asks for team",
        "store is lost",
    ):
        assert shown in ran.out
    assert "bucket  " not in ran.out


async def test_a_refusal_is_told_and_ends_with_1() -> None:
    told = Told()
    told.tell("POST /v1/decide", problem(404, "There is no such rollout.", "Did you mean hybrid?"))
    ran = await asked(told, "hybird", "u1")
    assert (ran.code, ran.out) == (1, "")
    assert "Did you mean hybrid?" in ran.err


@pytest.mark.parametrize("attribute", ["tier", "=pro"])
async def test_an_attribute_that_is_none_is_bad_usage(attribute: str) -> None:
    ran = await asked(Told(), "hybrid", "u1", "--attribute", attribute)
    assert ran.code == 2
    assert "name=value" in ran.err
