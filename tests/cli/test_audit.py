"""`crossfade audit` against a real HTTP server that answers as the admin listener does."""

from typing import Any

import orjson
import pytest

from proxy.cli import audit
from proxy.cli.audit import change_text
from tests.cli.asking import Ran, run
from tests.cli.told import Told, mark, problem

MOMENT = "2023-11-14 22:13:20 UTC"
ENTRY = {
    "id": "1700000000000-0",
    "at": 1700000000.0,
    "rollout": "hybrid",
    "actor": "ops",
    "role": "operator",
    "action": "set_percentage",
    "reason": "first \x1b[2J day",
    "before": {"percentage": 5.0},
    "after": {"percentage": 25.0},
    "version": 8,
    "evidence": {},
}


async def asked(told: Told, *words: str) -> Ran:
    async with told.serving() as url:
        return await run(audit.command, *words, "--admin", url)


async def test_each_change_says_who_what_when_and_why() -> None:
    told = Told()
    told.tell("GET /v1/audit?limit=20", {"entries": [ENTRY], "next": None})
    ran = await asked(told)
    assert (ran.code, ran.err) == (0, "")
    for shown in (
        "2023-11-14 22:13:20 UTC",
        "ops (operator)",
        "set_percentage",
        "percentage 5 > 25",
        "first  [2J day",
    ):
        assert shown in ran.out
    assert "There is more" not in ran.out


async def test_a_list_that_was_cut_says_how_to_go_on() -> None:
    told = Told()
    path = "GET /v1/audit?limit=1&rollout=hybrid&before=17-0"
    told.tell(path, {"entries": [ENTRY], "next": "1700000000000-0"})
    ran = await asked(told, "--limit", "1", "--rollout", "hybrid", "--before", "17-0")
    assert ran.out.splitlines()[-1] == "There is more: --before 1700000000000-0"


async def test_for_a_machine_it_is_the_json_of_the_admin_listener() -> None:
    told = Told()
    told.tell("GET /v1/audit?limit=20", {"entries": [ENTRY], "next": None})
    assert orjson.loads((await asked(told, "--json")).out)["entries"] == [ENTRY]


async def test_an_empty_audit_and_a_lost_store_are_told() -> None:
    told = Told()
    told.tell("GET /v1/audit?limit=20", {"entries": [], "next": None})
    assert "Nothing has been changed." in (await asked(told)).out
    told.tell("GET /v1/audit?limit=20", problem(503, "The store is lost."))
    ran = await asked(told)
    assert (ran.code, ran.err) == (1, "crossfade: The store is lost.\n")


async def test_an_empty_audit_says_of_what_there_is_nothing() -> None:
    told = Told()
    told.tell("GET /v1/audit?limit=20&rollout=hybird", {"entries": [], "next": None})
    out = (await asked(told, "--rollout", "hybird")).out
    assert "No change of hybird is in the audit." in out
    assert "crossfade rollouts list" in out
    told.tell("GET /v1/audit?limit=20&before=17-0", {"entries": [], "next": None})
    assert "Nothing older" in (await asked(told, "--before", "17-0")).out


@pytest.mark.parametrize("limit", ["0", "501", "many"])
async def test_a_limit_that_is_none_is_bad_usage(limit: str) -> None:
    assert (await asked(Told(), "--limit", limit)).code == 2


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {}, None),
        ({"percentage": 5.0}, {"percentage": 5.0}, None),
        (
            {"phase": "bake", "step": 0},
            {"phase": "settle", "step": 1},
            "phase bake > settle, step 1 > 2",
        ),
        ({"step": -1}, {"step": 0}, "step - > 1"),
        ({"percentage": 0, "since": 1.0}, {"percentage": 5, "since": 2.0}, "percentage 0 > 5"),
        ({"unsafe_until": 0.0}, {"unsafe_until": 1.7e9}, f"unsafe_until 0 > {MOMENT}"),
        ({"killed": None}, {"killed": mark()}, "killed - > set"),
        ({"latched": False}, {"latched": True}, "latched no > yes"),
        ({}, {"whitelist": 3}, "whitelist - > 3"),
    ],
)
def test_what_became_different_is_told_short(
    before: dict[str, Any], after: dict[str, Any], said: str | None
) -> None:
    assert change_text(before, after) == said


def test_a_long_change_is_cut() -> None:
    text = change_text({}, {f"field{n}": n for n in range(100)})
    assert text is not None
    assert len(text) == 123
