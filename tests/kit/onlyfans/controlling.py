"""The stand-in told by HTTP what to do, where it is a process of its own.

POST   /_script   {"recipient": "*", "step": {...}, "times": 2}; times null: standing, then step
                  null: answer well again. The step's words are those of `Step`.
POST   /_trouble  {"share": 0.1, "steps": [...], "seed": 1}
DELETE /_script   forget all that was scripted
GET    /_record   {"executions": [...], "counts": {...}, "violations": {...}}
POST   /_down     {"seconds": 3}: refuse connections for so long
"""

import asyncio
from typing import Any

import orjson
from aiohttp import web

from tests.kit.onlyfans.serving import OnlyFans
from tests.kit.onlyfans.steps import Step, Trouble

MOST_TIMES = 100_000
LONGEST_DOWN = 600.0


class Control:
    """Answers the paths above for one stand-in."""

    def __init__(self, there: OnlyFans) -> None:
        self._there = there
        self._returning: set[asyncio.Task[None]] = set()

    async def __call__(self, request: web.BaseRequest) -> web.Response:
        """Do what is asked; 400 with the reason where it makes no sense."""
        try:
            match request.method, request.path:
                case "POST", "/_script":
                    self._script(orjson.loads(await request.read()))
                case "POST", "/_trouble":
                    said = orjson.loads(await request.read())
                    steps = tuple(map(Step.from_json, said["steps"]))
                    self._there.trouble(Trouble(said["share"], steps, said.get("seed", 0)))
                case "DELETE", "/_script":
                    self._there.clear()
                case "GET", "/_record":
                    return self._record()
                case "POST", "/_down":
                    self._leave(orjson.loads(await request.read()))
                case _:
                    return web.Response(status=404, text="there is no such control")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return web.Response(status=400, text=f"{type(error).__name__}: {error}")
        return web.Response(status=204)

    def _script(self, said: dict[str, Any]) -> None:
        step = None if said["step"] is None else Step.from_json(said["step"])
        times = said.get("times", 1)
        if times is None:
            self._there.stand(said["recipient"], step)
        elif step is None or not 0 < times <= MOST_TIMES:
            raise ValueError(f"a step, and times from 1 to {MOST_TIMES}, or null: standing")
        else:
            self._there.script(said["recipient"], step, times=times)

    def _record(self) -> web.Response:
        there = self._there
        said = {
            "executions": [one._asdict() for one in there.executions],
            "counts": there.counts,
            "violations": there.violations,
        }
        return web.Response(body=orjson.dumps(said), content_type="application/json")

    def _leave(self, said: dict[str, float]) -> None:
        task = asyncio.create_task(self._away(min(float(said["seconds"]), LONGEST_DOWN)))
        self._returning.add(task)
        task.add_done_callback(self._returning.discard)

    async def _away(self, seconds: float) -> None:
        await self._there.down()
        await asyncio.sleep(seconds)
        await self._there.up()
