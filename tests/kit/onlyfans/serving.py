"""The stand-in itself: a loopback server that takes messages as the platform does."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from tests.kit.onlyfans.policing import Police
from tests.kit.onlyfans.record import LEFT, REPLAYED, WENT_DOWN, Call, Execution, Record
from tests.kit.onlyfans.steps import ANSWERS, Step, Trouble, status
from tests.kit.standing_in import LoopbackServer, Scripts

ANY = "*"
LINGER_NOT = struct.pack("ii", 1, 0)  # close sends RST
TYPES = ("welcome", "follow_up", "promotional", "custom")


class OnlyFans(LoopbackServer):
    """Takes messages on one loopback port; see `onlyfans` for how it is started.

    What it does is scripted by the recipient's id, ``*`` for all. A step that was queued by
    `script` is done once and goes before one that `stand` has set, and that before `trouble`;
    without any it executes and answers well.
    """

    def __init__(
        self,
        *,
        token: str = "",
        idempotent: bool = False,
        log: Path | None = None,
        police: Police | None = None,
    ) -> None:
        """Keep the token that must be given (empty: any).

        `idempotent`: a key that was executed once is answered again, and not executed again.
        """
        super().__init__()
        self.record = Record(log)
        self._token = token
        self._idempotent = idempotent
        self._police = police
        self._scripts: Scripts[str, Step] = Scripts()
        self._trouble: Trouble | None = None
        self._word = asyncio.Event()
        self.waiting = 0
        """How many calls are not answered before the client leaves or the test says `go`."""

    # -- where it is and what it saw ---------------------------------------------

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Call]:
        """All requests that were understood (the latest 100,000), refused ones too."""
        return list(self.record.calls)

    @property
    def executions(self) -> list[Execution]:
        """All messages that were sent on."""
        return list(self.record.executions)

    @property
    def counts(self) -> Counter[str]:
        """All calls counted by how they ended; besides ``arrived`` and ``executed``."""
        return self.record.counts

    @property
    def violations(self) -> Counter[str]:
        """How often each of the platform's rules was broken; empty where nobody watches."""
        return Counter() if self._police is None else self._police.violations

    async def begun(self, calls: int = 1) -> None:
        """Wait until so many calls have arrived. Raises TimeoutError."""
        await self.record.until(lambda: self.counts["arrived"] >= calls)

    async def executed(self, messages: int = 1) -> None:
        """Wait until so many messages were sent on. Raises TimeoutError."""
        await self.record.until(lambda: len(self.record.executions) >= messages)

    async def ended(self, calls: int = 1) -> None:
        """Wait until so many calls have ended. Raises TimeoutError."""
        await self.record.until(lambda: sum(bool(one.ended) for one in self.calls) >= calls)

    # -- what it shall do --------------------------------------------------------

    def script(self, recipient: str, *steps: Step, times: int = 1) -> None:
        """Queue steps for the next calls, all of them `times` times over."""
        self._scripts.queue(recipient, steps * times)

    def stand(self, recipient: str, step: Step | None) -> None:
        """Treat every call like this from now on; None: answer well again."""
        self._scripts.stand(recipient, step)

    def trouble(self, trouble: Trouble | None) -> None:
        """Have some calls go wrong by chance from now on; None: none."""
        self._trouble = trouble

    def go(self) -> None:
        """Say the word for which the steps wait that wait for it."""
        self._word.set()
        self._word = asyncio.Event()

    def clear(self) -> None:
        """Forget all that was scripted."""
        self._scripts.clear()
        self._trouble = None

    def _next(self, recipient: str) -> Step:
        by_chance = self._trouble.next if self._trouble is not None else lambda: ANSWERS
        return self._scripts.next((recipient, ANY), by_chance)

    # -- life --------------------------------------------------------------------

    async def down(self) -> None:
        """Refuse connections, and end those that there are, whatever they wait for."""
        for call in self.record.calls:
            self.record.ends(call, WENT_DOWN)
        await super().down()

    # -- serving -----------------------------------------------------------------

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Take a message, or refuse it."""
        if (request.method, request.path) != ("POST", "/messages"):
            return _refusal(status(404))
        try:
            body = orjson.loads(await request.read())
        except ValueError:
            return _refusal(status(400))
        if not isinstance(body, dict):
            return _refusal(status(400))
        call = self.record.arrives(request.headers.items(), body)
        refused = self._refused(request, call)
        step = refused or self._next(body["recipientId"])
        try:
            return await self._play(request, call, step)
        except (asyncio.CancelledError, ConnectionError):
            self.record.ends(call, LEFT)
            raise asyncio.CancelledError from None

    def _refused(self, request: web.BaseRequest, call: Call) -> Step | None:
        """How the platform refuses what is not right, whatever was scripted."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not token or token != (self._token or token):
            return status(401)
        if not call.key:
            return status(400)
        if not _is_message(call.body):
            return status(422)
        if not _is_approved(call.body.get("humanApproval")):
            return status(403, code="HUMAN_APPROVAL_REQUIRED")
        return None

    async def _play(self, request: web.BaseRequest, call: Call, step: Step) -> web.StreamResponse:
        await self._waits(step, "executing", step.before)
        done = self.record.by_key.get(call.key) if self._idempotent else None
        if done is not None and step.executed:
            step = Step(name=REPLAYED)
        elif step.executed:
            done = self.record.executes(call)
            if self._police is not None:
                self._police.sees(done)
        await self._waits(step, "answering", step.after)
        # Its end is recorded before the answer goes out: who has the answer finds it there.
        if step.then != "hang":
            self.record.ends(call, step.name)
        if step.then:
            _break_off(request, step)
            await self._held(asyncio.Event())  # the server cancels whoever serves it at its end
        if step.status >= 400:
            return _refusal(step)
        body = orjson.dumps({"id": done.platform_id}) if done is not None else b"{}"
        raw = body if step.raw is None else step.raw.encode()
        return _json(step, raw)

    async def _waits(self, step: Step, before: str, seconds: float) -> None:
        if seconds:  # no turn otherwise: who is told of a call finds it waiting for the word
            await asyncio.sleep(seconds)
        if step.waits == before:
            await self._held(self._word)

    async def _held(self, word: asyncio.Event) -> None:
        self.waiting += 1
        try:
            await word.wait()
        finally:
            self.waiting -= 1


