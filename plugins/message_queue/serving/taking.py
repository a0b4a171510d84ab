"""Takes messages into the queue, and delivers at once what may go at once."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

from proxy.api import Services, StoreError
from proxy.api.limits import NEVER, Limits, Standing

from ..delivering.deliverer import Deliverer, Delivery, facts_of
from ..message import Claimed, Message, Record
from ..settings import MessageQueueSettings
from ..store import Bounds, QueueFullError, QueueStore
from .declining import DeclinedError, limited, queue_full, store_fails
from .making import Wish
from .showing import Seen

__all__ = ["Taken", "Taking"]


class Taken(NamedTuple):
    """A message that is in the queue, or has been through it."""

    record: Record
    seen: Seen
    created: bool
    """False: it was there, under the same Idempotency-Key."""
    direct: bool = False
    """Whether it was sent while its client waited."""


class Taking:
    """The way into the queue, the same for each API."""

    def __init__(
        self,
        settings: MessageQueueSettings,
        store: QueueStore,
        bounds: Bounds,
        deliverer: Deliverer,
        limits: Callable[[], Limits | None],
        ring: Callable[[], None],
        services: Services,
    ) -> None:
        """`limits` is asked each time: None where none are wanted, or none are there.

        `ring` tells the workers that there may be something to look at.
        """
        self._settings = settings
        self._store = store
        self._bounds = bounds
        # Into a queue of this size nothing is put: what is put is found there, or not.
        self._no_room = bounds._replace(messages=0, user_messages=0, user_bytes=0)
        self._deliverer = deliverer
        self._limits = limits
        self._services = services
        self._deliveries: set[asyncio.Task[Delivery]] = set()
        self._takings: set[asyncio.Task[Taken]] = set()
        self._count = services.counter(
            "accepted",
            "Messages taken, by what had become of them when it was answered.",
            ("state",),
        )
        self.ring = ring

    async def take(self, wish: Wish, *, inline: bool) -> Taken:
        """Put a message into the queue; with `inline`, deliver it at once if it may go.

        Nothing is counted against a limit but by the delivery. Raises DeclinedError, for what was
        not taken, and where nobody knows because the store fails.
        """
        # In a task of its own: a client that leaves in between would leave a lease to nobody.
        task = asyncio.create_task(self._take(wish, inline=inline))
        self._takings.add(task)
        task.add_done_callback(self._taken)
        try:
            return await asyncio.shield(task)
        except QueueFullError as error:
            raise queue_full(str(error)) from None
        except StoreError as error:
            self._services.log.error("queue_store_failed", error=str(error))
            raise store_fails() from None

    async def close(self, seconds: float) -> None:
        """Let what is being sent come to an end; what takes longer is cut."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while under_way := self._under_way:  # a taking may begin to send
                    await asyncio.wait(under_way)
        under_way = self._under_way
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    @property
    def _under_way(self) -> tuple[asyncio.Task[Any], ...]:
        return (*self._takings, *self._deliveries)

    async def seen(self, record: Record, standing: Standing | None = None) -> Seen:
        """Return what is known of a message's prospects. Raises StoreError."""
        now = self._services.now()
        if record.state != "queued":
            return Seen(now, standing)
        if standing is None:
            standing = await self._standing(record.message)
        return Seen(now, standing, await self._store.position(record.message.id))

    async def _take(self, wish: Wish, *, inline: bool) -> Taken:
        message = wish.message
        standing = await self._standing(message)
        refusal = wish.untimely or _refused(message, standing)
        if refusal is not None:
            return await self._taken_before(message, refusal)
        inline = inline and len(self._deliveries) < self._settings.workers.concurrency
        lease = self._settings.workers.lease if inline else None
        put = await self._store.put(message, self._bounds, lease=lease)
        if not put.created:
            return await self._replayed(message, put.record)
        delivery = None if put.claimed is None else await self._delivered(put.claimed)
        taken = Taken(put.record, Seen(message.enqueued_at, standing), created=True)
        with suppress(StoreError):  # it is taken, even if no more can be said of it than that
            taken = await self._after(taken, delivery)
        self.ring()
        self._count.add(state=taken.record.state)
        return taken

    async def _taken_before(self, message: Message, refusal: DeclinedError) -> Taken:
        """Return a message that would be refused now, but has been taken already."""
        if not message.dedupe_key:
            raise refusal
        try:
            put = await self._store.put(message, self._no_room)
        except QueueFullError:
            raise refusal from None
        return await self._replayed(message, put.record)

    async def _replayed(self, message: Message, record: Record) -> Taken:
        if record.message.digest != message.digest:
            error = "This Idempotency-Key was used for another message. Send another key."
            raise DeclinedError(422, "VALIDATION_ERROR", error)
        return Taken(record, await self.seen(record), created=False)

    async def _delivered(self, claimed: Claimed) -> Delivery | None:
        """Return what came of sending it; None: it is still under way, or nobody knows."""
        task = asyncio.create_task(self._deliverer.deliver(claimed))
        self._deliveries.add(task)
        task.add_done_callback(self._delivery_over)
        done, _ = await asyncio.wait((task,), timeout=self._settings.wait)
        return task.result() if done and task.exception() is None else None

    def _taken(self, task: "asyncio.Task[Taken]") -> None:
        self._takings.discard(task)
        if not task.cancelled():
            task.exception()  # looked at: perhaps nobody waits for it any more

    def _delivery_over(self, task: "asyncio.Task[Delivery]") -> None:
        self._deliveries.discard(task)
        self.ring()  # it may be due again some time
        if not task.cancelled() and (error := task.exception()) is not None:
            self._services.log.error("delivery_failed", error=type(error).__name__)

    async def _after(self, taken: Taken, delivery: Delivery | None) -> Taken:
        """Return the message as it is after a delivery. Raises StoreError."""
        record, standing = taken.record, taken.seen.standing
        direct = delivery is not None and delivery.outcome == "sent"
        if delivery is not None:
            standing = delivery.standing or standing
            if direct:
                record = record._replace(state="sent", platform_id=delivery.platform_id)
            else:
                record = await self._store.get(record.message.id) or record
        return Taken(record, await self.seen(record, standing), created=True, direct=direct)

    async def _standing(self, message: Message) -> Standing | None:
        limits = self._limits()
        if limits is None:
            return None
        return await limits.peek(facts_of(message), self._settings.limits)


def _refused(message: Message, standing: Standing | None) -> DeclinedError | None:
    """Return why a message is not even queued: a limit wants that, or it would wait for ever."""
    if standing is None or standing.admitted:
        return None
    now = message.due_at <= message.enqueued_at and message.approval is not None
    if standing.retry_after == NEVER or (now and standing.action == "reject"):
        return limited(standing, message.enqueued_at)
    return None
