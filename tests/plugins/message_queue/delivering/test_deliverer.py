"""One message: put off, sent, tried again, buried, or uncertain; and counted accordingly."""

import asyncio
from collections.abc import AsyncIterator
from math import inf
from typing import Any

import pytest

from plugins.message_queue.delivering.deliverer import OVER_LIMIT, Deliverer, facts_of
from plugins.message_queue.message import Claimed, Message, Priority
from proxy.api.limits import Standing
from tests.kit.onlyfans import Step, close, garbage, hang, status
from tests.plugins.message_queue.delivering.desk import (
    FREE,
    LEASE,
    RULES,
    Desk,
    ScriptedLimits,
    desk,
    jumping,
    refused,
    window,
)
from tests.plugins.message_queue.stores.bench import message


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


def limits(at: Desk) -> ScriptedLimits:
    assert at.limits is not None
    return at.limits


def test_the_limits_are_told_whose_message_it_is_to_whom_and_of_what_kind() -> None:
    facts = facts_of(message(1, account="creator-1", priority=Priority.high))
    assert facts == {
        "user": "a",
        "recipient": "fan",
        "message_type": "custom",
        "priority": "high",
        "account": "creator-1",
    }
    assert "account" not in facts_of(message(1))


# -- what may go, goes ---------------------------------------------------------------


async def test_what_the_limits_let_through_is_sent_and_noted(at: Desk) -> None:
    delivery = await at.deliverer.deliver(await at.claimed())
    assert delivery == ("sent", 0.0, FREE, "", "of-00000001", 0.0)
    record = await at.record()
    assert (record.state, record.platform_id, record.message.content) == ("sent", "of-00000001", "")
    assert [one.key for one in at.there.executions] == [record.message.id]
    assert len(limits(at).taken) == 1
    assert limits(at).refunds == []
    # The platform has counted it no later than now.
    assert [ticket for _, ticket, _ in limits(at).arrivals] == ["ticket"]
    assert at.services.value("deliveries", outcome="sent") == 1


async def test_without_rules_nobody_is_asked() -> None:
    async with desk(limited=False, rules=()) as at:
        assert (await at.deliverer.deliver(await at.claimed())).outcome == "sent"


# -- what may not, waits -------------------------------------------------------------


async def test_what_a_limit_refuses_waits_until_it_fits(at: Desk) -> None:
    standing = refused(window(40.0, "user", "recipient"), window(7.0, "user", "message_type"))
    limits(at).script.append(standing)
    delivery = await at.deliverer.deliver(await at.claimed())
    assert delivery == ("throttled", at.now + 40, standing, "", "", 0.0)
    record = await at.record()
    assert (record.state, record.due_at, record.attempts) == ("queued", at.now + 40, 0)
    assert record.why == "limited by minute, minute"
    assert at.there.calls == []
    await at.put()  # the user's others are not put off
    assert (await at.claim()).receipt.id == "m00002"


async def test_a_limit_of_the_whole_user_puts_all_of_the_user_off(at: Desk) -> None:
    limits(at).script.append(refused(window(12.0, "user")))
    assert (await at.deliverer.deliver(await at.claimed())).rest == 0.0
    await at.put()
    assert await at.claims() == ()
    await at.services.jumping.jump(12.0)
    claimed = await at.claims()
    assert [one.receipt.id for one in claimed] == ["m00001", "m00002"]


async def test_of_many_that_wait_for_one_limit_not_all_come_back_when_it_opens(at: Desk) -> None:
    kind = window(7.0, "user", "message_type")._replace(bucket="custom:a")
    waits = []
    for _ in range(21):
        limits(at).script.append(refused(kind))
        waits.append((await at.deliverer.deliver(await at.claimed())).until - at.now)
    assert waits == [7.0] * 20 + [67.0]


async def test_a_limit_of_everybody_is_told_to_whoever_claims(at: Desk) -> None:
    limits(at).script.append(refused(window(0.4), window(12.0, "user")))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert (delivery.rest, delivery.until) == (0.4, at.now + 12)


