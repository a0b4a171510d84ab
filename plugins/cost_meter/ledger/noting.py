"""What is told of a request's costs, in words."""

from collections.abc import Iterable

from proxy.api import Note

from ..dollars import dollars
from ..row import Row

__all__ = ["notes_of"]


def notes_of(rows: Iterable[Row]) -> tuple[Note, ...]:
    """Return a note for each row: what it cost, for what, and by which price."""
    return tuple(Note(row.settled, "cost", _said(row)) for row in rows)


def _said(row: Row) -> str:
    if row.kind == "adjust":
        about = f"of attempt {row.ref}" if row.ref else "of a whole day"
        why = row.note or "no reason told"
        return f"a correction {about} by {dollars(row.nano_usd)} USD: {why}"
    how = f"{row.outcome} ({row.failure})" if row.failure else row.outcome
    used = f"{row.usage.prompt} tokens in, {row.usage.completion} out"
    word = "estimated" if row.estimated else f"as the {row.usage_source} told"
    price = f"price {row.price_source}, {row.confidence}"
    book = f", book {row.book}" if row.book else ""
    again = f", {row.again}" if row.again else ""
    return (
        f"attempt {row.id} at {row.deployment or row.provider} ({row.model}){again}: {how}, "
        f"{used}, {word}: {dollars(row.nano_usd)} USD ({price}{book})"
    )
