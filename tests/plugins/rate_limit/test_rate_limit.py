"""On a route: who is let through, who is refused, and what they are told."""

import asyncio
from typing import Any

import pytest

from plugins.rate_limit import RateLimitUse
from proxy.api.testing import isolated, upstream_reply
from tests.plugins.rate_limit.limited import MINUTE, PER_USER, limited, limits_of, of, statuses


async def test_as_many_as_the_limit_pass_and_each_is_told_where_they_stand() -> None:
    async with limited() as plugin:
        for left in (2, 1, 0):
            passed = await plugin.through(of())
            assert passed.reply.status == 200
            assert passed.reply.headers.get("ratelimit") == f'"one";r={left};t=60'
            assert passed.reply.headers.get("ratelimit-policy") == '"one";q=3;w=60'
            assert passed.reply.headers.get("x-ratelimit-remaining") == str(left)


async def test_one_more_is_refused_with_the_same_headers_and_never_sent_on() -> None:
    async with limited() as plugin:
        await statuses(plugin, of(), of(), of())
        await plugin.clock.jump(13.5)
        passed = await plugin.through(of())
        assert (passed.reply.status, passed.sent) == (429, None)
        assert passed.reply.headers.get("retry-after") == "47"
        assert passed.reply.headers.get("ratelimit") == '"one";r=0;t=47'
        assert passed.reply.json()["violated-policies"] == ["one"]


async def test_a_unit_is_free_again_exactly_one_period_after_it_was_taken() -> None:
    async with limited() as plugin:
        await statuses(plugin, of(), of(), of())
        await plugin.clock.jump(59.999)
        assert await statuses(plugin, of()) == [429]
        await plugin.clock.jump(0.001)
        assert await statuses(plugin, of(), of(), of(), of()) == [200, 200, 200, 429]


async def test_users_are_counted_by_themselves_and_nobodies_together() -> None:
    async with limited() as plugin:
        assert await statuses(plugin, *[of()] * 4) == [200, 200, 200, 429]
        assert await statuses(plugin, of("bob")) == [200]
        claimed = of(None, headers={"X-User-Id": "bob"})
        assert await statuses(plugin, of(None), claimed, of(None), claimed) == [200, 200, 200, 429]


async def test_a_refusal_takes_nothing_from_any_rule() -> None:
    narrow = {"scope": ["ip"], "windows": [{"limit": 1, "per": "1m"}]}
    async with limited(rules={"one": PER_USER, "two": narrow}) as plugin:
        assert await statuses(plugin, of(client="192.0.2.1"), of(client="192.0.2.1")) == [200, 429]
        passed = await plugin.through(of(client="192.0.2.2"))
        assert passed.reply.headers.get("ratelimit") == '"one";r=1;t=60, "two";r=0;t=60'


async def test_only_the_rules_that_are_named_count_and_by_default_all_do() -> None:
    rules = {"one": PER_USER, "two": {"windows": [{"limit": 1, "per": "1m"}]}}
    async with limited({"rules": ["one"]}, rules=rules) as plugin:
        assert await statuses(plugin, of(), of()) == [200, 200]
    async with limited(rules=rules) as plugin:
        assert await statuses(plugin, of(), of("bob")) == [200, 429]


async def test_a_rule_that_there_is_not_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="there is no two; there are one"):
        async with limited({"rules": ["two"]}):
            pass


async def test_without_a_rule_that_applies_nothing_is_said() -> None:
    async with limited(rules={"one": PER_USER | {"when": {"methods": ["POST"]}}}) as plugin:
        passed = await plugin.through(of())
        assert passed.reply.status == 200
        assert "ratelimit" not in passed.reply.headers


async def test_what_has_no_queue_is_refused_where_a_rule_wants_it_queued() -> None:
    async with limited(rules={"one": PER_USER | {"action": "queue"}}) as plugin:
        assert await statuses(plugin, *[of()] * 4) == [200, 200, 200, 429]


# In memory nothing waits


async def test_in_memory_an_answer_is_there_at_once() -> None:
    async with limited() as plugin:
        assert plugin.use.unused == ("rewrite_request",)
        assert plugin.use.admit(of()) is None


async def test_a_caller_for_whom_no_key_vouches_is_asked_for() -> None:
    async with limited() as plugin:
        later = plugin.use.admit(of(None))
        assert asyncio.iscoroutine(later)
        assert await later is None


# Facts in a body

BY_RECIPIENT = {"scope": ["recipient"], "windows": [MINUTE]}
TO_FAN = b'{"recipientId": "fan-1", "content": "hi"}'


