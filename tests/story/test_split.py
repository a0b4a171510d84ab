"""The split through real processes: each user where the bucket says, and never back."""

import asyncio
import hashlib
import json
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import jwt

from proxy.core.bucket import bucket, threshold
from tests.kit.running import RunningProxy
from tests.story.echo import Caller, EchoUpstream, Reply
from tests.story.operator import ARMS, TRUSTED, Admin, command

SECRET = "a secret of the story, longer than thirty-two bytes"
SALT = "the salt of the story"
USERS = [f"user-{number:04}" for number in range(2000)]
STEPS = (5, 25, 50, 100)


def config_of(ups: Iterable[EchoUpstream], rollouts: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "upstreams": {up.name: {"url": up.url} for up in ups},
        "identity": {
            "key": ["jwt:userId", "header:X-User-Id", "cookie:sid"],
            "jwt": {"cookies": ["access_token"], "bearer": True, "secret": "${JWT_SECRET}"},
            "attributes": {"tier": ["jwt:tier"], "account_age": ["jwt:account.age"]},
            "trusted_proxies": [f"{TRUSTED}/32"],
        },
        "rollouts": {
            name: {"enabled": True, "salt": SALT, **more} for name, more in rollouts.items()
        },
        "routes": [
            {"name": name, "match": {"path": f"/{name}"}, "rollout": name, "arms": ARMS}
            for name in rollouts
        ],
    }


@asynccontextmanager
async def two_upstreams() -> AsyncIterator[tuple[EchoUpstream, EchoUpstream]]:
    async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
        yield legacy, new


@asynccontextmanager
async def running(config: dict[str, Any]) -> AsyncIterator[RunningProxy]:
    proxy = RunningProxy(config, {"JWT_SECRET": SECRET})
    await asyncio.to_thread(proxy.start)
    try:
        yield proxy
    except BaseException:
        proxy.stop()
        raise
    await asyncio.to_thread(proxy.__exit__, None, None, None)


async def arms_of(
    proxy: RunningProxy, users: list[str], target: str, source: str = TRUSTED
) -> dict[str, str]:
    """The arm that each user got; the upstream, the header and what passed must agree."""
    arms: dict[str, str] = {}

    async def ask_for(some: list[str]) -> None:
        caller = await Caller.open(proxy.port, source)
        for user in some:
            reply = await caller.ask(target, f"X-User-Id: {user}")
            assert reply.status == 200
            assert reply.told["by"] == reply.arm
            assert reply.told["x-user-id"] == user
            arms[user] = str(reply.arm)
        await caller.close()

    await asyncio.gather(*(ask_for(users[start::4]) for start in range(4)))
    return arms


def arm_by_bucket(user: str, percentage: float) -> str:
    below = bucket(SALT.encode(), user.encode()) < threshold(percentage)
    return "new" if below else "legacy"


async def test_2000_users_fill_the_arms_step_by_step_and_nobody_moves_back() -> None:
    async with two_upstreams() as ups:
        config = config_of(ups, {"fade": {"percentage": 0}})
        async with running(config) as proxy:
            admin = Admin(proxy)
            on_new: set[str] = set()
            for number, step in enumerate(STEPS, start=2):
                stepped = config_of(ups, {"fade": {"percentage": step}})
                await asyncio.to_thread(admin.reload_and_wait, proxy, stepped)
                assert await asyncio.to_thread(admin.generation) == number
                arms = await arms_of(proxy, USERS, "/fade")
                assert arms == {user: arm_by_bucket(user, step) for user in USERS}
                now_on_new = {user for user, arm in arms.items() if arm == "new"}
                assert on_new <= now_on_new
                assert abs(100 * len(now_on_new) / len(USERS) - step) < 3
                on_new = now_on_new
            assert len(on_new) == len(USERS)
            assert sum(up.asked for up in ups) == len(STEPS) * len(USERS)


def test_the_bucket_is_what_was_promised_when_written_down_a_second_time() -> None:
    for user in USERS[:100]:
        digest = hashlib.blake2b(
            b"crossfade-1\x1f" + user.encode(), digest_size=8, key=SALT.encode()
        ).digest()
        assert bucket(SALT.encode(), user.encode()) == int.from_bytes(digest, "big") * 100_000 >> 64


async def test_two_processes_agree_on_every_user() -> None:
    async with two_upstreams() as ups:
        config = config_of(ups, {"fade": {"percentage": 33.333}})
        async with running(config) as one, running(config) as two:
            first, second = await asyncio.gather(
                arms_of(one, USERS, "/fade"), arms_of(two, USERS, "/fade")
            )
            assert first == second
            assert set(first.values()) == {"legacy", "new"}


