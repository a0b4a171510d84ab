"""What became of a recommendation: found, approved, undone, measured. Values that are kept."""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from proxy.api import Change

from .realising import Realised
from .recommendation import (
    Recommendation,
    changes_of,
    from_document,
    percent,
    to_document,
    to_documents,
)

__all__ = ["KIND", "Record", "State", "from_shelf", "raised", "to_shelf", "with_share"]

KIND = "advice"
"""What records are called on the shelf."""

State = Literal["open", "approving", "approved", "undoing", "undone"]
"""``approving``, ``undoing``: it was begun, and nobody has told yet whether it was done."""

_HISTORY_MOST = 50
_PAST_MOST = 20


class Record(NamedTuple):
    """One recommendation and its fate."""

    advice: Recommendation
    state: State = "open"
    at: float = 0.0
    """Since when, in Unix seconds."""
    by: str = ""
    """Who approved or undid it."""
    share: float = 100.0
    """On how many users it is followed, in percent."""
    undo: tuple[Change, ...] = ()
    """What takes it back."""
    since: float = 0.0
    """When it was approved first, in Unix seconds: what was before is compared."""
    realised: Realised | None = None
    past: tuple[tuple[int, int], ...] = ()
    """What it has saved in a month each time that it was followed before, and had promised."""
    history: tuple[Mapping[str, Any], ...] = ()
    """What was done, when, by whom; the latest last."""

    def moved(self, state: State, at: float, by: str, **said: Any) -> "Record":
        """Return the record after somebody has done something."""
        line = {"state": state, "at": at, "by": by, "share": said.get("share", self.share)}
        history = (*self.history, line)[-_HISTORY_MOST:]
        return self._replace(state=state, at=at, by=by, history=history, **said)

    def closed(self) -> "Record":
        """Return the record with what was measured put aside: it is followed no longer."""
        if self.realised is None:
            return self
        return self._replace(past=(*self.past, (self.realised.p50, self.promised))[-_PAST_MOST:])

    @property
    def promised(self) -> int:
        """What it is to save in a month, as far as it is followed, in nano-USD."""
        return self.advice.p50 * round(self.share * 10) // 1000


def with_share(changes: tuple[Change, ...], share: float) -> tuple[Change, ...]:
    """Return changes that put in a rule, for so many users."""
    return tuple(one._replace(value=_shared(one.value, share)) for one in changes)


def raised(changes: tuple[Change, ...], before: float, after: float) -> tuple[Change, ...]:
    """Return what gives a rule that was put in other users."""
    return tuple(
        Change(one.path, _shared(one.value, after), _shared(one.value, before)) for one in changes
    )


def to_shelf(record: Record) -> dict[str, Any]:
    """Return it as JSON values."""
    realised = None if record.realised is None else record.realised._asdict()
    return record._asdict() | {
        "advice": to_document(record.advice),
        "undo": to_documents(record.undo),
        "realised": realised,
        "past": [list(one) for one in record.past],
        "history": [dict(line) for line in record.history],
    }


def from_shelf(document: Mapping[str, Any]) -> Record:
    """Read what `to_shelf` has made."""
    known = {name: document[name] for name in Record._fields if name in document}
    realised = known.get("realised")
    if realised is not None:
        known["realised"] = Realised(**realised | {"samples": tuple(realised["samples"])})
    known["advice"] = from_document(document["advice"])
    known["undo"] = changes_of(document.get("undo", ()))
    known["past"] = tuple((one, other) for one, other in document.get("past", ()))
    known["history"] = tuple(document.get("history", ()))
    return Record(**known)


def _shared(value: Any, share: float) -> Any:
    """Return a rule, or rules of which the first is new, for so many users."""
    if isinstance(value, list):
        return [_shared(value[0], share), *value[1:]]
    return dict(value) | {"share": percent(share)}
