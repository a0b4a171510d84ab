"""Messages as Redis keeps them: what never changes, what is forgotten once it is sent, the consent.

Three texts in JSON, so that the text of a message can be forgotten without reading the rest.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple, TypeVar, cast

from pydantic import ValidationError

from proxy.api.stores import StoreError

from ..message import Approval, Claimed, Message, Receipt, Record, State

__all__ = ["Texts", "approval_text", "claimed_of", "readable", "record_of", "texts_of"]

_T = TypeVar("_T")

_FORGOTTEN: Final = {"content", "media_urls"}
_NOTHING: Final = b'{"content":""}'
_LEASE: Final = 13


class Texts(NamedTuple):
    """A message in three parts."""

    body: str
    text: str
    """Content and media."""
    approval: str
    """Empty without one."""

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return sum(len(part.encode()) for part in self)


def texts_of(message: Message) -> Texts:
    """Return what is stored of a message."""
    return Texts(
        message.model_dump_json(exclude={*_FORGOTTEN, "approval", "expires_at"}),
        message.model_dump_json(include=_FORGOTTEN),
        approval_text(message.approval),
    )


def approval_text(approval: Approval | None) -> str:
    """Return what is stored of an approval; empty for none."""
    return "" if approval is None else approval.model_dump_json()


def record_of(row: Sequence[bytes | None]) -> Record:
    """Read what a script has returned of a message. Raises StoreError for what it cannot read."""
    body, text, approval, expires, state, *rest = (part or b"" for part in row)
    due, attempts, throttles, generation, changed, platform, code, why, _ = rest
    whole = b'%b,%b,"approval":%b,"expires_at":%b}' % (
        body[:-1],
        (text or _NOTHING)[1:-1],
        approval or b"null",
        expires,
    )
    try:
        return Record(
            Message.model_validate_json(whole),
            cast("State", state.decode()),
            due_at=float(due),
            attempts=int(attempts),
            throttles=int(throttles),
            generation=int(generation),
            changed_at=float(changed),
            platform_id=platform.decode(),
            code=code.decode(),
            why=why.decode(),
        )
    except (ValidationError, ValueError):  # whose text has the message in it
        raise StoreError(
            "a message in Redis cannot be read: it was written by another version, or by hand"
        ) from None


def claimed_of(row: Sequence[Any]) -> Claimed:
    """Read what a script has returned of a message that was leased. Raises StoreError."""
    record = record_of(row)
    receipt = Receipt(record.message.id, record.generation)
    return Claimed(record, receipt, lease_until=float(row[_LEASE]))


def readable(read: Callable[[Sequence[Any]], _T], rows: Iterable[Sequence[Any]]) -> Iterator[_T]:
    """Read rows, but for those that cannot be."""
    for row in rows:
        with suppress(StoreError):
            yield read(row)