async def test_limits_that_cannot_be_asked_let_nothing_through(at: Desk) -> None:
    claimed = await at.claimed()
    at.limits = None
    delivery = await at.deliverer.deliver(claimed)
    assert delivery == ("throttled", at.now + 1, None, "", "", 1.0)
    assert "rate_limit" in (await at.record()).why
    assert at.there.calls == []


async def test_limits_that_do_not_know_the_rules_let_nothing_through() -> None:
    async with desk(rules=(*RULES, "other")) as at:
        assert (await at.deliverer.deliver(await at.claimed())).outcome == "throttled"
        assert limits(at).taken == []


@pytest.mark.parametrize("degraded", ["closed", "local"])
async def test_limits_without_their_store_are_asked_again_soon(at: Desk, degraded: str) -> None:
    limits(at).script.append(refused(window(0.0, "user"), degraded=degraded))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert (delivery.outcome, delivery.until) == ("throttled", at.now + 1)
    assert delivery.rest == (1.0 if degraded == "closed" else 0.0)


async def test_what_costs_more_than_a_limit_allows_is_buried(at: Desk) -> None:
    limits(at).script.append(refused(window(inf, "user"), window(3.0)))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert (delivery.outcome, delivery.code) == ("dead", OVER_LIMIT)
    assert (await at.record()).state == "dead"


async def test_what_has_expired_meanwhile_is_buried_and_counts_nowhere(at: Desk) -> None:
    claimed = await at.claimed(expires_at=at.now + 10)
    await at.services.jumping.jump(10)
    assert (await at.deliverer.deliver(claimed)).code == "expired"
    assert limits(at).taken == []


async def test_while_the_platform_is_down_nothing_is_counted_or_sent(at: Desk) -> None:
    await at.there.down()
    for attempt in range(3):
        delivery = await at.deliverer.deliver(await at.claimed(user=f"u{attempt}"))
    # The third one opened the breaker: a platform that is down is not the message's fault.
    assert (delivery.outcome, delivery.code) == ("throttled", "NETWORK_ERROR")
    assert delivery.rest == pytest.approx(5.0)
    assert (await at.record(3)).attempts == 0
    assert len(limits(at).refunds) == len(limits(at).taken) == 3
    delivery = await at.deliverer.deliver(await at.claimed(user="u9"))
    assert delivery.outcome == "throttled"
    assert delivery.until - at.now == delivery.rest == pytest.approx(5.0)
    assert len(limits(at).taken) == 3


# -- what fails ----------------------------------------------------------------------


FAILURES = [
    (status(422), "dead", "VALIDATION_ERROR", 0, True),
    (status(403, code="COMPLIANCE_VIOLATION"), "dead", "COMPLIANCE_VIOLATION", 0, True),
    (status(503), "retrying", "SERVICE_UNAVAILABLE", 1, True),
    (status(429, retry_after=9), "throttled", "RATE_LIMIT", 0, True),
    (status(401), "throttled", "UNAUTHORIZED", 0, True),
    (status(500), "uncertain", "INTERNAL_ERROR", 0, False),
    (close(executed=True), "uncertain", "NETWORK_ERROR", 0, False),
    (garbage(), "uncertain", "UNKNOWN", 0, False),
]


@pytest.mark.parametrize(("step", "outcome", "code", "attempts", "refunded"), FAILURES)
async def test_each_failure_comes_to_its_end_and_only_what_was_not_sent_is_refunded(
    at: Desk, step: Step, outcome: str, code: str, attempts: int, refunded: bool
) -> None:
    at.there.script("*", step)
    delivery = await at.deliverer.deliver(await at.claimed())
    assert (delivery.outcome, delivery.code, delivery.standing) == (outcome, code, FREE)
    record = await at.record()
    assert record.state == {"retrying": "queued", "throttled": "queued"}.get(outcome, outcome)
    assert record.attempts == attempts
    facts = facts_of(record.message)
    assert limits(at).refunds == ([(facts, "ticket", RULES)] if refunded else [])
    assert limits(at).arrivals == ([] if refunded else [(facts, "ticket", RULES)])


