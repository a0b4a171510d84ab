"""What the stand-in was asked and what became of it, in memory and, line by line, in a file."""

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.kit.provider.bodies import Dialect
from tests.kit.standing_in import News

MOST_ENTRIES = 10_000
KEYS = frozenset(("authorization", "api-key"))
ATTEMPT_HEADERS = ("x-client-request-id", "x-ms-client-request-id")
LEFT = "client left"
WENT_DOWN = "went down"


@dataclass(slots=True)
class Entry:
    """One call whose body has been read."""

    number: int
    """From 1."""
    name: str
    """The model, or Azure's deployment."""
    dialect: Dialect
    headers: dict[str, str]
    """With names in lower case, without the key."""
    body: dict[str, Any]
    begun: float
    """Unix seconds."""
    executed: bool = False
    """Whether the model has worked for it: an answer was begun, or kept back."""
    ended: str = ""
    """``answered``, the name of a step, ``client left``, ``went down``; empty: not yet."""
    seconds: float = 0.0

    @property
    def attempt(self) -> str:
        """The attempt id that came with it, or nothing."""
        return next((self.headers[one] for one in ATTEMPT_HEADERS if one in self.headers), "")

    @property
    def workflow(self) -> str:
        """The value of the header whose name ends with workflow-id, or nothing."""
        named = (said for name, said in self.headers.items() if name.endswith("workflow-id"))
        return next(named, "")

    @property
    def streams(self) -> bool:
        """Whether a stream was asked for."""
        return self.body.get("stream") is True

    def to_json(self) -> dict[str, Any]:
        """The entry in words of JSON."""
        return {**asdict(self), "attempt": self.attempt, "workflow": self.workflow}


class Record(News):
    """The latest entries, counts of all, and who waits for news of them."""

    def __init__(self, file: Path | None = None) -> None:
        super().__init__(file)
        self.entries: deque[Entry] = deque(maxlen=MOST_ENTRIES)
        self.counts: Counter[str] = Counter()
        """Of all calls by how they ended, and ``arrived``, ``executed``."""

    def arrives(
        self, name: str, dialect: Dialect, headers: Mapping[str, str], body: dict[str, Any]
    ) -> Entry:
        """Begin an entry."""
        self.counts["arrived"] += 1
        said = {word.lower(): value for word, value in headers.items()}
        for word in KEYS & said.keys():
            del said[word]
        entry = Entry(self.counts["arrived"], name, dialect, said, body, time.time())
        self.entries.append(entry)
        return entry

    def begins(self, entry: Entry, *, executed: bool) -> None:
        """Note that its treatment begins."""
        entry.executed = executed
        self.counts["executed"] += executed
        self._note("begin", entry)
        self.tell()

    def ends(self, entry: Entry, how: str) -> None:
        """Note how it ended; only the first time counts."""
        if entry.ended:
            return
        entry.ended = how
        entry.seconds = time.time() - entry.begun
        self.counts[how] += 1
        self._note("end", entry)
        self.tell()

    def _note(self, what: str, entry: Entry) -> None:
        line = {
            "event": what,
            "number": entry.number,
            "name": entry.name,
            "dialect": entry.dialect,
            "attempt": entry.attempt,
            "workflow": entry.workflow,
            "stream": entry.streams,
            "executed": entry.executed,
            "ended": entry.ended,
            "at": time.time(),
        }
        self.write(line)
