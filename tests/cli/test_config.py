"""`crossfade config` against a real admin listener."""

import orjson
import pytest

from proxy.cli.config import app
from proxy.controlplane.status import ReloadOutcome
from tests.cli.asking import run
from tests.controlplane.admin_view import View, admin_serving

TOKENS = [{"name": "ops", "role": "operator", "token": "the token of an operator"}]


async def test_the_history_is_a_table_with_the_reason_for_each_generation() -> None:
    async with admin_serving(View()) as url:
        ran = await run(app, "history", "--admin", url)
    lines = [line.rstrip() for line in ran.out.splitlines()]
    assert (ran.code, lines) == (
        0,
        [
            "generation  since                    digest        note",
            "2           2023-11-14 22:13:20 UTC  cdcdcdcdcdcd  Crossfade started",
            "3           2023-11-14 22:14:20 UTC  abababababab  the plugin headers changed",
        ],
    )


async def test_the_history_for_a_machine_is_json() -> None:
    async with admin_serving(View()) as url:
        ran = await run(app, "history", "--json", "--admin", url)
    assert [one["number"] for one in orjson.loads(ran.out)["generations"]] == [2, 3]


async def test_a_rollback_asks_for_the_generation_and_tells_which_one_it_became() -> None:
    view = View()
    async with admin_serving(view, TOKENS) as url:
        ran = await run(app, "rollback", "2", "--admin", url, token="the token of an operator")
    assert (ran.code, ran.out) == (
        0,
        "What generation 2 was made of now serves (generation 4).\n",
    )
    assert view.rollbacks == [(2, "ops")]


@pytest.mark.parametrize("words", [(), ("--json",)])
async def test_a_rollback_that_cannot_be_exits_with_1_and_says_why(words: tuple[str, ...]) -> None:
    view = View()
    view.outcome = ReloadOutcome(False, False, 3, problems=("generation 1 is not remembered",))
    async with admin_serving(view) as url:
        ran = await run(app, "rollback", "1", "--admin", url, *words)
    assert ran.code == 1
    assert "generation 1 is not remembered" in (ran.out if words else ran.err)


async def test_a_generation_is_named_by_its_number() -> None:
    assert (await run(app, "rollback", "last")).code == 2
