"""Advice comes of what was spent, is followed by one command, and is undone without a trace."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.provider.process import ProviderProcess
from tests.kit.running import RunningProxy, wait_until
from tests.story.operator import Admin, command
from tests.story.orchestrated import KEYS

FILE = """\
# Ours. Talk to Ada before you change it.
listen: 127.0.0.1:{port}
admin:
  listen: 127.0.0.1:{admin_port}     # loopback

upstreams: {{legacy: {{url: "http://127.0.0.1:9"}}}}
identity: {{key: ["cookie:sid"]}}
routes:
  - {{name: all, match: {{path: "/**"}}, plugin: orchestrator}}

plugins:
  cost_meter:
    journal: sqlite:{folder}/costs.db
    advice: {{min_days: 0, min_sample: 20, every: 1h}}   # a short story
  orchestrator:
    providers:
      azure: {{kind: azure, endpoint: "{azure}", key: "${{CROSSFADE_TEST_KEY}}"}}
      openai: {{kind: openai, endpoint: "{openai}", key: "${{CROSSFADE_TEST_KEY}}"}}
    deployments:
      east:                          # the dear one
        provider: azure
        model: gpt-4o
        price: {{input: "2.50", output: "10.00"}}
      mine: {{provider: openai, model: gpt-4o, price: {{input: "1.25", output: "5.00"}}}}
    cache: {{use: never}}
"""
FEW = 20


@pytest.fixture
def provider() -> Iterator[ProviderProcess]:
    there = ProviderProcess()
    there.start()
    try:
        yield there
    finally:
        there.stop()


def text_of(proxy: RunningProxy, there: ProviderProcess, folder: Path) -> str:
    return FILE.format(
        port=proxy.port,
        admin_port=proxy.admin_port,
        folder=folder,
        azure=there.url_azure,
        openai=there.url_openai,
    )


def ask(proxy: RunningProxy, there: ProviderProcess, count: int) -> list[str]:
    """Have so many workflows run; at which dialect they were asked."""
    before = len(there.calls())
    for number in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
        intent = {"type": "content_planning", "userId": "u", "data": {"theme": f"rain {number}"}}
        connection.request("POST", "/", json.dumps(intent), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()
    return [call["dialect"] for call in there.calls()[before:]]


def crossfade(proxy: RunningProxy, *words: str) -> str:
    """What a command of ours prints."""
    ended = command(*words, "--config", str(proxy.file), env=KEYS)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_advice_is_followed_by_a_command_and_undone_without_a_trace(
    provider: ProviderProcess, tmp_path: Path
) -> None:
    with RunningProxy({"upstreams": {"legacy": {"url": "http://127.0.0.1:9"}}}, KEYS) as proxy:
        admin, before = Admin(proxy), text_of(proxy, provider, tmp_path)
        proxy.write_text(before)
        status, outcome = admin.reload()
        assert status == 200, outcome["problems"]
        assert set(ask(proxy, provider, FEW)) == {"azure"}

        def advised() -> bool:  # what has just ended may not be written yet
            status, listed = admin.ask("/plugins/cost_meter/advice/look", "POST", {})
            assert status == 200, listed
            found = {one["rule"]: one for one in json.loads(listed)["advice"]}
            advice.update(found.get("switch", {}))
            return bool(advice)

        advice: dict[str, str] = {}
        wait_until(advised, "there is advice")
        assert advice["says"] in crossfade(proxy, "advice", "list")
        assert "before east" in advice["says"]
        assert "plugins.orchestrator.deployments.east.weight: nothing -> 0" in crossfade(
            proxy, "advice", "show", advice["id"]
        )

        said = crossfade(proxy, "advice", "approve", advice["id"])
        assert "is followed; the configuration was changed" in said
        price = '        price: {input: "2.50", output: "10.00"}\n'
        after = before.replace(price, f"{price}        weight: 0\n", 1)
        assert proxy.file.read_text() == after
        assert not admin.stale()
        assert set(ask(proxy, provider, 3)) == {"openai"}
        notes = [entry["note"] for entry in admin.status()["history"]]
        assert notes[-1].startswith(f"advice {advice['id']}: switch east (by ")

        again = command("advice", "approve", advice["id"], "--config", str(proxy.file), env=KEYS)
        assert again.returncode != 0
        assert "is followed already" in again.stderr

        crossfade(proxy, "advice", "undo", advice["id"])
        assert proxy.file.read_text() == before
        assert set(ask(proxy, provider, 3)) == {"azure"}
        assert not admin.stale()
