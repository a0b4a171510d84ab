"""States and audit entries as text, and back: the same in every store.

The standard library's JSON, since it is true to all that the others refuse or bend:
infinite evidence, half a surrogate pair in a reason.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any, Final

from proxy.core.rollout_json import state_from_json, state_to_json
from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import AuditEntry, StoreLostError

__all__ = [
    "AUDIT_KEPT",
    "FOUND_FOR",
    "Reading",
    "entry_of",
    "entry_text",
    "finding",
    "id_parts",
    "page_size",
    "state_of",
    "state_text",
    "version_of",
]

AUDIT_KEPT: Final = 100_000
"""So many entries of the audit are kept in SQLite and Redis; the oldest go first."""

FOUND_FOR: Final = 86_400
"""Seconds for which an entry is found by its idempotency key."""

_LIMIT_MOST: Final = 1_000
_ID = re.compile(r"([0-9]{1,18})-([0-9]{1,18})")


def state_text(state: RolloutState) -> str:
    """Return the state as JSON, in ASCII."""
    return _text(state_to_json(state))


def state_of(name: str, text: str | bytes, url: str) -> RolloutState:
    """Return the state that was kept for the rollout `name` in the store `url`.

    Raises StoreLostError if it cannot be read: the store was written by a newer version, or is
    damaged.
    """
    try:
        return state_from_json(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise StoreLostError(
            f"what {url} keeps of rollout {name!r} cannot be read: {error}"
        ) from error


class Reading:
    """Reads all states of a store, again and again: what has the same text is the same state.

    A store is looked at every two seconds, and a state with full lists takes long to be read.
    """

    def __init__(self, url: str) -> None:
        """`url` names the store in errors."""
        self._url = url
        self._known: dict[str, tuple[str | bytes, RolloutState]] = {}

    def states(self, kept: Mapping[str, str | bytes]) -> dict[str, RolloutState]:
        """Return the states by name. Raises StoreLostError, see `state_of`."""
        self._known = {name: self._read(name, text) for name, text in kept.items()}
        return {name: state for name, (_, state) in self._known.items()}

    def _read(self, name: str, text: str | bytes) -> tuple[str | bytes, RolloutState]:
        known = self._known.get(name)
        if known is not None and known[0] == text:
            return known
        return text, state_of(name, text, self._url)


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
