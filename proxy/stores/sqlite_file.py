"""A SQLite file, and the one thread that reads and writes it for all who share it."""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Final, Literal, TypeVar

from proxy.stores.rollouts import StoreLostError

__all__ = ["PATIENCE", "SqliteDoor", "SqliteFile"]

PATIENCE: Final = 1.9
"""Seconds that a call waits for the disk before the store counts as lost."""

_LOCK_SECONDS: Final = 1.0
_WAITING_MOST: Final = 10_000
_BATCH_MOST: Final = 256

_ADVICE: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_BUSY: "another process holds its lock; one file serves one Crossfade",
    sqlite3.SQLITE_CORRUPT: "the file is damaged; restore a copy, or move it away",
    sqlite3.SQLITE_NOTADB: "the file is no SQLite database; name another one",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; look at the folder and its rights",
    sqlite3.SQLITE_READONLY: "it may not be written; look at its rights",
    sqlite3.SQLITE_IOERR: "the disk fails",
}

Answer = TypeVar("Answer")
Work = Callable[[sqlite3.Connection], Answer]


class _Job:
    """Work for the thread, and who waits for it."""

    __slots__ = ("answer", "door", "error", "future", "work", "writes")

    def __init__(
        self, door: "SqliteDoor", work: Work[Any], future: asyncio.Future[Any], *, writes: bool
    ) -> None:
        self.door = door
        self.work = work
        self.future = future
        self.writes = writes
        self.answer: Any = None
        self.error: BaseException | None = None


