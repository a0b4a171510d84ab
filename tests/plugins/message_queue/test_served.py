"""In a real proxy: clients, operators, reloads; every message is sent once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple

import jwt
from typer.testing import CliRunner

from plugins.message_queue.paths import MESSAGES, STATS
from proxy.api.testing import RealProxy, Response, real_proxy
from proxy.cli.main import app
from tests.kit.onlyfans import OnlyFans, answer, onlyfans, status

SECRET = "a secret that only the legacy system and the proxy know, of enough bytes"
CONFIG = """
identity:
  key: [jwt:sub]
  jwt: {bearer: true, secret: "${JWT_SECRET}"}
rollouts:
  messages: {percentage: 100, missing_key: new}
routes:
  - name: send
    match: {path: /api/messages/send}
    rollout: messages
    arms: {legacy: {upstream: legacy}, new: {plugin: message_queue}}
plugins:
  message_queue:
    store: sqlite:queue.db
    gateway: {url: "${PLATFORM}", token: "${TOKEN}"}
    limits: []
    wait: %s
"""


class Serving(NamedTuple):
    """The proxy and the platform behind it."""

    proxy: RealProxy
    there: OnlyFans

    async def send(self, user: str = "ann", key: str = "", **more: Any) -> Response:
        body = {"recipientId": "fan-1", "content": "Hi", "humanApproval": approval(), **more}
        headers = bearer(user) | ({"Idempotency-Key": key} if key else {})
        return await self.proxy.post(MESSAGES, headers=headers, json=body)

    async def look(self, message_id: str, user: str = "ann") -> Any:
        found = await self.proxy.get(f"{MESSAGES}/{message_id}", headers=bearer(user))
        return found.json()["data"]

    async def queue(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a command `crossfade queue …`; its exit code and what it prints."""
        config = str(self.proxy.folder / "config.yaml")
        env = {"NO_COLOR": "1", "JWT_SECRET": SECRET, "PLATFORM": "http://127.0.0.1:1"}
        run = CliRunner().invoke
        said = ["queue", *words, "--config", config]
        result = await asyncio.to_thread(run, app, said, env=env | {"TOKEN": "t"}, input=typed)
        return result.exit_code, result.output


def bearer(user: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt.encode({'sub': user}, SECRET, 'HS256')}"}


def approval() -> dict[str, str]:
    return {"approvedBy": "mia", "approvedAt": datetime.now(UTC).isoformat()}


@asynccontextmanager
async def serving(wait: str = "2s") -> AsyncIterator[Serving]:
    async with onlyfans(token="t-platform") as there:
        env = {"JWT_SECRET": SECRET, "PLATFORM": there.url, "TOKEN": "t-platform"}
        async with real_proxy(CONFIG % wait, env=env) as proxy:
            yield Serving(proxy, there)


async def test_clients_of_both_apis_are_served() -> None:
    async with serving() as on:
        await _a_client_sends_a_message_and_looks_it_up(on)
        await _legacys_clients_are_served_in_its_words_or_by_it(on)
        assert len({one.key for one in on.there.executions}) == 2


async def _a_client_sends_a_message_and_looks_it_up(on: Serving) -> None:
    reply = await on.send(key="k1")
    assert reply.status == 200, reply.text
    assert reply.headers.get("X-Provider") == "direct"
    made = reply.json()["data"]["messageId"]
    assert (await on.look(made))["status"] == "sent"
    assert (await on.send(key="k1")).headers.get("Idempotency-Replayed") == "true"
    nobody = await on.proxy.get(f"{MESSAGES}/{made}")
    assert nobody.status == 401
    other = await on.proxy.get(f"{MESSAGES}/{made}", headers=bearer("bob"))
    assert other.status == 404
    gone = await on.proxy.request("DELETE", f"{MESSAGES}/{made}", headers=bearer("ann"))
    assert gone.status == 409
    health = await on.proxy.post(STATS)
    assert (health.status, health.json()["status"]) == (200, "healthy")
    assert len(on.there.executions) == 1


