"""The stand-in told by HTTP what to do, where it is a process of its own.

POST   /_script  {"name": "*", "step": {...}, "times": 2, "dialect": ""}; times null: standing,
                 then step null: answer well again. The step's words are those of `Step`.
DELETE /_script  forget all that was scripted
GET    /_log     {"calls": [...], "counts": {...}}; the latest 10,000 calls
POST   /_down    {"seconds": 3}: refuse connections for so long
GET    /_bill    {"charges": [...], "total_nano_usd": 0}; see `bill.Charge`
GET    /_bill.csv  the same as a provider exports it
POST   /_prices  {"gpt-4o-mini": {"input": "0.15", "output": "0.60"}}: charge by these from now on
"""

import asyncio

import orjson
from aiohttp import web

from tests.kit.provider.serving import Provider
from tests.kit.provider.steps import Step

MOST_TIMES = 100_000
LONGEST_DOWN = 600.0


class Control:
    """Answers the paths above for one stand-in."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._returning: set[asyncio.Task[None]] = set()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Do what is asked; 400 with the reason where it makes no sense."""
        try:
            match request.method, request.path:
                case "POST", "/_script":
                    self._script(orjson.loads(await request.read()))
                case "DELETE", "/_script":
                    self._provider.clear()
                case "GET", "/_log":
                    return self._log()
                case "GET", "/_bill":
                    said = orjson.dumps(self._provider.bill.to_json())
                    return web.Response(body=said, content_type="application/json")
                case "GET", "/_bill.csv":
                    return web.Response(text=self._provider.bill.to_csv(), content_type="text/csv")
                case "POST", "/_prices":
                    self._provider.bill.price(orjson.loads(await request.read()))
                case "POST", "/_down":
                    self._leave(orjson.loads(await request.read()))
                case _:
                    return web.Response(status=404, text="there is no such control")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return web.Response(status=400, text=f"{type(error).__name__}: {error}")
        return web.Response(status=204)

    def _script(self, said: dict[str, object]) -> None:
        name, dialect, times = str(said["name"]), str(said.get("dialect", "")), said.get("times", 1)
        spoken = said["step"]
        step = Step.from_json(spoken) if isinstance(spoken, dict) else None
        if times is None:
            self._provider.stand(name, step, dialect=dialect)
        elif step is None or not isinstance(times, int) or not 0 < times <= MOST_TIMES:
            raise ValueError(
                f"a step, and times from 1 to {MOST_TIMES}, or null for a standing one"
            )
        else:
            self._provider.script(name, step, times=times, dialect=dialect)

    def _log(self) -> web.Response:
        calls = [entry.to_json() for entry in self._provider.calls]
        said = orjson.dumps({"calls": calls, "counts": self._provider.counts})
        return web.Response(body=said, content_type="application/json")

    def _leave(self, said: dict[str, float]) -> None:
        seconds = min(float(said["seconds"]), LONGEST_DOWN)
        task = asyncio.create_task(self._away(seconds))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _away(self, seconds: float) -> None:
        await self._provider.down()
        await asyncio.sleep(seconds)
        await self._provider.up()
