"""The proxy as a real process: started with a file, watched for faults, stopped by signal."""

import os
import random
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from tests.kit.client import Client
from tests.kit.forking import Forked, forked
from tests.kit.wire import DEADLINE

ROOT = Path(__file__).resolve().parents[2]
FAULT_WORDS = (
    "Traceback",
    "Exception ignored",
    "Task exception",
    "Task was destroyed",
    "was never awaited",
    "Unclosed ",
)
START_DEADLINE = 20.0
_BREATH = threading.Event()  # never set: only its bounded wait is used, between two looks


# Below those that the system gives to outgoing connections, each process of a parallel run in a
# stretch of its own; begun anywhere in it, so that a port just left is not taken at once.
_STRETCH = 2_000
_FIRST = 16_000 + _STRETCH * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8)
_ports = cycle(range(_FIRST, _FIRST + _STRETCH))
for _ in range(random.Random().randrange(_STRETCH)):
    next(_ports)


def free_port() -> int:
    """A loopback port that nothing listens on, and that was not given to anybody lately."""
    while True:
        port = next(_ports)
        with socket.socket() as sock, suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def wait_until(truth: Callable[[], bool], said: str, deadline: float = DEADLINE) -> None:
    """Ask again and again until it is true; fails with `said` when the deadline passes."""
    until = time.monotonic() + deadline
    while not truth():
        assert time.monotonic() < until, f"waited {deadline} s in vain until {said}"
        _BREATH.wait(0.01)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=DEADLINE).close()
    except OSError:
        return False
    return True


class RunningProxy:
    """`serve` with a configuration of its own on ports of its own.

    `config` is what the YAML file will hold; `listen` and `admin` are filled in when
    they are missing; with `tls` (certificate and key) it listens on `tls_port` too.
    Use it as a context manager: leaving stops the process and checks that it logged
    no exception.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        env: Mapping[str, str] | None = None,
        *,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="crossfade-test-")
        self.folder = Path(self._folder.name)
        self.port = free_port()
        self.tls_port = free_port()
        self.admin_port = free_port()
        self.config: dict[str, Any] = {
            "listen": self._listen(tls),
            "admin": {"listen": f"127.0.0.1:{self.admin_port}"},
            **config,
        }
        self.file = self.folder / "config.yaml"
        self._env = dict(env or {})
        self._read = 0
        self._process: Forked | None = None

    def _listen(self, tls: tuple[Path, Path] | None) -> Any:
        plain = f"127.0.0.1:{self.port}"
        if tls is None:
            return plain
        secure = {"cert": str(tls[0]), "key": str(tls[1])}
        return [plain, {"address": f"127.0.0.1:{self.tls_port}", "tls": secure}]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        code = self.stop()
        said = self.output()
        self._folder.cleanup()
        if kind is None:
            assert code == 0, f"the proxy ended with {code}:\n{said[-4000:]}"
            assert not faults(said), f"the proxy's output tells of faults:\n{said[-6000:]}"

    # -- life ------------------------------------------------------------------

    def write(self, config: Mapping[str, Any] | None = None) -> None:
        """Write the configuration file, in one step so that a watcher sees it whole."""
        if config is not None:
            self.config = {**self.config, **config}
        self.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def write_text(self, text: str) -> None:
        """Write the file with this text, right or wrong."""
        fresh = self.folder / "config.yaml.new"
        fresh.write_text(text)
        fresh.replace(self.file)

    def start(self) -> None:
        """Start the process and wait until it takes connections."""
        self._spawn()
        try:
            wait_until(self._answers, "the proxy listens", START_DEADLINE)
        except BaseException:
            said = self.output()
            self.stop()
            self._folder.cleanup()
            raise AssertionError(f"the proxy did not start:\n{said[-6000:]}") from None

    def run_to_end(self) -> tuple[int, str]:
        """Start a process that is expected to end by itself: its exit code and its output."""
        self._spawn()
        try:
            return self.process.wait(START_DEADLINE), self.output()
        finally:
            self.stop()
            self._folder.cleanup()

    def _spawn(self) -> None:
        self.write()
        environ = {k: v for k, v in os.environ.items() if not k.startswith("CROSSFADE")}
        with (self.folder / "output").open("wb") as output:
            self._process = forked(
                *("proxy", "serve", "--config", str(self.file)),
                stdout=output.fileno(),
                stderr=output.fileno(),
                env={**environ, **self._env},
            )

    def _answers(self) -> bool:
        assert self.process.poll() is None, f"ended with {self.process.returncode}"
        admin = self.config.get("admin") or {}
        port = str(admin.get("listen", "")).rpartition(":")[2]
        return self.takes_connections() and (not port.isdigit() or _listens(int(port)))

    def takes_connections(self) -> bool:
        """Tell whether the client port accepts a connection now."""
        return _listens(self.port)

    @property
    def process(self) -> Forked:
        """The process, once started."""
        assert self._process is not None, "the proxy was not started"
        return self._process

    def settle(self) -> None:
        """One round trip: afterwards the proxy has noticed what was reset before."""
        with self.connect() as client:
            client.offer(b"settle\r\n\r\n")
            client.read_to_end()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def wait(self, deadline: float = DEADLINE) -> int:
        """Wait for the process to end by itself; its exit code."""
        return self.process.wait(deadline)

    def stop(self, deadline: float = 15.0) -> int:
        """End by SIGTERM, by SIGKILL when that takes too long; the exit code."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(deadline)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait(DEADLINE)

    # -- what it says ----------------------------------------------------------

    def output(self) -> str:
        """Everything the process wrote to stdout and stderr so far."""
        return (self.folder / "output").read_text(errors="replace")

    def new_faults(self) -> str:
        """Output since the last call, if it tells of an exception; else empty."""
        with (self.folder / "output").open("rb") as output:
            output.seek(self._read)
            fresh = output.read()
        self._read += len(fresh)
        text = fresh.decode(errors="replace")
        return text if faults(text) else ""

    # -- clients ---------------------------------------------------------------

    def connect(self, **how: Any) -> Client:
        """Open a client connection."""
        return Client(self.port, **how)


def faults(output: str) -> list[str]:
    """The words in a process's output that tell of an exception nobody handled."""
    return [word for word in FAULT_WORDS if word in output]