async def test_a_rule_about_the_body_is_asked_with_the_body() -> None:
    async with limited(rules={"one": BY_RECIPIENT}) as plugin:
        assert plugin.use.unused == ("admit",)
        posts = [of(user, "POST") for user in ("ann", "bob", "cleo", "dora")]
        assert await statuses(plugin, *posts, body=TO_FAN) == [200, 200, 200, 429]
        assert await statuses(plugin, of(method="POST"), body=b'{"recipientId": 2}') == [200]


async def test_the_body_goes_on_as_it_came() -> None:
    async with limited(rules={"one": BY_RECIPIENT}) as plugin:
        passed = await plugin.through(of(method="POST"), body=TO_FAN)
        assert passed.body is not None
        assert passed.body.data == TO_FAN


async def test_who_sends_no_json_shares_the_count_of_those_who_name_nobody() -> None:
    async with limited(rules={"one": BY_RECIPIENT}) as plugin:
        for body, status in ((b"x=1", 200), (b"[]", 200), (b"", 200), (b"{}", 429)):
            assert await statuses(plugin, of(method="POST"), body=body) == [status]


async def test_a_body_that_is_nested_too_deeply_is_counted_like_any_other() -> None:
    deep = b'{"recipientId": ' + b"[" * 500 + b"]" * 500 + b"}"
    async with limited(rules={"one": BY_RECIPIENT}) as plugin:
        for status in (200, 200, 200, 429):
            assert await statuses(plugin, of(method="POST"), body=deep) == [status]


async def test_facts_can_be_found_elsewhere_in_the_body() -> None:
    found = {"facts": {"recipient": "to.id"}}
    async with limited(found, rules={"one": BY_RECIPIENT}) as plugin:
        bodies = [b'{"to": {"id": "%d"}}' % number for number in (1, 1, 1, 1, 2)]
        posts = [await statuses(plugin, of(method="POST"), body=body) for body in bodies]
        assert posts == [[200], [200], [200], [429], [200]]


TOKENS = {
    "algorithm": "gcra",
    "windows": [{"limit": 100, "per": "1m"}],
    "cost": "body.max_tokens",
    "unit": "tokens",
}


async def test_a_request_costs_what_its_body_says() -> None:
    async with limited(rules={"tokens": TOKENS}) as plugin:
        passed = await plugin.through(of(method="POST"), body=b'{"max_tokens": 70}')
        assert passed.reply.headers.get("ratelimit") == '"tokens";r=30;t=1'
        assert passed.reply.headers.get("ratelimit-policy") == '"tokens";q=100;qu="tokens";w=60'
        refused = await plugin.through(of(method="POST"), body=b'{"max_tokens": 60}')
        assert (refused.reply.status, refused.reply.headers.get("retry-after")) == (429, "18")


async def test_what_costs_more_than_the_limit_is_not_to_be_sent_again() -> None:
    async with limited(rules={"tokens": TOKENS}) as plugin:
        passed = await plugin.through(of(method="POST"), body=b'{"max_tokens": 101}')
        assert (passed.reply.status, passed.reply.headers.get("retry-after")) == (413, None)


# Arms


async def test_a_use_for_one_arm_counts_nothing_of_the_other() -> None:
    async with limited({"arm": "new"}) as plugin:
        assert (plugin.use.arm, plugin.use.unused) == ("new", ("admit",))
        for arm in ("legacy", "new", "new", "new", "legacy"):
            assert (await plugin.through(of(), arm=arm)).reply.status == 200
        refused = (await plugin.through(of(), arm="new")).reply
        assert (refused.status, refused.by_rule) == (429, True)
        assert (await plugin.through(of(), arm="legacy")).reply.status == 200


async def test_who_falls_back_to_legacy_is_counted_once() -> None:
    async with limited(rules={"one": BY_RECIPIENT}) as plugin:
        asked = of(method="POST")
        body = (await plugin.through(asked, body=TO_FAN)).body
        assert await plugin.use.rewrite_request(asked, body) is body
        (window,) = (await limits_of(plugin).peek({"recipient": "fan-1"})).windows
        assert window.remaining == 2


# Waiting

DELAYED = PER_USER | {"action": "delay", "delay": "2s", "windows": [{"limit": 1, "per": "1500ms"}]}


async def until(plugin: Any, waiting: int) -> None:
    """Let the others go on until so many wait."""
    for _ in range(100):
        await asyncio.sleep(0)
    assert plugin.services.value("waiting") == waiting


