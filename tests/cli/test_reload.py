"""`crossfade reload` against a real admin listener."""

import orjson
import pytest

from proxy.cli import reload
from proxy.controlplane.status import ReloadOutcome
from tests.cli.asking import run
from tests.controlplane.admin_view import View, admin_serving

PROBLEM = "config.yaml:3:1 listen: wrong"
REFUSED = ReloadOutcome(done=False, changed=False, generation=3, problems=(PROBLEM,))
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
