"""`crossfade replay` against a real HTTP server that answers as the admin listener does."""

from typing import Any

import orjson
import pytest

from proxy.cli import replay
from tests.cli.asking import Ran, run
from tests.cli.told import Told, problem

LOGGED = {"arm": "new", "reason": "percentage", "bucket": 4711}
REPLAYED = {
    "decision": "abc",
    "at": 1700000000.0,
    "rollout": "hybrid",
    "route": "campaigns",
    "generation": 3,
    "version": 7,
    "same": True,
    "given": "",
    "note": "",
    "logged": LOGGED,
    "derived": {
        **LOGGED,
        "because": "the bucket is below the percentage",
        "percentage": 25.0,
        "rules": [{"rule": "percentage", "hit": True, "saw": "bucket 4711 is below 25000"}],
    },
}


async def asked(body: Any, *words: str) -> tuple[Ran, Told]:
    told = Told()
    told.tell("POST /v1/replay", body)
    async with told.serving() as url:
        return await run(replay.command, "abc", *words, "--admin", url), told


async def test_a_decision_that_is_the_same_again_is_told_with_its_derivation() -> None:
    ran, told = await asked(REPLAYED)
    assert (ran.code, ran.err) == (0, "")
    assert told.asked[0].body == {"decision": "abc"}
    for line in (
        "made       2023-11-14 22:13:20 UTC",
        "logged     new, percentage, bucket 4711",
        "derived    new, percentage, bucket 4711",
        "same       yes",
        "route      campaigns",
        "  percentage           decided  bucket 4711 is below 25000",
    ):
        assert line in ran.out.splitlines()


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_a_decision_that_is_another_now_ends_with_1(words: tuple[str, ...]) -> None:
    other = {"arm": None, "reason": "error", "bucket": None}
    ran, _ = await asked({**REPLAYED, "same": False, "logged": other, "note": "Why."}, *words)
    assert ran.code == 1
    if words:
        assert orjson.loads(ran.out)["same"] is False
    else:
        assert "logged     no arm, error" in ran.out.splitlines()
        assert "same       NO" in ran.out.splitlines()
        assert "Why." in ran.out.splitlines()


async def test_a_decision_that_is_not_kept_is_told_with_what_is() -> None:
    ran, _ = await asked(problem(404, "No decision of this request is kept.", "20 are kept."))
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "crossfade: No decision of this request is kept.\n20 are kept.\n"
