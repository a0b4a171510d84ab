"""Runs the demonstration: `python -m scripts.demonstration [--fast] [--keep]`."""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scripts.demonstration.stage import Stage, StageError
from scripts.demonstration.traffic import WANTED, Population, Tally, Traffic
from scripts.demonstration.view import View

STEPS = (5, 25, 50, 100)
PATIENCE = 30  # seconds that a step may be late


class Pace(NamedTuple):
    """Seconds per step and requests per second."""

    step: float
    rate: float


NORMAL = Pace(step=8.0, rate=250)
FAST = Pace(step=1.6, rate=700)


async def hold(tally: Tally, seconds: float) -> None:
    """Keep a step for so long, and until every user was answered, unless all goes wrong."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await tally.hopeless.wait()
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            await tally.everyone_answered.wait()
    tally.holds = False
    if tally.hopeless.is_set():
        raise StageError(f"most requests fail, the first one: {tally.first_failure}")


async def run_steps(stage: Stage, population: Population, view: View, pace: Pace) -> None:
    """Walk through the percentages; each step lasts until every user was answered."""
    for number, percentage in enumerate(STEPS):
        if number > 0:
            await stage.set_percentage(percentage)
        tally = population.begin_step()
        view.begin(percentage, tally)
        await hold(tally, pace.step)
        view.finished()


async def under_traffic(stage: Stage, view: View, pace: Pace) -> None:
    """Run the steps while the users keep asking."""
    population = Population()
    stop = asyncio.Event()
    traffic = Traffic(f"{stage.url}/api/campaigns", population, pace.rate)
    sending = asyncio.create_task(traffic.run(stop))
    try:
        await run_steps(stage, population, view, pace)
    finally:
        stop.set()
        await sending


def announce(stage: Stage, view: View) -> None:
    """Say what is left running and what to try."""
    view.say("\nStill running; Ctrl-C ends it. Try:")
    view.say(
        f"  curl -i -H 'X-User-Id: user-0001' -d '{json.dumps(WANTED)}' {stage.url}/api/campaigns"
    )
    view.say(f"  curl {stage.admin_url}/status    and    {stage.admin_url}/metrics")
    view.say(f"  .venv/bin/crossfade costs --by arm --by model --config {stage.config}")
    view.say(f"  edit the percentage in {stage.config}")


async def demonstrate(pace: Pace, *, keep: bool) -> int:
    """Run everything; the exit code is 0 only when every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="crossfade-demo-") as folder:
        async with Stage(Path(folder)) as stage:
            view = View(stage.url)
            with view:
                await under_traffic(stage, view, pace)
            kept = view.summary()
            view.costs(await stage.costs())
            if not kept:
                for warning in stage.warnings():
                    view.say(f"the proxy said: {warning}")
            if keep:
                announce(stage, view)
                await asyncio.Event().wait()
    return 0 if kept else 1


async def until_signalled(pace: Pace, *, keep: bool) -> int:
    """Like `demonstrate`, but SIGTERM also ends it in order."""
    task = asyncio.create_task(demonstrate(pace, keep=keep))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with suppress(asyncio.CancelledError):
        return await task
    # Ctrl-C is how --keep is meant to end; in mid-demonstration it is a failure.
    return 0 if keep else 130


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--fast", action="store_true", help="about ten seconds in all")
    parser.add_argument("--keep", action="store_true", help="leave it running until Ctrl-C")
    arguments = parser.parse_args()
    pace = FAST if arguments.fast else NORMAL
    try:
        return asyncio.run(until_signalled(pace, keep=arguments.keep))
    except StageError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
