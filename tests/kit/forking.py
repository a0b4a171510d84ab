"""Processes of our own modules, started quickly: a process that has imported all splits them off.

    process = forked("proxy", "serve", "--config", file, stdout=output, stderr=output)

Three quarters of what `python -m proxy` takes until it serves are imports, the same each time. The
nursery does them once for all processes of a test run. From there on a process that it splits off
is one of its own: its arguments, its environment, its folder, its end, with all that Python does at
an end. What starts like an operator's process (`real_proxy`, the scripts) does not come from here.
"""

import atexit
import json
import os
import runpy
import selectors
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
_IMPORTED = (
    *("proxy.cli.main", "proxy.cli.serve", "openai", "redis.asyncio", "uvloop", "aiohttp.web"),
    *("tests.kit.onlyfans", "tests.kit.provider"),
)


class Forked:
    """A process from the nursery, with those methods of `subprocess.Popen` that tests use."""

    def __init__(self, args: list[str], news: socket.socket) -> None:
        """Keep where news of it come from: the first says its number, the second how it ended."""
        self.args = args
        self.returncode: int | None = None
        self._news = news
        self._lines = b""
        self.pid = int(self._line(None))

    def poll(self) -> int | None:
        """Return how it ended, as `subprocess` says it; None: it has not."""
        with suppress(subprocess.TimeoutExpired):
            return self.wait(0.0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if self.returncode is None:
            self.returncode = int(self._line(timeout))
            self._news.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def _line(self, timeout: float | None) -> str:
        self._news.settimeout(timeout)
        while b"\n" not in self._lines:
            try:
                got = self._news.recv(64)
            except (TimeoutError, BlockingIOError):
                raise subprocess.TimeoutExpired(self.args, timeout or 0.0) from None
            if not got:
                self._news.close()
                raise AssertionError(f"the nursery has ended, and nobody knows of {self.args}")
            self._lines += got
        line, _, self._lines = self._lines.partition(b"\n")
        return line.decode()


def forked(
    module: str,
    *arguments: str,
    stdout: int,
    stderr: int,
    env: Mapping[str, str] | None = None,
    cwd: Path = _ROOT,
) -> Forked:
    """Run `python -m MODULE ARGUMENTS`; `stdout` and `stderr` are open files, by number."""
    nursery = _Nursery.of_this_process()
    said = {
        "module": module,
        "arguments": arguments,
        "env": dict(os.environ if env is None else env),
        "cwd": str(cwd),
    }
    ours, theirs = socket.socketpair()
    with theirs:
        nursery.ask(json.dumps(said).encode(), [theirs.fileno(), stdout, stderr])
    return Forked([module, *arguments], ours)


class _Nursery:
    """The one of this process, as this process sees it."""

    _one: "_Nursery | None" = None
    _alone = threading.Lock()
    """For one who asks at a time: tests start several processes at once, in threads."""

    @classmethod
    def of_this_process(cls) -> "_Nursery":
        """Start it where there is none."""
        with cls._alone:
            if cls._one is None or cls._one._process.poll() is not None:
                cls._one = cls()
            return cls._one

    def __init__(self) -> None:
        self._asks, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.kit.forking", str(theirs.fileno())],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
            )
        atexit.register(self._end)

    def ask(self, said: bytes, files: list[int]) -> None:
        """Have it split a process off."""
        head = len(said).to_bytes(4, "big")
        with self._alone:
            socket.send_fds(self._asks, [head], files)
            self._asks.sendall(said)

    def _end(self) -> None:
        self._asks.close()
        self._process.wait()


# -- in the nursery ------------------------------------------------------------------


class _Begun(Exception):  # noqa: N818 (no error: the way out of the loop for a process that begins)
    """This is a new process, and this is what it shall run."""

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said


class _Serving:
    """Splits off what it is asked for, and tells whoever asked of each one's end."""

    def __init__(self, asks: socket.socket) -> None:
        self._asks = asks
        self._news: dict[int, socket.socket] = {}
        self._woken, self._wakes = socket.socketpair()
        self._wakes.setblocking(False)

    def serve(self) -> None:
        """Serve until nobody asks any more. Raises _Begun in each process that it splits off."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._asks, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    if key.fileobj is self._woken:
                        self._woken.recv(4096)
                        self._reap()
                    elif not self._split_off():
                        return

    def _reap(self) -> None:
        while self._news:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            with self._news.pop(pid) as news, suppress(OSError):
                news.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def _split_off(self) -> bool:
        head, files, _, _ = socket.recv_fds(self._asks, 4, 3)
        if not head:
            return False
        said = json.loads(_exactly(self._asks, int.from_bytes(head, "big")))
        news = socket.socket(fileno=files[0])
        pid = os.fork()
        if pid == 0:
            self._forget(news)
            _take_place(files[1], files[2], said)
            raise _Begun(said)
        for file in files[1:]:
            os.close(file)
        self._news[pid] = news
        with suppress(OSError):
            news.sendall(b"%d\n" % pid)
        return True

    def _forget(self, news: socket.socket) -> None:
        """Leave all that is the nursery's, in a process that it has split off."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (news, self._asks, self._woken, self._wakes, *self._news.values()):
            one.close()


def _exactly(source: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        got = source.recv(length - len(found))
        if not got:
            raise EOFError("whoever asks has ended in mid-sentence")
        found += got
    return found


def _take_place(stdout: int, stderr: int, said: dict[str, Any]) -> None:
    """Be what was asked for, as far as that can be seen from outside the program."""
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for file in {stdout, stderr}:
        os.close(file)
    os.environ.clear()
    os.environ.update(said["env"])
    os.chdir(said["cwd"])
    sys.argv = [said["module"], *said["arguments"]]


def main() -> None:
    """Import what takes long, serve, and in a new process run what was asked for."""
    for name in _IMPORTED:
        __import__(name)
    try:
        _Serving(socket.socket(fileno=int(sys.argv[1]))).serve()
        return
    except _Begun as begun:
        said = begun.said
    runpy.run_module(said["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
