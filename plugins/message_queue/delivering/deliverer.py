"""Delivers one claimed message: is it its turn at the limits, then to the platform, then noted.

The order of the steps keeps two promises. Nothing leaves that the limits have not counted before:
none is ever exceeded. And nothing leaves of which the store has not been told before (`begin`):
after a crash it is known of each message whether it may have been sent.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import isfinite
from typing import Any

from proxy.api import Services, StoreError
from proxy.api.limits import Limits, Standing
from proxy.api.resilience import backoff

from ..gateway.sending import Failure, Sender, SendError
from ..message import Claimed, Message
from ..store import QueueStore
from .delivery import Delivery, Outcome, closed_for
from .hold import Hold
from .lines import Lines

__all__ = ["OVER_LIMIT", "Deliverer", "Delivery", "facts_of"]

OVER_LIMIT = "over_limit"
"""The code of a message that costs more than a limit ever allows."""

_SOON = 1.0
"""Seconds until those who could not be asked are asked again."""

_SLOWER = 4.0
"""A queue has time: it waits so many times as long as a client could (up to 32 s)."""


def facts_of(message: Message) -> dict[str, Any]:
    """Return what the limits are told of a message."""
    facts: dict[str, Any] = {
        "user": message.user,
        "recipient": message.recipient,
        "message_type": message.message_type,
        "priority": message.priority.name,
    }
    if message.account:
        facts["account"] = message.account
    return facts


class Deliverer:
    """Delivers what somebody has claimed; any number at a time."""

    def __init__(
        self,
        store: QueueStore,
        sender: Sender,
        limits: Callable[[], Limits | None],
        services: Services,
        *,
        rules: Sequence[str],
        timeout: float,
        lease: float,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Keep all that it needs.

        `limits` is asked for the service each time; `rules` are those that each message has to
        fit, none for no limits. `timeout` is how long a sending takes at most, `lease` how long a
        message is ours from each beat on, both in seconds. `chance`: at least 0, below 1.
        """
        self._store = store
        self._sender = sender
        self._limits = limits
        self._services = services
        self._rules = tuple(rules)
        self._timeout = min(timeout, lease)
        self._lease = lease
        self._chance = chance
        self._lines = Lines()
        self._outcomes = services.counter(
            "deliveries", "Tries to deliver a message by what has come of them.", ("outcome",)
        )

    async def deliver(self, claimed: Claimed) -> Delivery:
        """Deliver a message, or put it off; return what has come of it.

        Where it is cancelled before anything has left, the message is given back.
        """
        hold = Hold(claimed, self._store, self._services, self._lease)
        found = await self._prepared(hold)
        delivery = found if isinstance(found, Delivery) else await self._send(hold, found)
        self._outcomes.add(outcome=delivery.outcome)
        return delivery

    # -- before anything has left -------------------------------------------------

    async def _prepared(self, hold: Hold) -> Delivery | Standing:
        """Return what the limits said, if it is to be sent now; else what has come of it."""
        try:
            return await self._prepare(hold)
        except StoreError as error:
            why = f"the store of messages failed: {error}"
            return await self._put_off(hold, _SOON, why, whole_user=_SOON)
        except asyncio.CancelledError:
            await self._give_back(hold, 0.0)
            raise
        except Exception:
            await self._give_back(hold, _SOON)
            raise

    async def _give_back(self, hold: Hold, wait: float) -> None:
        with suppress(StoreError):  # then the lease ends by itself
            await self._store.throttle(hold.receipt, self._services.now() + wait, "given back")

    async def _prepare(self, hold: Hold) -> Delivery | Standing:
        if hold.message.expires_at <= self._services.now():
            return await self._bury(hold, "expired", "it was not its turn before it expired")
        rest = self._sender.rest()
        if rest > 0:
            why = self._sender.trouble() or "the platform asks to be left alone"
            return await self._put_off(hold, rest, why, whole_user=rest, rest=rest)
        standing = await self._take(hold.message)
        if standing is None:
            why = f"the limits {', '.join(self._rules)} cannot be asked: is rate_limit running?"
            return await self._put_off(hold, _SOON, why, whole_user=_SOON, rest=_SOON)
        if not standing.admitted:
            return await self._refused(hold, standing)
        try:
            begun = await hold.begin()
        except BaseException:
            await self._refund(hold.message, standing)
            raise
        if begun:
            return standing
        await self._refund(hold.message, standing)
        return Delivery("lost", standing=standing)

    async def _take(self, message: Message) -> Standing | None:
        """Take what it costs; None where those limits are not there."""
        if not self._rules:
            return Standing(admitted=True, windows=())
        limits = self._limits()
        if limits is None or not limits.names.issuperset(self._rules):
            return None
        return await limits.take(facts_of(message), self._rules)

    async def _refund(self, message: Message, standing: Standing) -> None:
        limits = self._limits()
        if standing.ticket and limits is not None:
            await limits.refund(facts_of(message), standing.ticket, self._rules)

    async def _arrived(self, message: Message, standing: Standing) -> None:
        """Have it counted from now on: the platform has counted it no later than this."""
        limits = self._limits()
        if standing.ticket and limits is not None:
            await limits.arrived(facts_of(message), standing.ticket, self._rules)

    async def _refused(self, hold: Hold, standing: Standing) -> Delivery:
        violated = ", ".join(standing.violated) or "a limit"
        if not isfinite(standing.retry_after):
            why = f"it costs more than {violated} ever allows"
            return await self._bury(hold, OVER_LIMIT, why, standing)
        wait = self._lines.wait(hold.message, standing, self._services.now())
        whole_user = closed_for(standing, frozenset(("user",)))
        # Of a narrower limit, others of the user may go before it.
        narrower = whole_user < wait and standing.degraded != "closed"
        if standing.degraded or not wait:  # nobody knows more than that it may not go now
            wait = max(wait, _SOON)
        if not narrower:
            whole_user = wait
        rest = wait if standing.degraded == "closed" else closed_for(standing, frozenset())
        why = f"limited by {violated}"
        delivery = await self._put_off(hold, wait, why, whole_user=whole_user, rest=rest)
        return delivery._replace(standing=standing)

    # -- sending ------------------------------------------------------------------

    async def _send(self, hold: Hold, standing: Standing) -> Delivery:
        try:
            async with hold.beating():
                found = await self._sender.send(hold.message, seconds=self._timeout)
        except SendError as error:
            failure = error.failure
        else:
            delivery = await self._sent(hold, found, standing)
            await self._arrived(hold.message, standing)
            return delivery
        if failure.executed == "no":
            await self._refund(hold.message, standing)
        else:
            await self._arrived(hold.message, standing)
        return (await self._failed(hold, failure))._replace(standing=standing)

    async def _sent(self, hold: Hold, platform_id: str, standing: Standing) -> Delivery:
        noted = await hold.settle(lambda: self._store.sent(hold.receipt, platform_id))
        noted = noted or await self._noted_late(hold)
        outcome: Outcome = "sent" if noted else "uncertain"
        return Delivery(outcome, standing=standing, platform_id=platform_id)

    async def _noted_late(self, hold: Hold) -> bool:
        """Note that it was sent though its lease is over: there is nothing uncertain about it."""
        why = "the answer came after the lease had ended"
        with suppress(StoreError):
            if await self._store.settle(hold.receipt.id, "sent", "", why) is not None:
                return True
            record = await self._store.get(hold.receipt.id)
            return record is not None and record.state == "sent"
        return False

    async def _failed(self, hold: Hold, failure: Failure) -> Delivery:
        code, why = failure.code, failure.why
        last = hold.attempts + 1 >= hold.message.max_attempts
        if failure.executed == "unknown" and (last or not self._sender.idempotent):
            parked = await hold.settle(lambda: self._store.park(hold.receipt, code, why))
            return Delivery("uncertain" if parked else "lost", code=code)
        if failure.next == "bury":
            return await self._bury(hold, code, why)
        rest = self._sender.rest()
        asked = failure.retry_after or 0.0
        if failure.next == "throttle" or rest > 0:
            # A platform that is down is not the message's fault.
            wait = max(asked, rest)
            delivery = await self._put_off(hold, wait, why, whole_user=wait, rest=rest)
            return delivery._replace(code=code)
        wait = max(asked, _SLOWER * backoff(hold.attempts, self._chance()))
        until = self._services.now() + wait
        if not await hold.settle(lambda: self._store.retry(hold.receipt, until, code, why)):
            return Delivery("lost", code=code)
        return Delivery("dead" if last else "retrying", 0.0 if last else until, code=code)

    # -- noting -------------------------------------------------------------------

    async def _put_off(
        self, hold: Hold, wait: float, why: str, *, whole_user: float = 0.0, rest: float = 0.0
    ) -> Delivery:
        """Put it off for `wait` seconds, all of its user's messages for `whole_user`.

        Where that is as long, it keeps its place among them.
        """
        now = self._services.now()
        put_off = await hold.settle(
            lambda: self._store.throttle(
                hold.receipt, now + wait, why, whole_user=now + whole_user if whole_user else 0.0
            )
        )
        return Delivery("throttled" if put_off else "lost", now + wait, rest=rest)

    async def _bury(
        self, hold: Hold, code: str, why: str, standing: Standing | None = None
    ) -> Delivery:
        buried = await hold.settle(lambda: self._store.bury(hold.receipt, code, why))
        return Delivery("dead" if buried else "lost", standing=standing, code=code)