async def _legacys_clients_are_served_in_its_words_or_by_it(on: Serving) -> None:
    body = {"recipient_id": "fan-1", "message": "Hi", "humanApproval": approval()}
    path = "/api/messages/send"
    queued = await on.proxy.post(path, headers=bearer("ann"), json=body)
    assert (queued.status, queued.json()["status"]) == (200, "queued")
    assert queued.headers.get("X-Crossfade-Arm") == "new"
    await on.there.executed(2)
    for headers, said in (({}, body), (bearer("ann"), body | {"humanApproval": None})):
        left = await on.proxy.post(path, headers=headers, json=said)
        assert left.headers.get("X-Crossfade-Arm") == "legacy"
    assert (await on.proxy.get(path)).headers.get("X-Crossfade-Arm") == "legacy"
    assert [one.method for one in on.proxy.upstream.requests] == ["POST", "POST", "GET"]
    assert len(on.there.executions) == 2


async def test_a_reload_loses_nothing_and_sends_nothing_twice() -> None:
    async with serving(wait="1ms") as on:
        on.there.stand("*", answer(after=0.3))
        before = [(await on.send(f"u{n}")).json()["data"]["messageId"] for n in range(4)]
        on.proxy.edit_config(CONFIG % "20ms")
        assert (await on.proxy.reload()).changed
        after = [(await on.send(f"v{n}")).json()["data"]["messageId"] for n in range(4)]
        await on.there.executed(8)
        await on.there.ended(8)
        assert sorted(one.key for one in on.there.executions) == sorted(before + after)


async def test_operators_see_the_queue_and_change_what_waits() -> None:
    async with serving() as on:
        await _one_by_one(on)
        await _many_at_once(on)
        await _what_is_paused_waits(on)
        assert len({one.key for one in on.there.executions}) == len(on.there.executions) == 3


async def _one_by_one(on: Serving) -> None:
    on.there.script("*", status(422), status(500))
    dead = (await on.send()).json()["data"]["messageId"]
    uncertain = (await on.send("bob")).json()["data"]["messageId"]
    code, said = await on.queue("stats")
    assert (code, "1 medium" in said) == (0, True), said
    code, said = await on.queue("list", "--state", "dead", "--priority", "medium", "--user", "ann")
    assert (code, said.split()[0], "VALIDATION_ERROR" in said) == (0, dead, True)
    assert (await on.queue("list", "--json"))[1].startswith("{")
    assert "Hi" not in (await on.queue("show", dead))[1]
    assert '"text": "Hi"' in (await on.queue("show", dead, "--text"))[1]
    assert await on.queue("settle", uncertain, "sent") == (0, f"{uncertain} is sent\n")
    assert await on.queue("requeue", dead) == (0, f"{dead} is queued\n")
    await on.there.executed(1)
    code, said = await on.queue("cancel", dead)
    assert (code, "This message is" in said) == (1, True)


async def _many_at_once(on: Serving) -> None:
    on.there.script("*", status(422), status(422))
    for user in ("ann", "bob"):
        await on.send(user)
    code, said = await on.queue("replay", "--state", "dead")
    assert code == 1
    assert said.startswith("2 messages would be requeued.\nType their number")
    assert said.endswith("Nothing was done. Type the number, or say --yes.\n")
    assert (await on.queue("replay", typed="3\n"))[0] == 1
    assert await on.queue("replay", "--user", "bob", "--yes") == (
        0,
        "1 messages requeued\n",
    )
    await on.there.executed(1)
    code, said = await on.queue("purge", "dead", "--older-than", "7d", "--yes")
    assert (code, said) == (0, "0 messages removed\n")
    assert (await on.queue("purge", "dead", "--older-than", "7"))[0] == 2
    code, said = await on.queue("purge", "dead", typed="1\n")
    assert (code, said.endswith("1 messages removed\n")) == (0, True)
    assert await on.queue("replay", "--state", "dead") == (0, "0 messages would be requeued.\n")


async def _what_is_paused_waits(on: Serving) -> None:
    assert await on.queue("pause", "user:ann") == (0, "user:ann is paused\n")
    assert await on.queue("pause", "user:ann") == (0, "user:ann was paused already\n")
    waiting = (await on.send()).json()["data"]
    assert waiting["status"] == "queued"
    assert (await on.queue("stats"))[1].count("user:ann is paused") == 1
    assert await on.queue("resume", "user:ann") == (0, "user:ann goes on\n")
    await on.there.executed()
    assert await on.queue("resume", "user:ann") == (0, "user:ann was not paused\n")
    held = await on.queue("approve", waiting["messageId"], "--by", "mia")
    assert held[0] == 1
    given_up = await on.queue("dead", waiting["messageId"])
    assert given_up[0] == 1