async def test_a_retry_waits_longer_each_time_until_no_attempt_is_left(at: Desk) -> None:
    at.there.stand("*", status(503))
    await at.put(max_attempts=3)
    waits = []
    for _ in range(3):
        delivery = await at.deliverer.deliver(await at.claim())
        waits.append(delivery.until - at.now if delivery.until else 0.0)
        await at.services.jumping.jump(60)
    assert waits == pytest.approx([0.5, 1.0, 0.0])
    assert (delivery.outcome, (await at.record()).state) == ("dead", "dead")


async def test_a_retry_waits_as_long_as_the_platform_asks(at: Desk) -> None:
    at.there.script("*", status(503, retry_after=33))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert delivery.until == at.now + 33


async def test_a_platform_that_throttles_one_is_not_left_alone_by_others(at: Desk) -> None:
    at.there.script("*", status(429, retry_after=9))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert (delivery.until, delivery.rest) == (at.now + 9, 0.0)
    await at.put()
    await at.put(user="b")
    assert (await at.claim()).record.message.user == "b"


async def test_a_token_that_is_refused_costs_no_message_an_attempt(at: Desk) -> None:
    at.there.script("*", status(401))
    delivery = await at.deliverer.deliver(await at.claimed())
    assert delivery.until == pytest.approx(at.now + 30)
    assert delivery.rest == pytest.approx(30)
    assert [alert.name for alert in at.services.alerts] == ["gateway_unauthorized"]


@pytest.mark.parametrize("executed", [True, False])
async def test_who_promises_to_execute_once_is_asked_again_with_the_same_key(
    executed: bool,
) -> None:
    async with desk(idempotent=True) as at:
        at.there.script("*", close(executed=executed))
        first = await at.deliverer.deliver(await at.claimed())
        assert (first.outcome, first.code) == ("retrying", "NETWORK_ERROR")
        assert limits(at).refunds == []
        await at.services.jumping.jump(60)
        assert (await at.deliverer.deliver(await at.claim())).outcome == "sent"
        assert [one.key for one in at.there.executions] == ["m00001"]


async def test_a_last_attempt_of_which_nobody_knows_is_uncertain_and_not_dead() -> None:
    async with desk(idempotent=True) as at:
        at.there.script("*", status(500, executed=True))
        delivery = await at.deliverer.deliver(await at.claimed(max_attempts=1))
        assert delivery.outcome == (await at.record()).state == "uncertain"


# -- leases --------------------------------------------------------------------------


async def test_a_message_that_another_has_is_not_sent_and_not_counted(at: Desk) -> None:
    claimed = await at.claimed()
    await at.services.jumping.jump(LEASE)
    again = await at.claim()
    delivery = await at.deliverer.deliver(claimed)
    assert delivery.outcome == "lost"
    assert at.there.calls == []
    assert len(limits(at).refunds) == 1
    assert (await at.deliverer.deliver(again)).outcome == "sent"


async def begun(at: Desk, claimed: Claimed, step: Step) -> "asyncio.Task[Any]":
    """Begin a delivery that the platform does not end."""
    at.there.script("*", step)
    task = asyncio.create_task(at.deliverer.deliver(claimed))
    await at.there.begun()
    return task


async def test_a_lease_is_renewed_for_as_long_as_a_sending_takes(at: Desk) -> None:
    task = await begun(at, await at.claimed(), hang(executed=True))
    for _ in range(6):
        await at.jump(LEASE / 3)
        assert await at.claims() == ()
    assert (await at.record()).state == "sending"
    task.cancel()
    await asyncio.wait((task,))
    assert (await at.record()).state == "sending"
    await at.services.jumping.jump(LEASE)
    await at.claims()
    assert ((await at.record()).state, (await at.record()).code) == ("uncertain", "lease_lost")


