"""What the stand-in was asked, and what it executed: in memory and, line by line, in a file."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from tests.kit.standing_in import News

MOST_CALLS = 100_000
LEFT = "client left"
WENT_DOWN = "went down"
REPLAYED = "replayed"


class Execution(NamedTuple):
    """A message that was sent on, once for each time."""

    key: str
    """The Idempotency-Key, which is the message's id."""
    platform_id: str
    account: str
    """X-Account-Id; empty without one."""
    recipient: str
    message_type: str
    at: float
    """Unix seconds."""


@dataclass(slots=True)
class Call:
    """One request that was understood."""

    key: str
    headers: dict[str, str]
    """With names in lower case, without the token."""
    body: dict[str, Any]
    at: float
    """Unix seconds."""
    executed: bool = False
    ended: str = ""
    """``answered``, ``replayed``, the name of a step, ``client left``; empty: not yet."""

    def to_json(self) -> dict[str, Any]:
        """The call in words of JSON."""
        return asdict(self)


def read(file: Path) -> list[Execution]:
    """The executions of a file; a last line that was cut off does not count."""
    if not file.exists():
        return []
    lines = file.read_bytes().split(b"\n")[:-1]
    return [Execution(**orjson.loads(line)) for line in lines]


class Record(News):
    """The latest calls, all executions, counts, and who waits for news of them.

    With a file each execution is a line of it before anything else happens, and those that are
    in it already are remembered: it outlives the process.
    """

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(file)
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self.executions: list[Execution] = [] if file is None else read(file)
        self.counts: Counter[str] = Counter()
        """Of all calls by how they ended, and ``arrived``, ``executed``."""
        self.by_key: dict[str, Execution] = {one.key: one for one in reversed(self.executions)}

    def arrives(self, headers: Iterable[tuple[str, str]], body: dict[str, Any]) -> Call:
        """Begin a call."""
        said = {name.lower(): value for name, value in headers}
        said.pop("authorization", None)
        call = Call(said.get("idempotency-key", ""), said, body, time.time())
        self.calls.append(call)
        self.counts["arrived"] += 1
        self.tell()
        return call

    def executes(self, call: Call) -> Execution:
        """Note that it is sent on, durably."""
        done = Execution(
            call.key,
            f"of-{len(self.executions) + 1:08d}",
            call.headers.get("x-account-id", ""),
            call.body["recipientId"],
            call.body["messageType"],
            time.time(),
        )
        self.write(done._asdict())
        self.executions.append(done)
        self.by_key.setdefault(call.key, done)
        call.executed = True
        self.counts["executed"] += 1
        self.tell()
        return done

    def ends(self, call: Call, how: str) -> None:
        """Note how it ended; only the first time counts."""
        if call.ended:
            return
        call.ended = how
        self.counts[how] += 1
        self.tell()
