"""The page that keeps the legacy campaign API, served: its configuration, in a real proxy."""

import re
from pathlib import Path
from typing import Any

import yaml

from plugins.transform.profiles import PROFILES
from plugins.transform.profiles.huntaze_campaigns import TYPES
from proxy.api import Reply
from proxy.api.testing import real_proxy

PAGE = Path(__file__).resolve().parents[3] / "docs" / "howto" / "keep-the-legacy-api.md"
TEXT = PAGE.read_text(encoding="utf-8")

# Stands where the page has the orchestrator.
PARROT = '''
"""Answers each intent with what it is about."""

from proxy.api import Reply, Request, Use, WorkflowIntent, hook, json_reply


class Parrot(Use):
    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        intent = WorkflowIntent.model_validate_json(body)
        content = f"{intent.type} for {intent.user_id}"
        return json_reply({"workflowId": "w", "status": "completed", "content": content})
'''
ANN = {"Cookie": "sid=ann", "Accept-Encoding": "gzip"}
PLAN = {"user_id": "u-1", "action": "create_post", "payload": {"theme": "autumn"}}


def of_the_page(percentage: int) -> str:
    """The page's configuration, with somebody else as new and keys that need no secret."""
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    config: dict[str, Any] = yaml.safe_load(block.replace("plugin: orchestrator", "plugin: parrot"))
    for key in ("listen", "upstreams", "plugins"):
        del config[key]
    config["identity"] = {"key": ["cookie:sid"]}
    config["rollouts"] = {"hybrid-orchestrator": {"percentage": percentage}}
    return yaml.safe_dump(config)


async def test_clients_of_the_legacy_campaign_api_notice_nothing() -> None:
    async with real_proxy(of_the_page(100), plugins={"parrot": PARROT}) as proxy:
        answer = await proxy.post("/api/campaigns", json=PLAN, headers=ANN)
        wanted = {"message": "content_planning for u-1", "data": {"theme": "autumn"}}
        assert answer.json() == {"status": "success", "result": wanted, "data": wanted}
        assert answer.headers.get("X-API-Version") == "v1-legacy-compatible"
        assert answer.headers.get("X-Crossfade-Arm") == "new"
        answer = await proxy.post("/api/content/generate", json={}, headers=ANN)
        assert answer.json()["content"] == "content_planning for unknown"
        assert not proxy.upstream.requests

        unknown = {**PLAN, "action": "schedule"}
        answer = await proxy.post("/api/campaigns", json=unknown, headers=ANN)
        assert answer.headers.get("X-Crossfade-Reason") == "declined"
        assert proxy.upstream.last.json() == unknown
        assert proxy.upstream.last.headers.get("Accept-Encoding") == "gzip"
        text = {"recipient_id": "fan-9", "message": "My own words."}
        await proxy.post("/api/messages/send", json=text, headers=ANN)
        assert proxy.upstream.last.json() == text

        proxy.edit_config(of_the_page(0))
        await proxy.reload()
        proxy.upstream.reply_next(Reply(200, {"X-Provider": "legacy"}, b'{ "status" : 1 }'))
        answer = await proxy.post("/api/campaigns", body=b'{ "action" : 1 }', headers=ANN)
        assert proxy.upstream.last.body == b'{ "action" : 1 }'
        assert proxy.upstream.last.headers.get("Accept-Encoding") == "gzip"
        assert (answer.text, answer.headers.get("X-Provider")) == ('{ "status" : 1 }', "legacy")


def test_the_page_names_every_action_and_path() -> None:
    assert {name for name in TYPES if f"`{name}`" not in TEXT} == set()
    assert {path for _, path in PROFILES["huntaze-campaigns"] if f"`POST {path}`" not in TEXT} == (
        set()
    )