class Gated:
    """A platform that answers when it is told to."""

    idempotent = False

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()

    def rest(self) -> float:
        return 0.0

    def trouble(self) -> str:
        return ""

    async def send(self, message: Message, *, seconds: float) -> str:
        self.asked.set()
        await self.answers.wait()
        return "of-9"


async def test_what_is_known_too_late_is_noted_all_the_same(at: Desk) -> None:
    gate = Gated()
    deliverer = Deliverer(
        at.store, gate, lambda: at.limits, at.services, rules=RULES, timeout=5.0, lease=LEASE
    )
    task = asyncio.create_task(deliverer.deliver(await at.claimed()))
    await gate.asked.wait()
    at.store.fails.extend(["extend"] * 3)
    await at.services.jumping.jump(LEASE)
    assert not at.store.fails
    await at.claims()
    assert (await at.record()).state == "uncertain"
    gate.answers.set()
    assert (await task).outcome == "sent"
    assert (await at.record()).state == "sent"


# -- a store that fails --------------------------------------------------------------


async def test_a_store_that_fails_at_the_beginning_costs_nothing(at: Desk) -> None:
    claimed = await at.claimed()
    at.store.fails.append("begin")
    delivery = await at.deliverer.deliver(claimed)
    assert (delivery.outcome, delivery.until) == ("throttled", at.now + 1)
    assert (await at.record()).state == "queued"
    assert len(limits(at).refunds) == 1
    assert at.there.calls == []


async def test_a_store_that_fails_at_the_end_is_told_again(at: Desk) -> None:
    claimed = await at.claimed()
    at.store.fails.extend(("sent", "sent"))
    task = asyncio.create_task(at.deliverer.deliver(claimed))
    assert (await jumping(task, at, 1.0)).outcome == "sent"
    assert (await at.record()).state == "sent"
    assert len(at.there.executions) == 1


async def test_a_store_that_noted_it_but_could_not_say_so_has_noted_it(at: Desk) -> None:
    claimed = await at.claimed()
    at.store.after = True
    at.store.fails.append("sent")
    task = asyncio.create_task(at.deliverer.deliver(claimed))
    assert (await jumping(task, at, 0.1)).outcome == "sent"


async def test_a_store_that_fails_for_longer_than_the_lease_leaves_it_uncertain(at: Desk) -> None:
    claimed = await at.claimed()
    at.store.fails.extend(["sent"] * 1000)
    task = asyncio.create_task(at.deliverer.deliver(claimed))
    assert (await jumping(task, at, 5.0)).outcome == "uncertain"
    (line,) = at.services.logged("delivery_not_noted")
    assert line["message_id"] == "m00001"


# -- being called off ----------------------------------------------------------------


async def test_what_is_called_off_before_anything_has_left_is_given_back(at: Desk) -> None:
    claimed = await at.claimed()
    waiting = asyncio.Event()

    class Slow(ScriptedLimits):
        async def take(self, facts: Any, rules: Any = ()) -> Standing:
            waiting.set()
            await asyncio.Event().wait()
            raise AssertionError

    at.limits = Slow()
    task = asyncio.create_task(at.deliverer.deliver(claimed))
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    record = await at.record()
    assert (record.state, record.attempts, record.due_at <= at.now) == ("queued", 0, True)


async def test_a_fault_before_anything_has_left_gives_it_back_too(at: Desk) -> None:
    claimed = await at.claimed()

    class Broken(ScriptedLimits):
        async def take(self, facts: Any, rules: Any = ()) -> Standing:
            raise ZeroDivisionError

    at.limits = Broken()
    with pytest.raises(ZeroDivisionError):
        await at.deliverer.deliver(claimed)
    record = await at.record()
    assert (record.state, record.due_at) == ("queued", at.now + 1)  # and no faster, for ever
