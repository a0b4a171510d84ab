"""`crossfade serve`: run the proxy until it is told to stop."""

import asyncio
import gc
import os
import signal
from pathlib import Path
from typing import Annotated

import typer
import uvloop

from proxy.config import ConfigError
from proxy.controlplane.process import ProxyProcess, StartError

FAILED = 1
UNUSABLE = 2

YOUNG = 3_000
"""So many more objects there are before the collector of garbage looks at the latest. A request
makes some hundreds, nearly all of which are gone with it; by default it looks at each one's."""


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path(
        "config.yaml"
    ),
) -> None:
    """Serve a configuration file until SIGTERM or SIGINT; SIGHUP reads it and its plugins again.

    They are also watched: a change is served within a second, a broken one is not.
    Exit codes: 0 drained and stopped, 1 an address cannot be had, 2 the file is not usable.
    """
    try:
        uvloop.run(_serve(config))
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from None
    except StartError as error:
        typer.echo(f"crossfade cannot start: {error}", err=True)
        raise typer.Exit(FAILED) from None


async def _serve(config: Path) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # Until there is something to reload, a SIGHUP must not end the process.
    loop.add_signal_handler(signal.SIGHUP, bool)
    proxy = ProxyProcess(config, os.environ)
    reloads: set[asyncio.Task[object]] = set()

    def reload() -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(proxy.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    await _started(proxy)
    loop.add_signal_handler(signal.SIGHUP, reload)
    await stop.wait()
    await proxy.drain()


async def _started(proxy: ProxyProcess) -> None:
    """Start, and have the collector of garbage leave alone what is there by then.

    Nearly all of it (code, schemas, the list of prices) stays to the end. Each time the collector
    went through it the event loop stood still for a tenth of a second and more.
    """
    gc.disable()
    try:
        await proxy.start()
        gc.freeze()
        gc.set_threshold(YOUNG)
    finally:
        gc.enable()