def _is_message(body: dict[str, Any]) -> bool:
    texts = all(isinstance(body.get(name), str) for name in ("recipientId", "content"))
    media = body.get("mediaUrls", [])
    return (
        texts
        and body.get("messageType") in TYPES
        and isinstance(media, list)
        and all(isinstance(one, str) for one in media)
    )


def _is_approved(approval: Any) -> bool:
    if not isinstance(approval, dict) or not isinstance(approval.get("wasModified"), bool):
        return False
    try:
        at = datetime.fromisoformat(approval["approvedAt"])
    except (KeyError, TypeError, ValueError):
        return False
    return bool(approval.get("approvedBy")) and at.tzinfo is not None


def _refusal(step: Step) -> web.Response:
    body = orjson.dumps(step.error) if step.raw is None else step.raw.encode()
    return _json(step, body)


def _json(step: Step, body: bytes) -> web.Response:
    head = {"content-type": "application/json", **step.headers}
    return web.Response(status=step.status, body=body, headers=head)


def _break_off(request: web.BaseRequest, step: Step) -> None:
    """End the connection, or leave its end to the client."""
    transport = request.transport
    if transport is not None and step.then == "reset":
        handle = transport.get_extra_info("socket").fileno()
        with socket.fromfd(handle, socket.AF_INET, socket.SOCK_STREAM) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        transport.abort()
    elif transport is not None and step.then == "close":
        transport.close()


@asynccontextmanager
async def onlyfans(
    *,
    token: str = "",
    idempotent: bool = False,
    log: Path | None = None,
    police: Police | None = None,
    port: int = 0,
) -> AsyncIterator[OnlyFans]:
    """Run a stand-in on this loop for the length of the block."""
    running = OnlyFans(token=token, idempotent=idempotent, log=log, police=police)
    running.port = port
    await running.up()
    try:
        yield running
    finally:
        await running.down()
        running.record.close()
