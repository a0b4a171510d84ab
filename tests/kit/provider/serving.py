"""The stand-in itself: a loopback server that speaks as OpenAI and as Azure OpenAI do."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from tests.kit.provider import bodies
from tests.kit.provider.bill import Bill, PriceList
from tests.kit.provider.bodies import Asked, Dialect
from tests.kit.provider.playing import Player
from tests.kit.provider.record import LEFT, WENT_DOWN, Entry, Record
from tests.kit.provider.steps import ANSWERS, Step, not_found, status, unauthorized
from tests.kit.standing_in import LoopbackServer, Scripts

AZURE = re.compile(r"/openai/deployments/([^/]+)/chat/completions")
ANY = "*"
MODELS = ("gpt-4o", "gpt-4o-mini")


class Provider(LoopbackServer):
    """Speaks both dialects on one loopback port; see `provider` for how it is started.

    What it does is scripted by the model's (Azure: the deployment's) name, ``*`` for all.
    A step that was queued by `script` is done once and goes before one that `stand` has set;
    without either it answers well.
    """

    def __init__(
        self,
        *,
        key: str = "",
        latency: float = 0.0,
        log: Path | None = None,
        prices: PriceList | None = None,
        bill: Path | None = None,
    ) -> None:
        """Keep the key that must be given (empty: any) and the seconds before each head.

        `bill` is the file for what is charged, by `prices`.
        """
        super().__init__()
        self.record = Record(log)
        self.bill = Bill(prices, bill)
        self._key = key
        self._latency = latency
        self._scripts: Scripts[tuple[str, str], Step] = Scripts()

    # -- where it is and what it saw ---------------------------------------------

    @property
    def url_openai(self) -> str:
        """The base URL of the OpenAI dialect."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def url_azure(self) -> str:
        """The endpoint of the Azure dialect."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def calls(self) -> list[Entry]:
        """All calls that arrived (the latest 10,000), refused ones too."""
        return list(self.record.entries)

    @property
    def log(self) -> list[Entry]:
        """The calls that were executed: an answer was begun, or kept back."""
        return [entry for entry in self.record.entries if entry.executed]

    @property
    def counts(self) -> Counter[str]:
        """All calls counted by how they ended; besides ``arrived`` and ``executed``."""
        return self.record.counts

    async def begun(self, calls: int = 1) -> None:
        """Wait until so many calls have begun. Raises TimeoutError."""
        await self.record.until(lambda: self.counts["arrived"] >= calls)

    async def ended(self, calls: int = 1) -> None:
        """Wait until so many calls have ended. Raises TimeoutError."""
        await self.record.until(lambda: sum(bool(entry.ended) for entry in self.calls) >= calls)

    # -- what it shall do --------------------------------------------------------

    def script(self, name: str, *steps: Step, times: int = 1, dialect: str = "") -> None:
        """Queue steps for the next calls, all of them `times` times over."""
        self._scripts.queue((dialect, name), steps * times)

    def stand(self, name: str, step: Step | None, *, dialect: str = "") -> None:
        """Treat every call like this from now on; None: answer well again."""
        self._scripts.stand((dialect, name), step)

    def clear(self) -> None:
        """Forget all that was scripted."""
        self._scripts.clear()

    def _next(self, name: str, dialect: str) -> Step:
        keys = ((dialect, name), ("", name), (dialect, ANY), ("", ANY))
        return self._scripts.next(keys, lambda: ANSWERS)

    # -- life --------------------------------------------------------------------

    async def down(self) -> None:
        """Refuse connections, and end those that there are, whatever they wait for."""
        for entry in self.record.entries:
            self.record.ends(entry, WENT_DOWN)
        await super().down()

    # -- serving -----------------------------------------------------------------

    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer in the dialect of the path."""
        path = request.path
        azure = AZURE.fullmatch(path)
        dialect: Dialect = "azure" if azure or path.startswith("/openai/") else "openai"
        if request.method == "GET" and path.endswith("/models"):
            return self._models()
        if azure is None and path != "/v1/chat/completions":
            return _refusal(404, not_found(), dialect)
        if request.method != "POST":
            return _refusal(405, status(405), dialect)
        if azure is not None and "api-version" not in request.query:
            return _refusal(404, status(404, message="Resource not found"), dialect)
        try:
            body = orjson.loads(await request.read())
            name = azure[1] if azure is not None else body["model"]
        except (ValueError, KeyError, TypeError):
            return _refusal(400, status(400), dialect)
        return await self._call(request, name, dialect, body)

    async def _call(
        self, request: web.BaseRequest, name: str, dialect: Dialect, body: dict[str, Any]
    ) -> web.StreamResponse:
        entry = self.record.arrives(name, dialect, request.headers, body)
        known = self._knows(request, dialect)
        step = self._next(name, dialect) if known else unauthorized()
        if self._latency:
            step = replace(step, before=step.before + self._latency)
        step = step.of_call(entry.number)
        asked = Asked(name, dialect, body, entry.number)
        if step.executed and step.billed:
            used = bodies.counted(asked, bodies.content_of(asked, step), step.tokens)
            self.bill.charge(entry, bodies.own_id(asked), used, bodies.tier_of(asked, step))
        self.record.begins(entry, executed=step.executed)
        try:
            return await Player(request, asked, step, entry, self.record).play()
        except (asyncio.CancelledError, ConnectionError):
            self.record.ends(entry, LEFT)
            raise asyncio.CancelledError from None

    def _knows(self, request: web.BaseRequest, dialect: Dialect) -> bool:
        if dialect == "azure":
            key = request.headers.get("api-key", "")
        else:
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            key = key if scheme == "Bearer" else ""
        return key == self._key if self._key else bool(key)

    def _models(self) -> web.Response:
        listed = [
            {"id": name, "object": "model", "created": bodies.CREATED, "owned_by": "stand-in"}
            for name in MODELS
        ]
        return web.json_response({"object": "list", "data": listed})


def _refusal(number: int, step: Step, dialect: Dialect) -> web.Response:
    """A refusal of something that is no call at all."""
    body = bodies.error(step, dialect)
    return web.Response(status=number, body=body, content_type="application/json")


@asynccontextmanager
async def provider(
    *,
    key: str = "",
    latency: float = 0.0,
    log: Path | None = None,
    prices: PriceList | None = None,
    bill: Path | None = None,
    port: int = 0,
) -> AsyncIterator[Provider]:
    """Run a stand-in on this loop for the length of the block."""
    running = Provider(key=key, latency=latency, log=log, prices=prices, bill=bill)
    running.port = port
    await running.up()
    try:
        yield running
    finally:
        await running.down()
        running.record.close()
        running.bill.close()
