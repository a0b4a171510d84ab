"""Legacy's way to send a message, on both arms: its words, one count for both, never both."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from proxy.api import Reply, json_reply
from proxy.api.testing import RealProxy, Response, real_proxy
from tests.kit.onlyfans import OnlyFans, onlyfans
from tests.plugins.message_queue.test_served import SECRET, approval, bearer

PATH = "/api/messages/send"
CONFIG = """
identity:
  key: [jwt:sub]
  jwt: {bearer: true, secret: "${JWT_SECRET}"}
rollouts:
  messages: {percentage: %s, missing_key: legacy}
routes:
  - name: send
    match: {path: /api/messages/send}
    rollout: messages
    arms: {legacy: {upstream: legacy}, new: {plugin: message_queue}}
    plugins:
      - rate_limit:
          arm: legacy
          rules: [few]
          headers: [standard, legacy]
          refusal: >-
            {success: `false`, error: 'Rate limit exceeded', retry_after: retry_after_ceil,
            message_id: `null`, status: 'rate_limited'}
plugins:
  rate_limit:
    rules:
      few: {scope: [user], windows: [{limit: 3, per: 1h}], action: queue}
  message_queue:
    store: memory://
    gateway: {url: "${PLATFORM}", token: "t-platform"}
    limits: [few]
"""
SENT = {
    "success": True,
    "message_id": "msg_1763922000000",
    "recipient_id": "fan-1",
    "status": "queued",
    "scheduled_for": "2026-11-23T18:20:45.000Z",
    "provider": "azure",
    "metadata": {"duration": 12, "timestamp": "2026-11-23T18:20:00.000Z", "rate_limited": False},
}
TOO_MUCH = {
    "success": False,
    "error": "Rate limit exceeded",
    "message_id": None,
    "status": "rate_limited",
}
STATUS = ("RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining")


class Sending(NamedTuple):
    """The proxy and the platform behind it; legacy is its upstream."""

    proxy: RealProxy
    there: OnlyFans

    async def send(self, user: str, **more: Any) -> Response:
        """Send a message; legacy, if it is asked, says that it has queued it."""
        self.proxy.upstream._replies.clear()
        self.proxy.upstream.reply_next(_of_legacy())
        body = {"recipient_id": "fan-1", "message": "Hi", "humanApproval": approval(), **more}
        said = {name: value for name, value in body.items() if value is not None}
        return await self.proxy.post(PATH, headers=bearer(user), json=said)

    async def moves(self, percentage: int) -> None:
        """Have so many on the new arm from now on."""
        self.proxy.edit_config(CONFIG % percentage)
        assert (await self.proxy.reload()).changed

    @property
    def asked(self) -> int:
        """How often legacy was asked."""
        return len(self.proxy.upstream.requests)


def _of_legacy() -> Reply:
    known = {
        "X-API-Version": "v1-messages-legacy",
        "X-Provider": "azure",
        "X-Rate-Limit-Remaining": "9",
    }
    return json_reply(SENT, headers=known)


@asynccontextmanager
async def sending(percentage: int) -> AsyncIterator[Sending]:
    async with onlyfans(token="t-platform") as there:
        env = {"JWT_SECRET": SECRET, "PLATFORM": there.url}
        async with real_proxy(CONFIG % percentage, env=env) as proxy:
            yield Sending(proxy, there)


def left(reply: Response) -> int:
    """Return how many more the limits let through, as the answer says in each of its words."""
    policy, status, limit, remaining = (reply.headers.get(name) for name in STATUS)
    assert (policy, limit) == ('"few";q=3;w=3600', "3")
    assert str(status).startswith(f'"few";r={remaining}')
    return int(str(remaining))


async def test_both_arms_keep_legacys_words_and_share_one_count() -> None:
    async with sending(0) as on:
        await _legacy_sends_as_many_as_may_go(on)
        await on.moves(100)
        await _what_legacy_has_sent_is_counted_on_new(on)
        await _new_sends_as_many_as_may_go(on)
        await _what_is_legacys_to_answer_counts_once(on)
        await on.moves(0)
        await _what_new_has_sent_is_counted_on_legacy(on)
        assert len({one.key for one in on.there.executions}) == len(on.there.executions) == 3


async def _legacy_sends_as_many_as_may_go(on: Sending) -> None:
    for more in (2, 1, 0):
        reply = await on.send("ann")
        assert (reply.status, reply.json(), left(reply)) == (200, SENT, more)
        assert reply.headers.get("X-Rate-Limit-Remaining") == "9"
    await _refused(on, await on.send("ann"), asked=3)


async def _refused(on: Sending, reply: Response, *, asked: int) -> None:
    """It was refused in legacy's words, and is nowhere."""
    told = reply.json()
    assert (reply.status, left(reply)) == (429, 0)
    assert told == TOO_MUCH | {"retry_after": int(str(reply.headers.get("Retry-After")))}
    assert (on.asked, len(on.there.executions)) == (asked, 0)


def _queued(reply: Response, *, limited: bool) -> None:
    """It was taken, in legacy's words: each key as legacy has it, and none more."""
    told = reply.json()
    assert reply.status == 200
    assert told.keys() == SENT.keys()
    assert told["metadata"].keys() == SENT["metadata"].keys()  # type: ignore[attr-defined]
    assert (told["success"], told["status"], told["recipient_id"]) == (True, "queued", "fan-1")
    assert told["metadata"]["rate_limited"] is limited
    assert reply.headers.get("X-API-Version") == "v1-messages-legacy"
    assert reply.headers.get("Retry-After") is None, "whoever comes again sends it twice"


async def _what_legacy_has_sent_is_counted_on_new(on: Sending) -> None:
    reply = await on.send("ann")
    _queued(reply, limited=True)
    assert (left(reply), reply.headers.get("X-Rate-Limit-Remaining")) == (0, "0")
    assert (on.asked, len(on.there.executions)) == (3, 0)


async def _new_sends_as_many_as_may_go(on: Sending) -> None:
    for sent in (1, 2, 3):
        _queued(await on.send("bob"), limited=False)
        await on.there.executed(sent)
    _queued(await on.send("bob"), limited=True)
    assert (on.asked, len(on.there.executions)) == (3, 3)


async def _what_is_legacys_to_answer_counts_once(on: Sending) -> None:
    reply = await on.send("cleo", humanApproval=None)
    assert (reply.status, reply.json(), left(reply)) == (200, SENT, 2)
    assert reply.headers.get("X-Crossfade-Arm") == "legacy"
    assert (on.asked, len(on.there.executions)) == (4, 3)


async def _what_new_has_sent_is_counted_on_legacy(on: Sending) -> None:
    reply = await on.send("bob")
    assert (reply.status, left(reply), on.asked) == (429, 0, 4)
    assert left(await on.send("cleo")) == 1
    assert len(on.there.executions) == 3
