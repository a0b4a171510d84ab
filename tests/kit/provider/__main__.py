"""The stand-in as a process: `python -m tests.kit.provider --port 0 --log FILE`.

Prints where it listens as one line of JSON, and ends by SIGTERM or SIGINT. `controlling` says how
it is told what to do; each call's begin and end is a line of FILE, written at once. So is, with
`--bill FILE`, what each call is charged, by the prices that `POST /_prices` has told.
"""

import argparse
import asyncio
import json
import signal
from pathlib import Path

import uvloop

from tests.kit.provider.controlling import Control
from tests.kit.provider.serving import provider


async def run(port: int, log: Path | None, bill: Path | None, latency: float, key: str) -> None:
    """Serve until a signal."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    async with provider(key=key, latency=latency, log=log, bill=bill, port=port) as there:
        there.control(Control(there))
        where = {"port": there.port, "openai": there.url_openai, "azure": there.url_azure}
        print(json.dumps(where), flush=True)
        await ended.wait()


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.kit.provider")
    parser.add_argument("--port", type=int, default=0, help="0: any")
    parser.add_argument("--log", type=Path, help="a file for each call's begin and end")
    parser.add_argument("--bill", type=Path, help="a file for what each call is charged")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--key", default="", help="the key that must be given; default: any")
    said = parser.parse_args()
    uvloop.run(run(said.port, said.log, said.bill, said.latency, said.key))


if __name__ == "__main__":
    main()
