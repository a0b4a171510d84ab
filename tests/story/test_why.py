"""The promise of `crossfade why`: one command tells how a request was answered, and why."""

import http.client
import json
from pathlib import Path

from tests.kit.running import RunningProxy
from tests.story.operator import command

GENERATING = '''"""Answers by itself, and remembers why."""
import time

from proxy.api import Application, Note, Use, hook, json_reply


class Remembering(Application):
    def __init__(self, settings):
        super().__init__(settings)
        self.known = {}

    @hook
    async def explain(self, request_id):
        return self.known.get(request_id, ())


class Generating(Use):
    application: Remembering

    @hook
    async def dispatch(self, request, body):
        note = Note(time.time(), "routed", "to the deployment east: it is the cheapest")
        self.application.known[request.id] = (note,)
        return json_reply({"made": True})
'''

FORGETFUL = '''"""Is asked, and fails."""
from proxy.api import Application, hook


class Forgetful(Application):
    @hook
    async def explain(self, request_id):
        raise KeyError(request_id)
'''


def config_of(folder: Path) -> dict[str, object]:
    (folder / "generating.py").write_text(GENERATING)
    (folder / "forgetful.py").write_text(FORGETFUL)
    return {
        "upstreams": {"legacy": {"url": "http://127.0.0.1:9"}},
        "identity": {"key": ["cookie:sid"]},
        "rollouts": {"hybrid": {"percentage": 100}},
        "plugins": {"path": [str(folder)], "generating": {}, "forgetful": {}},
        "routes": [
            {
                "name": "all",
                "match": {"path": "/**"},
                "rollout": "hybrid",
                "arms": {"legacy": {"upstream": "legacy"}, "new": {"plugin": "generating"}},
            }
        ],
    }


def asked(proxy: RunningProxy) -> str:
    """The id of a request that was answered."""
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    connection.request("POST", "/campaigns", body=b"{}", headers={"Cookie": "sid=somebody"})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"made":true}')
    connection.close()
    return answer.headers["X-Request-Id"]


def test_one_command_tells_how_a_request_was_answered_and_why(tmp_path: Path) -> None:
    with RunningProxy(config_of(tmp_path)) as proxy:
        request_id = asked(proxy)
        admin = ("--admin", f"http://127.0.0.1:{proxy.admin_port}")
        told = command("why", request_id, *admin, "--json")
        assert told.returncode == 0, told.stderr
        found = json.loads(told.stdout)
        assert [(note["who"], note["what"]) for note in found["notes"]] == [
            ("crossfade", "decided"),
            ("generating", "routed"),
            ("forgetful", "silent"),
        ]
        assert found["notes"][0]["why"].startswith("new by percentage, bucket ")
        assert "somebody" not in told.stdout
        shown = command("why", request_id, *admin)
        assert "to the deployment east: it is the cheapest" in shown.stdout
        unknown = command("why", "nobody-has-sent-this", *admin)
        assert (unknown.returncode, unknown.stdout) == (1, "")
        assert "Failed to say: forgetful" in unknown.stderr
