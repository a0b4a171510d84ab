"""The commands print what the admin listener says."""

import pytest

from tests.plugins.notify.receiving import Answer
from tests.plugins.notify.telling import alert, telling


async def test_a_test_says_what_the_channel_answers_and_fails_if_it_refuses(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with telling() as on:
        await on.plugin.commands.run("test", "hook")
        assert capsys.readouterr().out == "hook has taken it: 200 ok\n"
        on.there.answers = [Answer(404, "gone")]
        with pytest.raises(SystemExit, match="1"):
            await on.plugin.commands.run("test", "hook")
        assert capsys.readouterr().err == "hook has not taken it: answered 404 gone\n"


async def test_dead_ones_are_listed_tried_again_and_forgotten(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with telling() as on:
        on.there.answers = [Answer(422, "no"), Answer(422, "no")]
        on.raised(alert())
        await on.received(1)
        await on.settled()
        await on.plugin.commands.run("list", dead=True)
        assert "messages_dead: queue  dead since" in capsys.readouterr().out
        await on.plugin.commands.run("channels")
        assert "0 waiting, 1 dead  failing, 1 times: answered 422 no" in capsys.readouterr().out
        await on.plugin.commands.run("retry", all=True)
        assert capsys.readouterr().out == "1 deliveries are tried again\n"
        await on.received(2)
        await on.settled()
        await on.plugin.commands.run("drop", channel="hook")
        assert capsys.readouterr().out == "1 deliveries are forgotten\n"
        await on.plugin.commands.run("list", json=True)
        assert '"deliveries": []' in capsys.readouterr().out
        await on.plugin.commands.run("list")
        await on.plugin.commands.run("list", dead=True)
        assert capsys.readouterr().out == "nothing waits\nnothing is dead\n"


async def test_which_are_meant_has_to_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    async with telling() as on:
        with pytest.raises(SystemExit, match="2"):
            await on.plugin.commands.run("retry")
        assert "one of --id ID, --channel NAME and --all" in capsys.readouterr().err
