"""Processes under measurement: started on loopback, read from /proc, ended by their own handles."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS = 15.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Server:
    """A process that listens, with the port to reach it."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def pids(self) -> list[int]:
        """The process and its children (nginx has a master and a worker)."""
        parent = self.process.pid
        listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [parent, *map(int, listed)]

    def cpu_seconds(self) -> float:
        """User and system time of all its processes so far."""
        return sum(cpu_ticks(pid) for pid in self.pids()) / TICKS

    def resident_bytes(self) -> int:
        """The resident size of all its processes."""
        return sum(resident_pages(pid) for pid in self.pids()) * os.sysconf("SC_PAGE_SIZE")


def cpu_ticks(pid: int) -> int:
    """utime + stime of a process, in clock ticks."""
    # The command name may hold spaces; the fields begin after its closing parenthesis.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def resident_pages(pid: int) -> int:
    """The resident set of a process, in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1])


def free_port() -> int:
    """Any loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until_listening(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a connection is taken. Raises RuntimeError with the log's end if none is."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    tail = log.read_text(errors="replace")[-2000:]
    raise RuntimeError(f"{name} did not come up on port {port}; its log:\n{tail}")


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the process to end, and make it end if it does not."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def serving(name: str, port: int, command: list[str], folder: Path) -> Iterator[Server]:
    """Run a server for the length of the block."""
    log = folder / f"{name}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
    try:
        until_listening(name, port, process, log)
        yield Server(name, port, process)
    finally:
        end(process)
