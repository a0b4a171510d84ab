"""In a real proxy: on routes of every kind, over reloads, and on the command line."""

import asyncio
from collections.abc import Mapping
from typing import Any

import jwt
import yaml
from typer.testing import CliRunner

from plugins.rate_limit.views import ME
from proxy.api.testing import RealProxy, Response, real_proxy
from proxy.cli.main import app
from tests.kit.running import faults, free_port

SECRET = "a secret that only the tests and the proxy know, of enough bytes"
BY_USER = {"scope": ["user"], "windows": [{"limit": 3, "per": "1h"}]}
BY_FAN = {"scope": ["recipient"], "windows": [{"limit": 2, "per": "1h"}]}

# Leaves to legacy what it is asked to leave.
CHOOSY = """
from proxy.api import Reply, Request, Unserved, Use, hook


class Choosy(Use):
    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        if b"leave" in body:
            raise Unserved(Reply(503))
        return Reply(200, body=b"new")
"""


def config(limit: int = 3, port: int = 0) -> str:
    rules = {"person": BY_USER | {"windows": [{"limit": limit, "per": "1h"}]}, "fan": BY_FAN}
    said: dict[str, Any] = {
        "identity": {
            "key": ["jwt:sub"],
            "jwt": {"bearer": True, "secret": SECRET},
        },
        "rollouts": {"r": {"percentage": 100, "missing_key": "new"}},
        "routes": [
            {
                "name": "split",
                "match": {"path": "/split"},
                "rollout": "r",
                "arms": {"legacy": {"upstream": "legacy"}, "new": {"plugin": "choosy"}},
                "plugins": [{"rate_limit": {"rules": ["fan"]}}],
            },
            {
                "name": "legacy-only",
                "match": {"path": "/of-legacy"},
                "rollout": "r",
                "arms": {"legacy": {"upstream": "legacy"}, "new": {"plugin": "choosy"}},
                "plugins": [{"rate_limit": {"rules": ["fan"], "arm": "legacy"}}],
            },
            {
                "name": "all",
                "match": {"path": "/**"},
                "upstream": "legacy",
                "plugins": [{"rate_limit": {"rules": ["person"]}}],
            },
        ],
        "plugins": {"path": ["plugins"], "rate_limit": {"rules": rules}},
    }
    if port:
        said["admin"] = {"listen": f"127.0.0.1:{port}"}
    return yaml.safe_dump(said, sort_keys=False)


def token(user: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {jwt.encode({'sub': user}, SECRET, 'HS256')}"}


ANN, BOB = token("ann"), token("bob")


async def statuses(proxy: RealProxy, times: int, who: Mapping[str, str]) -> list[int]:
    return [(await proxy.get("/a", headers=who)).status for _ in range(times)]


async def to_fan(proxy: RealProxy, fan: str, path: str = "/split", text: str = "hi") -> Response:
    return await proxy.post(path, json={"recipientId": fan, "content": text})


async def test_limits_hold_on_every_kind_of_route() -> None:
    async with real_proxy(config(), plugins={"choosy": CHOOSY}) as proxy:
        assert await statuses(proxy, 4, ANN) == [200, 200, 200, 429]
        assert await statuses(proxy, 4, {"X-User-Id": "eve"}) == [200, 200, 200, 429]
        answer = await proxy.get("/a", headers=BOB)
        assert answer.headers.get("ratelimit") == '"person";r=2;t=3600'
        assert len(proxy.upstream.requests) == 7
        mine = await proxy.get(ME, headers=ANN)
        assert [one["remaining"] for one in mine.json()["data"]["windows"]] == [0]

        answers = [await to_fan(proxy, "fan-1") for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        assert [one.headers.get("x-crossfade-arm") for one in answers] == ["new"] * 3
        assert answers[1].text == "new"
        assert all('"fan";r=0;t=' in (one.headers.get("ratelimit") or "") for one in answers[1:])

        # What new leaves to legacy is counted once.
        answers = [await to_fan(proxy, "fan-2", text="leave it") for _ in range(3)]
        assert [one.status for one in answers] == [200, 200, 429]
        assert answers[0].headers.get("x-crossfade-reason") == "declined"
        assert (answers[0].headers.get("ratelimit") or "").startswith('"fan";r=1;t=')

        # A use for legacy alone counts what reaches legacy.
        new = [(await to_fan(proxy, "fan-3", "/of-legacy")).status for _ in range(3)]
        left = [(await to_fan(proxy, "fan-3", "/of-legacy", "leave")).status for _ in range(3)]
        assert (new, left) == ([200] * 3, [200, 200, 429])
        assert faults(proxy.log) == []


async def test_a_reload_forgets_nothing_and_operators_see_and_clear_by_commands() -> None:
    port = free_port()
    async with real_proxy(config(port=port), plugins={"choosy": CHOOSY}) as proxy:
        file = str(proxy.folder / "config.yaml")

        async def crossfade(*words: str) -> str:
            ran = await asyncio.to_thread(
                CliRunner().invoke, app, ["rate_limit", *words, "--config", file]
            )
            return " ".join(ran.output.split())

        assert await statuses(proxy, 5, ANN) == [200, 200, 200, 429, 429]
        assert await crossfade("rules") == (
            "person log 3 in 1h requests by user: reject "
            "fan log 2 in 1h requests by recipient: reject"
        )
        assert await crossfade("user", "ann") == "person 0 of 3 requests left, more in 3600 s"
        assert "fan 2 of 2 requests left" in await crossfade("user", "ann", "--recipient", "x")
        assert await crossfade("global") == ""
        violations = await crossfade("violations")
        assert violations.startswith("person ann 2 this minute, 2 this hour, 2 today; last 20")

        proxy.edit_config(config(limit=5, port=port))
        assert (await proxy.reload()).done
        assert await statuses(proxy, 3, ANN) == [200, 200, 429]
        assert (await crossfade("violations")).startswith("person ann 3 this minute")

        assert await crossfade("clear", "person", "--user", "ann") == "cleared: person"
        assert await crossfade("user", "ann") == "person 5 of 5 requests left"
        assert "Rule fan counts by recipient" in await crossfade("clear", "fan")

        proxy.edit_config(config(port=port).replace("- person", "- nobody"))
        reloaded = await proxy.reload()
        assert not reloaded.done
        assert "there is no nobody; there are fan, person" in reloaded.problems[0]
