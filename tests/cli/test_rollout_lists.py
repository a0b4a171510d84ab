"""`crossfade rollouts lists` against a real HTTP server that answers as the admin listener does."""

import orjson
import pytest

from proxy.cli import rollout_lists
from tests.cli.asking import Ran, run
from tests.cli.told import Told, problem

PATH = "/v1/rollouts/hybrid/lists"
LISTS = {"whitelist": ["b", "a"], "blacklist": []}
WHY = ("--reason", "because")


async def asked(told: Told, *words: str) -> Ran:
    async with told.serving() as url:
        return await run(rollout_lists.app, *words, "--admin", url)


async def test_the_keys_are_shown_in_order() -> None:
    told = Told()
    told.tell(f"GET {PATH}", LISTS)
    ran = await asked(told, "show", "hybrid")
    assert ran.out.splitlines() == ["whitelist (2)", "  a", "  b", "blacklist (0)"]
    assert orjson.loads((await asked(told, "show", "hybrid", "--json")).out) == LISTS


async def test_only_counts_are_shown_where_the_keys_are_not_told() -> None:
    told = Told()
    told.tell(f"GET {PATH}", {"whitelist": 2, "blacklist": 0})
    assert (await asked(told, "show", "hybrid")).out == "whitelist: 2\nblacklist: 0\n"


@pytest.mark.parametrize("what", ["add", "remove"])
async def test_keys_are_put_on_and_taken_off(what: str) -> None:
    told = Told()
    told.tell(f"PATCH {PATH}", LISTS)
    ran = await asked(told, what, "hybrid", "-w", "a", "-w", "b", "-b", "c", *WHY)
    assert (ran.code, ran.out.splitlines()[0]) == (0, "whitelist (2)")
    [one] = told.changes
    assert one.body == {
        "reason": "because",
        "whitelist": {what: ["a", "b"]},
        "blacklist": {what: ["c"]},
    }
    # Whatever else has changed meanwhile: these keys are meant.
    assert "If-Match" not in one.headers


async def test_a_refusal_is_told_and_ends_with_1() -> None:
    told = Told()
    told.tell(f"PATCH {PATH}", problem(409, "A key is on both lists.", "Take it off one."))
    ran = await asked(told, "add", "hybrid", "-w", "a", *WHY)
    assert (ran.code, ran.err) == (1, "crossfade: A key is on both lists.\nTake it off one.\n")


async def test_without_keys_or_reason_it_is_bad_usage() -> None:
    told = Told()
    for words in (("add", "hybrid", *WHY), ("add", "hybrid", "-w", "a")):
        assert (await asked(told, *words)).code == 2
    assert told.changes == []
