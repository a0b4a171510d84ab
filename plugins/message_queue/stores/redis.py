"""The queue in a Redis, for a fleet: each transition is one script, which runs by itself.

All keys have one slot, so it works in a Redis Cluster, too. `lua/common.lua` says what they are.
With ``appendonly yes``, what has returned survives a Redis that is killed. Where its machine loses
its power, or a replica takes over, what was written last may be lost (a second, with ``appendfsync
everysec``): a message that was put then may be gone, and one that was sent may be found as it was
before, and sent again.
"""

import uuid
from collections.abc import Callable
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, Final, Literal

from proxy.api.stores import RedisScripts, StoreError

from ..message import Approval, Claimed, Message, Priority, Receipt, Record, State
from ..store import ASKED_MOST, PURGED, RATED, Bounds, Filter, Put, QueueFullError, Stats
from .pauses import pause_of
from .redis_rows import approval_text, claimed_of, readable, record_of, texts_of

__all__ = ["RedisQueue"]

_VERSION: Final = "1"
_LUA: Final = Path(__file__).with_name("lua")
_LOOKED_AT: Final = 1_000
"""So many messages one script looks at to list some."""


class RedisQueue:
    """See `plugins.message_queue.store.QueueStore`."""

    def __init__(
        self, redis: RedisScripts, now: Callable[[], float] | None, *, repeats: bool
    ) -> None:
        """Keep `redis`; without `now` the time is that of its server.

        `repeats`: what was lost while it was sent may be sent again, since the platform knows it.
        """
        self.url = redis.url
        self._redis = redis
        self._now = now
        self._repeats = repeats
        self._root = redis.key("queue")
        self._writer = uuid.uuid4().hex[:16]
        self._calls = count(1)

    async def open(self) -> None:
        """Note which version of the keys this is. Raises StoreError for keys of another."""
        meta = f"{self._root}:meta"
        await self._redis.call("HSETNX", meta, "version", _VERSION)
        found = await self._redis.call("HGET", meta, "version")
        if found != _VERSION.encode():
            raise StoreError(
                f"{self.url}: the queue there was written by another version of Crossfade; "
                "take another ?prefix=, or the version that wrote it"
            )

    async def put(self, message: Message, bounds: Bounds, *, lease: float | None = None) -> Put:
        """Store a message."""
        texts = texts_of(message)
        said, what = await self._run(
            "put",
            message.id,
            *texts,
            message.user,
            message.priority.value,
            texts.size,
            message.dedupe_key,
            message.due_at,
            message.expires_at,
            message.max_attempts,
            bounds.messages,
            bounds.user_messages,
            bounds.user_bytes,
            bounds.in_flight,
            "" if lease is None else lease,
            message.request_id,
        )
        if said == b"full":
            raise QueueFullError(_full(what.decode(), bounds))
        record = record_of(what)
        leased = lease is not None and said == b"made" and record.state == "leased"
        return Put(record, said == b"made", claimed_of(what) if leased else None)

    async def claim(self, bounds: Bounds, *, most: int, lease: float) -> tuple[Claimed, ...]:
        """Set right what is overdue, then lease up to `most` messages in order.

        A message that cannot be read is left alone until it has no attempt left.
        """
        rows = await self._run("claim", most, lease, bounds.in_flight, int(self._repeats))
        return tuple(readable(claimed_of, rows))

    # -- who has a message -----------------------------------------------------

    async def begin(self, receipt: Receipt, lease: float) -> bool:
        """Note that its bytes may leave from now on."""
        return await self._hold(receipt, "begin", lease)

    async def extend(self, receipt: Receipt, lease: float) -> bool:
        """Let it last `lease` seconds from now on."""
        return await self._hold(receipt, "extend", lease)

    async def sent(self, receipt: Receipt, platform_id: str) -> bool:
        """It was sent."""
        return await self._hold(receipt, "sent", platform_id)

    async def retry(self, receipt: Receipt, due_at: float, code: str, why: str) -> bool:
        """It failed for sure: queued until `due_at`, or dead."""
        return await self._hold(receipt, "retry", due_at, code, why)

    async def throttle(
        self, receipt: Receipt, until: float, why: str, *, whole_user: float = 0.0
    ) -> bool:
        """Put it off."""
        return await self._hold(receipt, "throttle", until, why, whole_user)

    async def bury(self, receipt: Receipt, code: str, why: str) -> bool:
        """It will never go."""
        return await self._hold(receipt, "bury", code, why)

    async def park(self, receipt: Receipt, code: str, why: str) -> bool:
        """Nobody knows whether it was sent."""
        return await self._hold(receipt, "park", code, why)

    # -- who asks --------------------------------------------------------------

    async def get(self, message_id: str) -> Record | None:
        """Return a message. Raises StoreError, too, for one that cannot be read."""
        return _found(await self._run("get", message_id))

    async def position(self, message_id: str) -> int | None:
        """Return how many queued messages of the same user go before it."""
        found: int | None = await self._run("position", message_id)
        return found

    async def list(self, which: Filter, *, limit: int, after: str = "") -> tuple[Record, ...]:
        """Return the oldest first by id, at most `limit`; without those that cannot be read."""
        if which.user is None:
            index = "ids" if which.state is None else f"ids:{which.state}"
        else:
            index = f"of:{which.user}" if which.state is None else f"in:{which.state}:{which.user}"
        priority = "" if which.priority is None else which.priority.value
        found: list[Record] = []
        while True:
            wanted = limit - len(found)
            looked_at = min(wanted, _LOOKED_AT) if priority == "" else _LOOKED_AT
            last, *rows = await self._run("list", index, after, looked_at, wanted, priority)
            found += readable(record_of, rows)
            after = last.decode()
            if not after or len(found) >= limit:
                return tuple(found)

    async def of_request(self, request_id: str) -> tuple[Record, ...]:
        """Return the messages that a request has brought, the oldest first."""
        rows = await self._run("of_request", request_id, ASKED_MOST) if request_id else ()
        return tuple(readable(record_of, rows))

    async def stats(self) -> Stats:
        """Count."""
        depth, oldest, minute, hour, paused = await self._run("stats")
        return Stats(
            {
                _depth_key(name.decode()): int(many)
                for name, many in zip(depth[::2], depth[1::2], strict=True)
                if int(many)
            },
            {Priority(place): float(due) for place, due in enumerate(oldest) if due},
            dict(zip(RATED, zip(minute, hour, strict=True), strict=True)),
            tuple(sorted(what.decode() for what in paused)),
        )

    # -- a person --------------------------------------------------------------

    async def approve(self, message_id: str, approval: Approval) -> Record | None:
        """Give a held message its approval."""
        return _found(await self._run("decide", message_id, "approve", approval_text(approval)))

    async def cancel(self, message_id: str) -> Record | None:
        """Cancel a held or queued message."""
        return _found(await self._run("decide", message_id, "cancel"))

    async def requeue(self, message_id: str, expires_at: float) -> Record | None:
        """Have a dead or uncertain message tried again; a queued one is due now."""
        return _found(await self._run("decide", message_id, "requeue", expires_at))

    async def settle(
        self, message_id: str, state: Literal["sent", "dead"], code: str, why: str
    ) -> Record | None:
        """Take a person's word for what became of a message."""
        return _found(await self._run("decide", message_id, "settle", state, code, why))

    async def purge(self, state: State, before: float) -> int:
        """Remove messages in an ended state that were last changed before this."""
        return int(await self._run("purge", state, before, PURGED))

    async def pause(self, what: str) -> bool:
        """Claim nothing of `what`."""
        pause_of(what)
        return bool(await self._run("pause", what, 1))

    async def resume(self, what: str) -> bool:
        """End a pause."""
        pause_of(what)
        return bool(await self._run("pause", what, 0))

    # -- the worker's clock ----------------------------------------------------

    async def next_moment(self) -> float | None:
        """Return when there is something to claim or to set right."""
        at = await self._run("moment")
        return None if at is None else float(at)

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` when another process rings, and after it could not be heard."""
        own = self._writer.encode()

        def told(writer: bytes) -> None:
            if writer != own:
                ring()

        await self._redis.listen(f"{self._root}:bell", told)

    async def trouble(self) -> str:
        """Return how this Redis may lose messages, and what to set; empty if it does not."""
        if await self._redis.call("HGET", f"{self._root}:meta", "version") is None:
            return (
                f"{self.url} has lost what it had: the messages that waited are gone; "
                "look why it was emptied, then reload"
            )
        info = await self._redis.call("INFO")
        if 0 < info.get("maxmemory", 0) < info.get("used_memory", 0):
            return (
                f"the memory of {self.url} is full: no message is taken until some are removed; "
                "raise maxmemory, or lower keep or most"
            )
        if not info.get("aof_enabled"):
            return (
                f"{self.url} writes no append-only file: messages are lost when it ends; "
                "set appendonly yes"
            )
        policy = str(info.get("maxmemory_policy"))
        if policy.startswith("allkeys"):
            return (
                f"{self.url} removes messages when its memory is full (maxmemory-policy {policy}); "
                "set maxmemory-policy noeviction"
            )
        return ""

    async def close(self) -> None:
        """Nothing is taken by `open`: who asked for `redis` closes it."""

    # -- inside ----------------------------------------------------------------

    async def _hold(self, receipt: Receipt, *what: str | float) -> bool:
        return bool(await self._run("hold", receipt.id, receipt.generation, *what))

    async def _run(self, script: str, *values: str | float) -> Any:
        """Run a script, whose token lets it know the same call when it is sent twice."""
        now = "" if self._now is None else self._now()
        token = f"{self._writer}:{next(self._calls)}"
        return await self._redis.run(_lua(script), (self._root,), (now, token, *values))


@cache
def _lua(name: str) -> str:
    common = (_LUA / "common.lua").read_text(encoding="utf-8")
    return common + (_LUA / f"{name}.lua").read_text(encoding="utf-8")


def _found(row: Any) -> Record | None:
    return record_of(row) if row else None


def _full(bound: str, bounds: Bounds) -> str:
    says = {
        "messages": f"the queue is full: it has {bounds.messages} messages",
        "user_messages": f"this user has {bounds.user_messages} messages in the queue already",
        "user_bytes": f"this user's messages would take more than {bounds.user_bytes} bytes",
    }
    return f"{says[bound]}; try again when some have been sent"


def _depth_key(name: str) -> tuple[Any, Priority]:
    state, priority = name.split(":")
    return state, Priority[priority]
