"""The processes of the demonstration: started, waited for, and ended by their own handles."""

import asyncio
import os
import re
import socket
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

ROOT = Path(__file__).resolve().parents[2]
APP = Path(__file__).with_name("app.py")
PORTS = {"proxy": 8080, "admin": 9090, "legacy": 3000, "provider": 3001}
LATENCY = 0.01  # seconds that the stand-in for the providers takes
KEYS = {"AZURE_OPENAI_API_KEY": "none", "OPENAI_API_KEY": "none"}  # yours stay where they are
START_SECONDS = 15.0
STOP_SECONDS = 15.0


class StageError(Exception):
    """A process of the demonstration did not come up, or did not do what it was told."""


def is_free(port: int) -> bool:
    """Whether a listener could take this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """Any loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def choose_ports() -> dict[str, int]:
    """The ports of config.yaml, each replaced by a free one where it is taken."""
    return {name: port if is_free(port) else free_port() for name, port in PORTS.items()}


def adapted(config: str, ports: dict[str, int]) -> str:
    """The text of config.yaml with the ports in use here."""

    def replace(found: re.Match[str]) -> str:
        names = [name for name, port in PORTS.items() if port == int(found[1])]
        return f"127.0.0.1:{ports[names[0]]}" if names else found[0]

    return re.sub(r"127\.0\.0\.1:(\d+)", replace, config)


def with_percentage(config: str, percentage: float) -> str:
    """The text of the configuration with another percentage."""
    return re.sub(r"(percentage:) [\d.]+", rf"\1 {percentage:g}", config, count=1)


class Stage:
    """Legacy app, stand-in for providers and proxy, with their configuration in a folder."""

    def __init__(self, folder: Path) -> None:
        self.ports = choose_ports()
        self.config = folder / "config.yaml"
        self.log = folder / "proxy.log"
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._admin: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where clients reach the proxy."""
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def admin_url(self) -> str:
        """Where the proxy tells about itself."""
        return f"http://127.0.0.1:{self.ports['admin']}"

    async def __aenter__(self) -> Self:
        self._admin = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2))
        try:
            await self._start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _start(self) -> None:
        source = (ROOT / "config.yaml").read_text(encoding="utf-8")
        self.config.write_text(adapted(source, self.ports), encoding="utf-8")
        legacy, provider = str(self.ports["legacy"]), str(self.ports["provider"])
        await self._launch("legacy", str(APP), "legacy", legacy)
        await self._until_ok("legacy", f"http://127.0.0.1:{legacy}/api/health")
        late = ("--latency", str(LATENCY))
        await self._launch("provider", "-m", "tests.kit.provider", "--port", provider, *late)
        await self._until_ok("provider", f"http://127.0.0.1:{provider}/v1/models")
        await self._launch("proxy", "-m", "proxy", "serve", "--config", str(self.config))
        await self._until_ok("proxy", f"{self.admin_url}/readyz")

    async def _launch(self, name: str, *arguments: str) -> None:
        with self.log.open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                *arguments,
                cwd=ROOT,
                env={**os.environ, **KEYS, "PYTHONUNBUFFERED": "1"},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches us alone; we end them in order
            )

    async def _until_ok(self, name: str, url: str) -> None:
        assert self._admin is not None
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._processes[name].returncode is not None:
                break
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._admin.get(url) as response:
                    if response.status == 200:
                        return
            await asyncio.sleep(0.05)
        raise StageError(f"{name} did not come up; its log:\n{self._log_tail()}")

    def _log_tail(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def warnings(self) -> list[str]:
        """What the proxy has warned of, the latest last: why users went back, say."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [one for one in lines if '"level":"warning"' in one or '"level":"error"' in one][
            -10:
        ]

    async def generation(self) -> int:
        """The number of the configuration generation that serves now."""
        assert self._admin is not None
        async with self._admin.get(f"{self.admin_url}/status") as response:
            status = await response.json()
        return int(status["generation"])

    async def costs(self) -> dict[str, Any]:
        """What calls to the providers have cost until now, as `crossfade costs --json` says it."""
        assert self._admin is not None
        async with self._admin.get(f"{self.admin_url}/plugins/cost_meter/report") as response:
            response.raise_for_status()
            told: dict[str, Any] = await response.json()
        return told

    async def set_percentage(self, percentage: float) -> None:
        """Edit the file as an operator's editor does, and wait until the proxy serves it."""
        before = await self.generation()
        edited = with_percentage(self.config.read_text(encoding="utf-8"), percentage)
        fresh = self.config.with_suffix(".yaml.new")
        fresh.write_text(edited, encoding="utf-8")
        fresh.replace(self.config)
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while await self.generation() == before:
            if asyncio.get_running_loop().time() > deadline:
                said = f"the edit to {percentage} % was not taken up; the log:\n{self._log_tail()}"
                raise StageError(said)
            await asyncio.sleep(0.05)

    async def _stop(self) -> None:
        if self._admin is not None:
            await self._admin.close()
        for name in ("proxy", "provider", "legacy"):
            if process := self._processes.get(name):
                await self._end(process)

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