class SqliteFile:
    """A file with the rights 0600, in a folder that is made if need be; or memory.

    Whatever fails is tried again from scratch at the next call. Closed with its last door.
    """

    def __init__(
        self,
        path: Path | None,
        *,
        synchronous: Literal["NORMAL", "FULL"] = "NORMAL",
        patience: float = PATIENCE,
        closed: Callable[[], object] = lambda: None,
    ) -> None:
        """Open nothing yet; None for `path` is a private database in memory.

        `synchronous`: with FULL an acknowledged write survives the machine, with NORMAL only
        the process. `patience` see `PATIENCE`. `closed` is called when it takes no more.
        """
        self.url = "memory://" if path is None else f"sqlite://{path}"
        self.patience = patience
        self._path = path
        self._synchronous = synchronous
        self._on_closed = closed
        self._doors = 0
        self._closed = False
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Future[None] | None = None
        self._connection: sqlite3.Connection | None = None

    def door(self, prepare: Callable[[sqlite3.Connection], None]) -> "SqliteDoor":
        """Return a door to it; `prepare` makes its tables on each new connection."""
        self._doors += 1
        return SqliteDoor(self, prepare)

    async def leave(self) -> None:
        """Close it if this was the last door, after all that it has been asked for."""
        self._doors -= 1
        if self._doors or self._closed:
            return
        self._closed = True
        self._on_closed()
        if self._thread is None:
            return
        self._ended = asyncio.get_running_loop().create_future()
        self._jobs.put(None)
        await asyncio.wait((self._ended,), timeout=self.patience)

    async def do(self, door: "SqliteDoor", work: Work[Answer], *, writes: bool) -> Answer:
        """Have the thread do it; what has not begun when patience ends is not done.

        Raises StoreLostError, or what `work` raised.
        """
        if self._closed or self._jobs.qsize() >= _WAITING_MOST:
            raise StoreLostError(f"{self.url} is {'closed' if self._closed else 'overloaded'}")
        loop = asyncio.get_running_loop()
        job = _Job(door, work, loop.create_future(), writes=writes)
        late = loop.call_later(self.patience, self._late, job.future)
        self._jobs.put(job)
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="crossfade-sqlite", daemon=True)
            self._thread.start()
        try:
            answer: Answer = await job.future
            return answer
        finally:
            late.cancel()

    def _late(self, future: asyncio.Future[Any]) -> None:
        if not future.done():
            said = f"{self.url} did not answer within {self.patience:g} s; look at its disk"
            future.set_exception(StoreLostError(said))

    # -- in the thread ---------------------------------------------------------

    def _run(self) -> None:
        waiting: list[_Job | None] = []
        while None not in waiting:
            waiting = [self._jobs.get()]
            with suppress(Empty):
                while len(waiting) < _BATCH_MOST:
                    waiting.append(self._jobs.get_nowait())
            # A future that is done was given up or cancelled: nobody waits for it any more.
            jobs = [job for job in waiting if job is not None and not job.future.done()]
            self._serve([job for job in jobs if not job.writes], self._read_all)
            self._serve([job for job in jobs if job.writes], self._write_all)
        self._end()

    def _serve(self, jobs: list[_Job], how: Callable[[list[_Job]], None]) -> None:
        if jobs:
            how(jobs)
            _call(jobs[0].future, _set_all, jobs)

    def _read_all(self, jobs: list[_Job]) -> None:
        for job in jobs:
            self._read(job)

    def _read(self, job: _Job) -> None:
        try:
            connection = self._connected(job.door)
            try:
                job.answer = job.work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except BaseException as error:  # told to who asked
            job.error = self._failed(error)

    def _prepared(self, job: _Job) -> bool:
        try:
            self._connected(job.door)
        except BaseException as error:  # told to who asked
            job.error = self._failed(error)
        return job.error is None

    def _write_all(self, jobs: list[_Job]) -> None:
        """Do all in one transaction: what one raises undoes that one, what SQLite raises all."""
        jobs = [job for job in jobs if self._prepared(job)]
        try:
            for job in jobs:  # again, for those before one that lost the connection
                self._connected(job.door)
            if self._connection is not None:
                self._transact(self._connection, jobs)
        except BaseException as error:  # told to who asked
            lost = self._failed(error)
            for job in jobs:
                job.error = job.error or lost

    def _transact(self, connection: sqlite3.Connection, jobs: list[_Job]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        for job in jobs:
            self._write(connection, job)
        connection.execute("COMMIT")

    def _write(self, connection: sqlite3.Connection, job: _Job) -> None:
        connection.execute("SAVEPOINT job")
        try:
            job.answer = job.work(connection)
        except BaseException as error:
            if isinstance(error, sqlite3.Error) and not connection.in_transaction:
                raise  # SQLite has undone everything, as it does when the disk is full
            job.error = self._told(error)
            connection.execute("ROLLBACK TO job")
        connection.execute("RELEASE job")

    def _failed(self, error: BaseException) -> BaseException:
        """Let go of a connection that may be no good any more."""
        told = self._told(error)
        if isinstance(told, StoreLostError):
            self._let_go()
        return told

    def _told(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error | OSError):
            lost = StoreLostError(f"{self.url}: {_advice(error)} ({error})")
            lost.__cause__ = error
            return lost
        if isinstance(error, StopIteration):  # which no future takes
            return RuntimeError("a job has raised StopIteration")
        return error

    def _connected(self, door: "SqliteDoor") -> sqlite3.Connection:
        if self._connection is None:
            self._connection = self._opened()
        if door.prepared is not self._connection:
            door.prepare(self._connection)
            door.prepared = self._connection
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        if self._path is None:
            return sqlite3.connect(":memory:", isolation_level=None)
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite gives its log the rights of the file, so the file is there before it. Only a file
        # that is new is opened here: to close one that SQLite has open takes its locks away.
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._path.chmod(0o600)
        connection = sqlite3.connect(self._path, timeout=_LOCK_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _let_go(self) -> None:
        if self._connection is None:
            return
        if self._path is None:  # all that there is would go with it
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            return
        self._connection.close()
        self._connection = None

    def _end(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._ended is not None:
            _call(self._ended, _set_done, self._ended)


class SqliteDoor:
    """A file as one of those who share it has it; a `proxy.api.SqliteFile`."""

    def __init__(self, file: SqliteFile, prepare: Callable[[sqlite3.Connection], None]) -> None:
        """For `SqliteFile.door`."""
        self.file = file
        self.prepare = prepare
        self.prepared: sqlite3.Connection | None = None
        """The connection on which its tables have been made."""
        self._closed = False

    @property
    def url(self) -> str:
        """Where it is, as it is told to people."""
        return self.file.url

    async def ask(self, job: Work[Answer]) -> Answer:
        """Have the thread do `job`. Raises StoreLostError, or what `job` raised."""
        return await self._do(job, writes=False)

    async def write(self, job: Work[Answer]) -> Answer:
        """Have the thread do `job` within a transaction that it shares with others waiting.

        Raises StoreLostError, or what `job` raised; it is undone then.
        """
        return await self._do(job, writes=True)

    async def close(self) -> None:
        """Take no more; the file is closed with its last door, its log folded into it."""
        if not self._closed:
            self._closed = True
            await self.file.leave()

    async def _do(self, job: Work[Answer], *, writes: bool) -> Answer:
        if self._closed:
            raise StoreLostError(f"{self.url} is closed")
        return await self.file.do(self, job, writes=writes)


def _call(future: asyncio.Future[Any], function: Callable[[Any], None], value: object) -> None:
    with suppress(RuntimeError):  # the loop is closed: nobody waits
        future.get_loop().call_soon_threadsafe(function, value)


def _set_all(jobs: Iterable[_Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.answer)
        else:
            job.future.set_exception(job.error)


def _set_done(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


def _advice(error: Exception) -> str:
    if isinstance(error, sqlite3.Error):
        # The lowest byte is the kind; the others say more exactly which.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return _ADVICE.get(code, "SQLite fails")
    return "the file cannot be had; look at the folder and its rights"
