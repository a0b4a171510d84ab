"""`crossfade ramp` against a real HTTP server that answers as the admin listener does.

Ctrl-C: tests/contract/test_ramp_scripts.py, with a process that can be interrupted.
"""

from typing import Any

import orjson
import pytest

from proxy.cli import ramp
from tests.cli.asking import Ran, run, unused_address
from tests.cli.told import LOST, PLAN, Told, mark, problem, rollout

PATH = "/v1/rollouts/hybrid"
WHY = ("--reason", "because")
WAIT = ("--wait", "--interval", "1ms")
STARTED = rollout("settle", step=0, share=5.0, percentage=5.0)


async def asked(told: Told, *words: str) -> Ran:
    async with told.serving() as url:
        return await run(ramp.command, "hybrid", *words, "--admin", url)


def walking(*seen: Any, begins: dict[str, Any] | None = None) -> Told:
    """A rollout that is seen like this, one look after the other, and can be started."""
    told = Told()
    told.tell(f"GET {PATH}", begins or rollout("draft"), *seen)
    told.tell(f"POST {PATH}/start", STARTED)
    told.tell(f"POST {PATH}/resume", STARTED)
    return told


async def test_a_ramp_is_started_as_it_was_seen() -> None:
    told = walking()
    ran = await asked(told, *WHY)
    assert (ran.code, ran.out, ran.err) == (0, "hybrid: 5 % on new, step 1 of 4, settle\n", "")
    [one] = told.changes
    assert (one.what, one.body) == (f"POST {PATH}/start", {"reason": "because"})
    assert one.headers["If-Match"] == '"7"'


@pytest.mark.parametrize("standing", ["draft", "rolled_back", "killed", "complete"])
async def test_what_has_no_ramp_under_way_is_started(standing: str) -> None:
    told = walking(begins=rollout(standing))
    await asked(told, *WHY)
    assert [one.what for one in told.changes] == [f"POST {PATH}/start"]


@pytest.mark.parametrize("words", [(), ("--bake", "10m")])
@pytest.mark.parametrize("standing", ["paused", "held"])
async def test_what_was_stopped_goes_on(standing: str, words: tuple[str, ...]) -> None:
    told = walking(begins=rollout(standing, phase="bake"))
    await asked(told, *words, *WHY)
    assert [one.what for one in told.changes] == [f"POST {PATH}/resume"]


@pytest.mark.parametrize("phase", ["draft", "complete"])
async def test_what_was_stopped_without_a_ramp_is_started(phase: str) -> None:
    told = walking(begins=rollout("paused", phase=phase))
    await asked(told, *WHY)
    assert [one.what for one in told.changes] == [f"POST {PATH}/start"]


@pytest.mark.parametrize("standing", ["settle", "bake", "gate", "soak", "frozen"])
async def test_what_is_under_way_is_only_shown_and_needs_no_reason(standing: str) -> None:
    told = walking(begins=rollout(standing))
    ran = await asked(told)
    assert (ran.code, told.changes) == (0, [])
    assert f"step 2 of 4, {standing}" in ran.out


async def test_what_is_complete_at_100_per_cent_is_done() -> None:
    told = walking(begins=rollout("complete", share=100.0, percentage=100.0))
    ran = await asked(told, *WAIT)
    assert (ran.code, told.changes) == (0, [])
    assert "hybrid is complete" in ran.err


async def test_options_make_another_plan_of_the_declared_one() -> None:
    told = walking(begins=rollout("draft", plan=None))
    await asked(
        told, "--steps", "10,100", "--bake", "2m", "--settle", "1s", "--soak", "0s",
        "--min-requests", "9", "--insist", *WHY,
    )  # fmt: skip
    [one] = told.changes
    assert one.body["insist"] is True
    first, second = one.body["plan"]["steps"]
    assert (first["percentage"], second["percentage"]) == (10.0, 100.0)
    assert (first["bake"], first["settle"], one.body["plan"]["soak"]) == (120.0, 1.0, 0.0)
    assert first["gates"] == {**PLAN["steps"][0]["gates"], "min_requests": 9}  # type: ignore[index]


async def test_another_plan_than_that_under_way_is_for_the_proxy_to_refuse() -> None:
    told = walking(begins=rollout("bake"))
    told.tell(f"POST {PATH}/start", problem(409, "It is under way.", "`rollback` first"))
    ran = await asked(told, "--bake", "2m", *WHY)
    assert (ran.code, ran.err) == (1, "crossfade: It is under way.\n`rollback` first\n")


