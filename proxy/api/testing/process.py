"""The process of a real proxy: its files, its start, its log, its end."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import orjson

from proxy.api.testing.echo import EchoUpstream

__all__ = ["ProxyError", "ServingProcess"]

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0
_LOG_SECONDS = 10.0
_BETWEEN_LOOKS = 0.01
_ATTEMPTS = 3
_TOLD_LOG = 8_000
_MOST_LOG = 64 * 1024 * 1024
_TOP_LEVEL = re.compile(r"^([A-Za-z_]+) *:", re.MULTILINE)
# The folder in which the package `proxy` is.
_HOME = Path(__file__).resolve().parents[3]


class ProxyError(Exception):
    """The proxy did not do what every proxy does: start, log, stop. Its log is in the text."""


class ServingProcess:
    """`python -m proxy serve` in `folder`, with free ports and the upstream `legacy`."""

    def __init__(self, folder: Path, upstream: EchoUpstream, env: dict[str, str]) -> None:
        """Write nothing and start nothing yet."""
        self.folder = folder
        self.address = ""
        self.admin_address = ""
        self._upstream = upstream
        self._env = env
        self._admin_port = 0
        self._config = ""
        self._process: subprocess.Popen[bytes] | None = None

    # its files

    def write_plugin(self, name: str, source: str) -> None:
        """Write a file in the folder ``plugins``: ``hello`` is ``hello.py``.

        Raises ValueError for a path that leads elsewhere.
        """
        path = name if name.endswith(".py") or "/" in name else f"{name}.py"
        plugins = (self.folder / "plugins").resolve()
        file = (plugins / path).resolve()
        if not file.is_relative_to(plugins):
            raise ValueError(f"{name!r} is not in the folder plugins")
        _write(file, source)

    def write_config(self, config: str) -> None:
        """Write the configuration file with what it leaves out."""
        self._config = config
        self._admin_port = self._admin_port or _free_port()
        (self.folder / "plugins").mkdir(exist_ok=True)
        said = set(_TOP_LEVEL.findall(config))
        filled = {
            "listen": "127.0.0.1:0",
            "admin": f'{{listen: "127.0.0.1:{self._admin_port}"}}',
            "upstreams": f'{{legacy: {{url: "{self._upstream.url}"}}}}',
            "plugins": "{path: [plugins]}",
        }
        more = [f"{key}: {value}\n" for key, value in filled.items() if key not in said]
        # At the end: the lines that problems name are those of the author.
        _write(self.folder / "config.yaml", f"{config.rstrip()}\n{''.join(more)}")

    # its life

    async def start(self) -> None:
        """Start, and wait until it serves. Raises ProxyError if it does not."""
        for attempt in range(1, _ATTEMPTS + 1):
            self._spawn()
            try:
                serving = await self._serving()
            except ProxyError:
                taken = "in use" in self.output() and "listen" not in self._config
                if attempt == _ATTEMPTS or not taken:
                    raise
                # Somebody else got the port in between.
                await self.stop()
                self._admin_port = 0
                self.write_config(self._config)
                continue
            self.address = serving["listen"][0]
            self.admin_address = serving.get("admin") or ""
            return

    async def stop(self) -> None:
        """End the process: it may finish what is under way for ten seconds."""
        process = self._process
        if process is None:
            return
        process.terminate()
        if not await _soon(lambda: process.poll() is not None, _STOP_SECONDS):
            process.kill()
            await _soon(lambda: process.poll() is not None, _STOP_SECONDS)

    async def _serving(self) -> dict[str, Any]:
        process = self._process
        ended = False

        def settled() -> bool:
            nonlocal ended
            ended = process is None or process.poll() is not None
            return ended or bool(self._found("serving"))

        await _soon(settled, _START_SECONDS)
        found = self._found("serving")
        if found and not ended:
            return found[0]
        code = None if process is None else process.returncode
        what = f"it ended with exit code {code}" if ended else f"in {_START_SECONDS:g} s"
        raise ProxyError(f"the proxy did not start ({what}):\n{self._tail()}")

    def _spawn(self) -> None:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("CROSSFADE")}
        environment |= {"UPSTREAM": self._upstream.url, **self._env}
        if Path(sysconfig.get_path("purelib")).resolve() != _HOME:
            known = environment.get("PYTHONPATH", "")
            environment["PYTHONPATH"] = f"{_HOME}{os.pathsep}{known}" if known else str(_HOME)
        with (self.folder / "output").open("wb") as output:
            # -P: the folder `plugins` must not be taken for a package of this name.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "proxy", "serve", "--config", "config.yaml"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=environment,
            )

    # its log

    def output(self) -> str:
        """Return what it has written so far; only the last 64 MiB of very much."""
        file = self.folder / "output"
        if not file.exists():
            return ""
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - _MOST_LOG))
            return stream.read().decode("utf-8", "replace")

    async def lines(self, event: str, times: int) -> list[dict[str, Any]]:
        """Wait until the log has so many lines of an event. Raises ProxyError after ten seconds."""
        if not await _soon(lambda: len(self._found(event)) >= times, _LOG_SECONDS):
            raise ProxyError(
                f"the log has {len(self._found(event))} lines of {event!r} after "
                f"{_LOG_SECONDS:g} s, not {times}:\n{self._tail()}"
            )
        return self._found(event)

    def _found(self, event: str) -> list[dict[str, Any]]:
        found = []
        for line in self.output().splitlines():
            if event in line and line.startswith("{"):
                try:
                    told = orjson.loads(line)
                except ValueError:
                    continue  # a line that is being written
                if told.get("event") == event:
                    found.append(told)
        return found

    def _tail(self) -> str:
        return self.output()[-_TOLD_LOG:] or "(it wrote nothing)"


async def _soon(truth: Any, seconds: float) -> bool:
    """Ask again and again until it is true, for at most so many seconds."""
    until = time.monotonic() + seconds
    while not truth():
        if time.monotonic() > until:
            return False
        await asyncio.sleep(_BETWEEN_LOOKS)
    return True


def _write(file: Path, text: str) -> None:
    """Write a file in one step, so that whoever watches sees it whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(file)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port