async def test_what_fits_soon_waits_until_it_does() -> None:
    async with limited(rules={"one": DELAYED}) as plugin:
        assert await statuses(plugin, of()) == [200]
        later = asyncio.ensure_future(plugin.through(of()))
        await until(plugin, 1)
        await plugin.clock.jump(1.499)
        assert not later.done()
        await plugin.clock.jump(0.001)
        assert (await later).reply.status == 200
        assert plugin.services.value("waiting") == 0


async def test_what_does_not_fit_in_the_time_that_it_may_wait_is_refused_at_once() -> None:
    slow = DELAYED | {"windows": [{"limit": 1, "per": "3s"}]}
    async with limited(rules={"one": slow}) as plugin:
        assert await statuses(plugin, of(), of()) == [200, 429]


async def test_who_waits_together_waits_no_longer_than_the_rule_allows() -> None:
    async with limited(rules={"one": DELAYED}) as plugin:
        await statuses(plugin, of())
        both = [asyncio.ensure_future(plugin.through(of())) for _ in range(2)]
        await until(plugin, 2)
        await plugin.clock.jump(2)
        assert sorted([(await one).reply.status for one in both]) == [200, 429]


async def test_only_so_many_may_wait() -> None:
    async with limited(rules={"one": DELAYED}, delayed=1) as plugin:
        await statuses(plugin, of())
        first = asyncio.ensure_future(plugin.through(of()))
        await until(plugin, 1)
        assert await statuses(plugin, of()) == [429]
        await plugin.clock.jump(2)
        assert (await first).reply.status == 200


async def test_who_leaves_while_waiting_makes_room_for_another() -> None:
    async with limited(rules={"one": DELAYED}, delayed=1) as plugin:
        await statuses(plugin, of())
        gone = asyncio.ensure_future(plugin.through(of()))
        await until(plugin, 1)
        gone.cancel()
        await until(plugin, 0)
        assert gone.cancelled()


async def test_where_one_rule_rejects_nobody_waits_for_another() -> None:
    rules = {"one": DELAYED, "two": {"windows": [{"limit": 1, "per": "1s"}]}}
    async with limited(rules=rules) as plugin:
        assert await statuses(plugin, of(), of()) == [200, 429]


# What is under way


async def test_only_so_many_are_under_way_and_one_that_ends_makes_room() -> None:
    async with limited(rules={"slots": {"scope": ["user"], "concurrency": 2}}) as plugin:
        first, second, third = of(), of(), of()
        assert plugin.use.admit(first) is None
        assert plugin.use.admit(second) is None
        refused = plugin.use.admit(third)
        assert refused.status == 429
        plugin.use.finished(third)
        assert plugin.use.admit(of()).status == 429
        plugin.use.finished(first)
        assert plugin.use.admit(of()) is None


async def test_what_takes_long_stays_under_way() -> None:
    async with limited(rules={"slots": {"concurrency": 1, "lease": "30s"}}) as plugin:
        slow = of()
        assert plugin.use.admit(slow) is None
        await plugin.clock.jump(300)
        assert plugin.use.admit(of()).status == 429
        del slow  # it is over, and the plugin was in quarantine then
        await plugin.clock.jump(31)
        assert plugin.use.admit(of()) is None


# Answers


async def test_answers_in_the_words_of_a_legacy_api() -> None:
    said = {
        "refusal": "{success: `false`, retry_after: retry_after_ceil}",
        "headers": ["legacy"],
        "reset": "iso",
    }
    async with limited(said) as plugin:
        await statuses(plugin, of(), of(), of())
        passed = await plugin.through(of())
        assert passed.reply.json() == {"success": False, "retry_after": 60}
        assert passed.reply.headers.get("x-ratelimit-reset") == "2025-06-15T15:07:40.000Z"
        assert "ratelimit" not in passed.reply.headers


async def test_what_an_upstream_says_of_its_own_limits_is_passed_on() -> None:
    theirs = upstream_reply(200, {"RateLimit": '"up";r=1', "X-RateLimit-Remaining": "1"})
    async with limited() as plugin:
        passed = await plugin.through(of(), theirs)
        assert passed.reply.headers.get("ratelimit") == '"up";r=1, "one";r=2;t=60'
        assert passed.reply.headers.get("x-ratelimit-remaining") == "1"


# Life


async def test_a_plugin_without_rules_lets_everything_through() -> None:
    async with isolated(RateLimitUse) as plugin:
        assert await statuses(plugin, of()) == [200]
        assert plugin.application.health() == ""


async def test_a_configuration_is_checked_without_a_start() -> None:
    async with isolated(RateLimitUse) as plugin:
        fresh = type(plugin.application)(plugin.application.settings)
        await fresh.shutdown()
        assert not hasattr(fresh, "parts")
