"""`crossfade reload` against a real admin listener."""

from dataclasses import replace

import orjson
import pytest

from proxy.cli import reload
from proxy.controlplane.preview import RolloutPreview
from proxy.controlplane.status import ReloadOutcome
from tests.cli.asking import run, unused_address
from tests.controlplane.admin_view import View, admin_serving

PROBLEM = "config.yaml:3:1 listen: wrong"
REFUSED = ReloadOutcome(done=False, changed=False, generation=3, problems=(PROBLEM,))
MOVES = (
    RolloutPreview("hybrid", "hybrid", 200, 20, 1, 10.0, 0.5, rebucketed=False),
    RolloutPreview("quiet", "quiet", 0, 0, 0, 0.0, 0.0, rebucketed=False),
    RolloutPreview("same", "same", 7, 0, 0, 0.0, 0.0, rebucketed=False, note="tier is not known"),
    RolloutPreview("old", "renamed", 4, 2, 0, 50.0, 0.0, rebucketed=True),
    RolloutPreview("ended", "", 0, 0, 0, 0.0, 0.0, rebucketed=False),
)
TOKENS = [{"name": "looks", "role": "viewer", "token": "the token of a viewer"}]


async def test_a_file_that_serves_is_told_with_its_generation() -> None:
    view = View()
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--admin", url)
    assert (ran.code, ran.out, view.reloads) == (
        0,
        "The configuration now serves (generation 4).\n",
        1,
    )


async def test_a_file_that_has_not_changed_is_told_so() -> None:
    view = View()
    view.outcome = ReloadOutcome(done=True, changed=False, generation=3)
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--admin", url)
    assert ran.code == 0
    assert "has not changed" in ran.out


async def test_a_refused_file_is_told_with_its_problems_and_the_exit_code_is_1() -> None:
    view = View()
    view.outcome = REFUSED
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--admin", url)
    assert (ran.code, ran.out) == (1, "")
    assert PROBLEM in ran.err
    assert "the old one goes on serving" in ran.err


@pytest.mark.parametrize(("outcome", "code"), [(REFUSED, 1), (None, 0)])
async def test_for_a_machine_it_is_json(outcome: ReloadOutcome | None, code: int) -> None:
    view = View()
    view.outcome = outcome or view.outcome
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--json", "--admin", url)
    assert ran.code == code
    assert orjson.loads(ran.out)["done"] is (code == 0)


async def test_a_token_that_only_looks_is_told_what_is_needed() -> None:
    view = View()
    async with admin_serving(view, TOKENS) as url:
        ran = await run(reload.command, "--admin", url, token="the token of a viewer")
    assert (ran.code, view.reloads) == (1, 0)
    assert "operator" in ran.err


async def test_who_changes_sides_is_told_rollout_by_rollout() -> None:
    view = View()
    view.outcome = replace(view.outcome, moves=MOVES)
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--admin", url)
    assert ran.out.splitlines()[1:] == [
        "  hybrid: of 200 callers seen last 20 to new (10 %), 1 back to legacy (0.5 %)",
        "  quiet: no callers seen yet",
        "  same: nobody of 7 callers seen last changes sides",
        "    tier is not known",
        "  old (then renamed): of 4 callers seen last 2 to new (50 %), 0 back to legacy (0 %)",
        "  ended (then without a rollout): no callers seen yet",
    ]


async def test_what_a_reload_released_is_told() -> None:
    view = View()
    view.outcome = ReloadOutcome(True, False, 3, released=("headers on route campaigns",))
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--admin", url)
    assert "released from quarantine: headers on route campaigns" in ran.out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (True, "The configuration would serve; nothing has changed yet (generation 3 serves)."),
        (False, "The configuration has not changed (generation 3 serves)."),
    ],
)
async def test_a_dry_run_says_what_would_be(said: str, *, changed: bool) -> None:
    view = View()
    view.outcome = ReloadOutcome(done=True, changed=changed, generation=3, dry_run=True)
    async with admin_serving(view) as url:
        ran = await run(reload.command, "--dry-run", "--admin", url)
    assert (ran.code, ran.out) == (0, said + "\n")
    assert view.asked == [{"dry_run": True, "release": True, "file": ""}]


async def test_a_dry_run_may_take_another_file() -> None:
    view = View()
    async with admin_serving(view) as url:
        await run(reload.command, "--dry-run", "--file", "a b&c.yaml", "--admin", url)
        refused = await run(reload.command, "--dry-run", "--file", "a/b", "--admin", url)
    assert [one["file"] for one in view.asked] == ["a b&c.yaml"]
    assert refused.code == 1
    assert "plain name" in refused.err


async def test_another_file_goes_only_with_a_dry_run() -> None:
    ran = await run(reload.command, "--file", "next.yaml", "--admin", unused_address())
    assert ran.code == 2
    assert "--file goes with --dry-run" in ran.err
