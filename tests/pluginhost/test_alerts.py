"""Alerts reach every application, once, and never go round in circles."""

from pathlib import Path
from typing import Any

import pytest

from proxy.api import Alert, Move
from tests.pluginhost.hosting import Hosting, application, log_lines

LISTENING = """
class Listening(Application):
    @hook
    async def startup(self, services):
        self.services = services
        self.heard = []

    @hook
    def alert_raised(self, alert):
        self.heard.append(alert.name)
        BODY

    @hook
    def rollout_moved(self, move):
        self.heard.append(move.rollout)
        BODY
"""


class Listeners:
    """A host that serves some listening applications."""

    def __init__(self, folder: Path, **bodies: str) -> None:
        self.hosting = Hosting(folder)
        self.names = list(bodies)
        for name, body in bodies.items():
            self.hosting.write(name, LISTENING.replace("BODY", body))

    async def serve(self) -> None:
        self.plugins = await self.hosting.serve(*map(application, self.names))
        self.host = self.hosting.host

    def heard(self, name: str) -> list[str]:
        number = self.names.index(name)
        heard: list[str] = self.plugins.applications[number].application.heard  # type: ignore[attr-defined]
        return heard


LOST = Alert("upstream_lost", "legacy", "nobody answers")


async def test_every_application_hears_an_alert_and_the_log_does(tmp_path: Path) -> None:
    listeners = Listeners(tmp_path, one="pass", two="pass")
    await listeners.serve()
    with log_lines() as lines:
        listeners.host.alert(LOST)
    assert (listeners.heard("one"), listeners.heard("two")) == (["upstream_lost"],) * 2
    assert [(line["event"], line["alert"], line["subject"]) for line in lines] == [
        ("alert", "upstream_lost", "legacy")
    ]
    await listeners.host.close()
    listeners.host.alert(LOST)
    assert listeners.heard("one") == ["upstream_lost"]


async def test_every_application_hears_of_a_move(tmp_path: Path) -> None:
    listeners = Listeners(tmp_path, one="raise KeyError", two="pass")
    await listeners.serve()
    listeners.host.moved(Move("hybrid", 5, 25, "ops", "all is well"))
    assert (listeners.heard("one"), listeners.heard("two")) == (["hybrid"], ["hybrid"])
    assert [key.hook for key in listeners.host.faults.counts()] == ["rollout_moved"]
    await listeners.host.close()


@pytest.mark.parametrize("body", ["raise KeyError", "raise SystemExit(3)"])
async def test_who_fails_to_listen_is_quarantined_and_the_others_hear_of_it(
    tmp_path: Path, body: str
) -> None:
    listeners = Listeners(tmp_path, one=body, two="pass")
    await listeners.serve()
    for _ in range(12):
        listeners.host.alert(LOST)
    assert listeners.heard("one") == ["upstream_lost"] * 10
    assert listeners.heard("two").count("plugin_quarantined") == 1
    assert listeners.heard("two").count("upstream_lost") == 12
    listeners.plugins.release_quarantine("one")
    listeners.host.alert(LOST)
    assert len(listeners.heard("one")) == 11
    await listeners.host.close()


async def test_an_alert_that_raises_an_alert_comes_to_an_end(tmp_path: Path) -> None:
    again = 'self.services.alert(Alert("again", "x", "y"))'
    listeners = Listeners(tmp_path, one=again, two=again)
    await listeners.serve()
    with log_lines() as lines:
        listeners.host.alert(LOST)
    assert listeners.heard("one") == ["upstream_lost", "again", "again"]
    assert listeners.heard("two") == ["again", "upstream_lost", "again"]
    untold = [line for line in lines if not line["told"]]
    assert (len(lines), len(untold)) == (7, 4)
    await listeners.host.close()


async def test_an_alert_is_short_and_cannot_write_lines_of_its_own(tmp_path: Path) -> None:
    listeners = Listeners(tmp_path, one="pass")
    await listeners.serve()
    with log_lines() as lines:
        listeners.host.alert(Alert("name", "sub\nject", "x" * 5000))
    line: dict[str, Any] = lines[0]
    assert (line["subject"], len(line["text"])) == ("sub\\nject", 1000)
    await listeners.host.close()