def token(**claims: Any) -> str:
    return jwt.encode({"exp": 4_000_000_000, **claims}, SECRET, algorithm="HS256")


LISTED = {
    "percentage": 0,
    "whitelist": ["friend"],
    "blacklist": ["foe"],
}
RULES: dict[str, dict[str, Any]] = {
    "listed": LISTED,
    "all": {"percentage": 100, "blacklist": ["foe"]},
    "paying": {
        "percentage": 100,
        "conditions": {"tier": ["pro", "enterprise"], "account_age": {"min": 30}},
    },
    "reject": {"percentage": 50, "missing_key": "reject"},
    "half": {"percentage": 50},
}


async def told(proxy: RunningProxy, target: str, *lines: str, source: str = "127.0.0.1") -> Reply:
    caller = await Caller.open(proxy.port, source)
    try:
        return await caller.ask(target, *lines)
    finally:
        await caller.close()


def as_cookie(**claims: Any) -> str:
    return f"Cookie: theme=dark; access_token={token(**claims)}"


async def test_each_rule_decides_as_it_is_written() -> None:
    forged = jwt.encode({"userId": "friend"}, "another secret of thirty-two bytes or more", "HS256")
    pro = {"tier": "pro", "account": {"age": 45}}
    cases: list[tuple[str, tuple[str, ...], str, str]] = [
        ("/listed", (as_cookie(userId="friend"),), "new", "whitelist"),
        ("/listed", (as_cookie(userId="foe"),), "legacy", "blacklist"),
        ("/all", (as_cookie(userId="foe"),), "legacy", "blacklist"),
        ("/all", ("Cookie: sid=foe",), "legacy", "blacklist"),
        ("/all", (as_cookie(userId="u"),), "new", "percentage"),
        ("/paying", (as_cookie(userId="u", **pro),), "new", "percentage"),
        ("/paying", (as_cookie(userId="u", **{**pro, "tier": "free"}),), "legacy", "conditions"),
        (
            "/paying",
            (as_cookie(userId="u", tier="pro", account={"age": 3}),),
            "legacy",
            "conditions",
        ),
        ("/paying", ("Cookie: sid=u",), "legacy", "conditions"),
        ("/half", (), "legacy", "missing_key"),
        ("/listed", ("Cookie: sid=friend",), "legacy", "remainder"),
        ("/listed", ("X-User-Id: friend",), "legacy", "missing_key"),
        ("/listed", (f"Cookie: access_token={forged}",), "legacy", "missing_key"),
        ("/listed", (as_cookie(userId="friend", exp=1_000_000_000),), "legacy", "missing_key"),
    ]
    async with two_upstreams() as ups, running(config_of(ups, RULES)) as proxy:
        for target, lines, arm, reason in cases:
            reply = await told(proxy, target, *lines)
            assert (reply.arm, reply.reason) == (arm, reason), (target, lines)
            assert reply.told["by"] == arm
        await hold_to_refusals(proxy)


async def hold_to_refusals(proxy: RunningProxy) -> None:
    """No key where one is needed is a 400; who a stranger says it is never arrives."""
    refused = await told(proxy, "/reject", "X-User-Id: friend")
    problem = refused.told
    assert (refused.status, problem["reason"]) == (400, "missing_key")
    assert refused.field("content-type") == "application/problem+json"
    assert problem["request_id"] == refused.field("x-request-id")
    spoofed = await told(proxy, "/half", "X-User-Id: user-0001", "Cookie: sid=user-0002")
    assert spoofed.arm == arm_by_bucket("user-0002", 50)
    assert "x-user-id" not in spoofed.told
    vouched = await told(proxy, "/half", "X-User-Id: user-0001", source=TRUSTED)
    assert vouched.told["x-user-id"] == "user-0001"


async def test_explain_says_what_the_live_proxy_does() -> None:
    rng = random.Random(7)
    users = [f"person-{rng.getrandbits(40):x}" for _ in range(46)]
    users += ["friend", "foe", "zoë", "  spaced  "]
    rules = {"fade": {**LISTED, "percentage": 50}}
    async with two_upstreams() as ups, running(config_of(ups, rules)) as proxy:
        verdicts = {user: explained(proxy, user) for user in users}
        for user in users:
            reply = await told(proxy, "/fade", as_cookie(userId=user))
            assert verdicts[user] == (reply.arm, reply.reason), user
        assert {arm for arm, _ in verdicts.values()} == {"legacy", "new"}


def explained(proxy: RunningProxy, user: str) -> tuple[str, str]:
    """What `crossfade explain` says of a user."""
    words = ["explain", "--json", "--config", str(proxy.file), "--user", user, "GET", "/fade"]
    ended = command(*words, env={"JWT_SECRET": SECRET})
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    return answer["arm"], answer["reason"]