async def test_the_same_command_again_follows_the_ramp_that_it_began() -> None:
    told = walking(rollout("complete"), begins=rollout("bake"))
    ran = await asked(told, "--steps", "5,25,50,100", "--bake", "10m", *WAIT)
    assert (ran.code, told.changes) == (0, [])


async def test_a_ramp_is_followed_to_its_end_with_a_line_for_each_change() -> None:
    seen = [STARTED, STARTED, LOST, LOST, rollout("bake"), rollout("complete", share=100.0)]
    ran = await asked(walking(*seen), *WAIT, *WHY)
    assert ran.code == 0
    lines = [line.partition(" ")[2] for line in ran.out.splitlines()]
    assert [line.split(" ")[0] for line in lines] == ["hybrid:", "Talking", "hybrid:", "hybrid:"]
    assert "the ramp goes on with the proxy" in lines[1]


BACK = rollout("rolled_back", share=0.0, marks={"rolled_back": mark("auto_rollback", "5xx on new")})


@pytest.mark.parametrize(
    ("end", "code", "said"),
    [
        (BACK, 3, "Rolled back by auto_rollback"),
        (BACK, 3, "crossfade ramp hybrid --wait"),
        (rollout("killed"), 3, "crossfade rollouts unkill hybrid"),
        (rollout("held", marks={"held": mark("ramp", "3h")}), 4, "Held by ramp"),
        (rollout("paused"), 4, "Go on: crossfade ramp hybrid --wait"),
        (rollout("frozen"), 4, "Legacy fails too"),
        (rollout("draft"), 4, "No ramp is under way any more"),
    ],
    ids=["brake", "rolled back", "killed", "held", "paused", "frozen", "draft"],
)
async def test_each_end_has_its_exit_code_and_says_what_to_do(
    end: dict[str, Any], code: int, said: str
) -> None:
    ran = await asked(walking(STARTED, end), *WAIT, *WHY)
    assert ran.code == code
    assert said in ran.err


async def test_when_the_time_is_over_the_ramp_goes_on() -> None:
    ran = await asked(walking(STARTED), *WAIT, "--timeout", "3ms", *WHY)
    assert ran.code == 5
    assert "after 3ms; the ramp goes on" in ran.err
    assert "crossfade ramp hybrid --wait" in ran.err


async def test_for_a_machine_the_end_is_json_and_the_lines_go_elsewhere() -> None:
    ran = await asked(walking(STARTED, BACK), *WAIT, "--json", *WHY)
    assert (ran.code, orjson.loads(ran.out)) == (3, BACK)
    assert "rolled back" in ran.err
    assert orjson.loads((await asked(walking(), "--json", *WHY)).out) == STARTED


async def test_a_refused_start_ends_with_1_and_says_what_it_takes() -> None:
    told = walking()
    told.tell(f"POST {PATH}/start", problem(409, "It cools down.", "wait, or --insist."))
    ran = await asked(told, *WAIT, *WHY)
    assert (ran.code, ran.err) == (1, "crossfade: It cools down.\nWait, or --insist.\n")


async def test_a_rollout_that_goes_from_the_configuration_ends_with_1() -> None:
    ran = await asked(walking(STARTED, problem(404, "There is no such rollout.")), *WAIT, *WHY)
    assert ran.code == 1
    assert "no such rollout" in ran.err


async def test_a_proxy_that_cannot_tell_at_the_moment_ends_nothing() -> None:
    seen = [problem(500, "The proxy failed."), problem(503, "Not yet."), rollout("complete")]
    ran = await asked(walking(*seen), *WAIT, *WHY)
    assert ran.code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--steps", "25,5"), "--steps 25,5: wanted percentages that rise"),
        (("--bake", "soon"), "--bake soon: wanted a duration"),
        (("--bake", "10"), "add the unit"),
        (("--settle", "2h"), "--settle 2h: wanted a duration from 0s to 1h"),
        (("--soak", "169h"), "--soak 169h: wanted a duration from 0s to 168h"),
        (("--timeout", "2"), "--timeout 2: wanted a duration"),
        (("--min-requests", "-1"), "min-requests"),
        ((), "--reason"),
    ],
)
async def test_bad_usage_ends_with_2_and_sends_nothing(words: tuple[str, ...], said: str) -> None:
    told = walking()
    ran = await asked(told, *words)
    assert (ran.code, told.changes) == (2, [])
    assert said in ran.err


async def test_when_nothing_answers_the_exit_code_is_1() -> None:
    address = unused_address()
    ran = await run(ramp.command, "hybrid", *WAIT, *WHY, "--admin", address)
    assert ran.code == 1
    assert f"Nothing answers at http://{address}" in ran.err
