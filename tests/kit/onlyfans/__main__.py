"""The stand-in as a process: `python -m tests.kit.onlyfans --port 0 --log FILE`.

Prints where it listens as one line of JSON, and ends by SIGTERM or SIGINT. `controlling` says how
it is told what to do; each execution is a line of FILE, written before it is answered, and what
FILE holds already was executed before.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop

from tests.kit.onlyfans.controlling import Control
from tests.kit.onlyfans.policing import Police
from tests.kit.onlyfans.serving import onlyfans


async def run(said: argparse.Namespace) -> None:
    """Serve until a signal."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    police = Police(slack=said.slack) if said.police else None
    async with onlyfans(
        token=said.token,
        idempotent=said.idempotent,
        log=said.log,
        police=police,
        port=said.port,
    ) as there:
        there.control(Control(there))
        print(json.dumps({"port": there.port, "url": there.url}), flush=True)
        await ended.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.onlyfans")
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--log", type=Path, help="a file, a line for each execution")
    parser.add_argument("--token", default="", help="the token that must be given; default: any")
    parser.add_argument("--idempotent", action="store_true", help="execute each key once")
    parser.add_argument("--police", action="store_true", help="count violations of the limits")
    parser.add_argument("--slack", type=float, default=0.0, help="seconds; see Police")
    uvloop.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
