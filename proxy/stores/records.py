"""States and audit entries as text, and back: the same in every store.

The standard library's JSON, since it is true to all that the others refuse or bend:
infinite evidence, half a surrogate pair in a reason.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final, NamedTuple

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.core.rollout_json import state_from_json, state_to_json
from proxy.core.rollout_state import Mark, RolloutState
from proxy.stores.rollouts import AuditEntry, ConflictError, StoreLostError, UnreadableError

__all__ = [
    "AUDIT_KEPT",
    "FOUND_FOR",
    "Reading",
    "entry_of",
    "entry_text",
    "finding",
    "id_parts",
    "page_size",
    "state_text",
    "version_of",
]

AUDIT_KEPT: Final = 100_000
"""So many entries of the audit are kept in SQLite and Redis; the oldest go first."""

FOUND_FOR: Final = 86_400
"""Seconds for which an entry is found by its idempotency key."""

_LIMIT_MOST: Final = 1_000
_HINT: Final = "run the version of Crossfade that has written it, or remove it from the store"
_STOOD_IN: Final = "what is kept of rollout {!r} can be read again; this was not known of it"
_LONGEST: Final = 500
_log: FilteringBoundLogger = structlog.get_logger()

_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


def state_text(state: RolloutState) -> str:
    """Return the state as JSON, in ASCII."""
    return _text(state_to_json(state))


class _Read(NamedTuple):
    """A state as it is kept and as it was read; `why` says why it could not be, or is empty."""

    text: str | bytes
    state: RolloutState
    why: str


class Reading:
    """Reads all states of a store, again and again: what has the same text is the same state.

    A store is looked at every two seconds, and a state with full lists takes long to be read.
    """

    def __init__(self, url: str, wall_clock: Callable[[], float] = time.time) -> None:
        """`url` names the store; `wall_clock` gives Unix time in seconds."""
        self._url = url
        self._wall_clock = wall_clock
        self._known: dict[str, _Read] = {}
        self._marks: dict[str, Mark] = {}

    def states(self, kept: Mapping[str, str | bytes]) -> dict[str, RolloutState]:
        """Return the states by name; what cannot be read is killed, see `RolloutStore.load`."""
        self._known = {name: self._read(name, text) for name, text in kept.items()}
        return {name: read.state for name, read in self._known.items()}

    def check(self, state: RolloutState, entry: AuditEntry | None) -> None:
        """Refuse a save over what could not be read, and one of what stood in for it.

        Raises as `RolloutStore.save`.
        """
        name = state.name
        read = self._known.get(name) or _Read("", RolloutState(name), "")
        # Nobody has killed it: what can be read again is not to be killed by that for good.
        stood_in = state.killed is not None and state.killed == self._marks.get(name)
        if read.why or stood_in:
            raise self._refusal(read._replace(why=read.why or _STOOD_IN.format(name)), entry)

    def conflict(
        self, name: str, text: str | bytes, entry: AuditEntry | None
    ) -> ConflictError | UnreadableError:
        """Return why nothing was saved where the store has `text`, which is empty for nothing."""
        if not text:
            return ConflictError(RolloutState(name))
        self._known[name] = read = self._read(name, text)
        return self._refusal(read, entry)

    def _refusal(self, read: _Read, entry: AuditEntry | None) -> ConflictError | UnreadableError:
        if read.why and entry is not None:
            return UnreadableError(read.why, _HINT)
        return ConflictError(read.state)

    def _read(self, name: str, text: str | bytes) -> _Read:
        known = self._known.get(name)
        if known is not None and known.text == text:
            return known
        told: object = None
        try:
            told = json.loads(text)
            return _Read(text, state_from_json(told), "")  # type: ignore[arg-type]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            why = f"what {self._url} keeps of rollout {name!r} cannot be read: {error}"[:_LONGEST]
        _log.error("state_unreadable", rollout=name, reason=why, hint=_HINT)
        killed = self._marks[name] = Mark("crossfade", why, self._wall_clock())
        return _Read(text, RolloutState(name, _version(told), killed=killed), why)


def _version(told: object) -> int:
    version = told.get("version") if isinstance(told, dict) else None
    return version if type(version) is int and version > 0 else 0


def entry_text(entry: AuditEntry) -> str:
    """Return the entry as JSON, in ASCII, without its id: the store gives that."""
    fields = asdict(entry)
    del fields["id"]
    return _text(fields)


def entry_of(id: str, text: str | bytes, url: str) -> AuditEntry:  # noqa: A002
    """Return the entry that the store `url` keeps under `id`. Raises StoreLostError."""
    try:
        return AuditEntry(id=id, **json.loads(text))
    except (ValueError, TypeError) as error:
        raise StoreLostError(f"audit entry {id} of {url} cannot be read: {error}") from error


def finding(idempotency_key: str) -> str:
    """Return what an entry is found by: a digest, since callers choose keys of any length."""
    encoded = idempotency_key.encode("utf-8", "surrogatepass")
    return sha256(encoded).hexdigest() if encoded else ""


def id_parts(id: str) -> tuple[int, int]:  # noqa: A002
    """Take an entry's id apart: milliseconds since 1970, and a number; zeros if it is none."""
    found = _ID.fullmatch(id)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def page_size(limit: int) -> int:
    """Return how many entries are given at once where `limit` were asked for."""
    return min(max(limit, 1), _LIMIT_MOST)


def version_of(expected: int, entry: AuditEntry | None) -> int:
    """Return the version that a save makes, see `RolloutStore.save`."""
    return expected if entry is None else max(expected + 1, entry.version)


def _text(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))
