"""What endpoints of plugins have in common: how queries, times and numbers are read and written.

Whoever answers clients of the v2 API or operators reads them strictly and says what is wrong in
the same words. What is wrong is raised as ValueError; the plugin makes its own answer of it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final
from urllib.parse import parse_qsl

from pydantic import ValidationError

from proxy.api.reply import Reply
from proxy.api.request import Request
from proxy.api.services import Handler

__all__ = [
    "OTHER_METHODS",
    "PROBLEMS_TOLD",
    "count_of",
    "every_method",
    "iso",
    "preflight",
    "problems_of",
    "query_of",
    "time_of",
]

OTHER_METHODS: Final = "*"
"""The method of what answers all methods on a path that nothing else there answers."""

PROBLEMS_TOLD: Final = 20
"""So many things that are wrong with one request are told."""

_FIELDS_MOST: Final = 20
_KEY_SHOWN: Final = 64
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_WORDS: Final = {"extra_forbidden": "is no key of this API", "missing": "is missing"}
_COUNTED: Final = re.compile(r"\w+ should have (at \w+ \d+ \w+)( after validation, not .*)?")
"""How pydantic says how many there have to be, in words of Python."""


def query_of(query: str, known: Sequence[str]) -> dict[str, str]:
    """Read a query: every parameter at most once, none that is unknown. Raises ValueError."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_FIELDS_MOST)
    except ValueError:
        raise ValueError(f"the query has more than {_FIELDS_MOST} parts") from None
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("the query says something twice")
    if not said.keys() <= set(known):
        knows = f"{', '.join(known)}, and nothing else" if known else "nothing"
        strange = next(name for name in said if name not in known)
        raise ValueError(f"{strange[:_KEY_SHOWN]!r} is no parameter: the query knows {knows}")
    return said


def count_of(text: str, most: int) -> int:
    """Read a whole number from 1 to `most` (below 10^9). Raises ValueError."""
    if _COUNT.fullmatch(text) is None or not 1 <= int(text) <= most:
        raise ValueError(f"a whole number from 1 to {most}")
    return int(text)


def time_of(text: str) -> datetime:
    """Read a date or a time (ISO 8601), of UTC where no zone is said. Raises ValueError.

    Also for years at the ends of the calendar: another zone may have none of them.
    """
    found = datetime.fromisoformat(text)
    if not date.min.year < found.year < date.max.year:
        raise ValueError("no year that every zone has")
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def iso(seconds: float) -> str:
    """Return a Unix time as JavaScript writes it: ``2026-11-23T18:22:00.000Z``."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def problems_of(error: ValidationError) -> list[str]:
    """Return what is wrong with a body, each thing with its place; no value of it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [_problem(one) for one in found[:PROBLEMS_TOLD]]


_HEADERS: Final = "Content-Type, Authorization"


def every_method(
    by_method: Mapping[str, Handler],
    refused: Callable[[str], Reply],
    headers: str = _HEADERS,
) -> dict[str, Handler]:
    """Return what answers each method on a path, when `by_method` is what there is to answer.

    HEAD is answered like GET, without the body, which the proxy leaves out (RFC 9110 section
    9.3.2); OPTIONS by `preflight` with these `headers`; all others by `refused`, which is told
    the methods that there are and makes a 405 of it, to which `Allow` is added (section 15.5.6).
    """
    found = dict(by_method)
    if "GET" in found:
        found.setdefault("HEAD", found["GET"])
    found.setdefault("OPTIONS", preflight(*by_method, headers=headers))
    allow = ", ".join(found)

    async def refuse(_: Request, __: bytes) -> Reply:
        reply = refused(allow)
        reply.headers.set("Allow", allow)
        return reply

    return {**found, OTHER_METHODS: refuse}


def preflight(*methods: str, headers: str = _HEADERS) -> Handler:
    """Return what answers OPTIONS: pages of all origins may ask with a token (Fetch, CORS)."""
    said = {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": headers,
        "Access-Control-Allow-Methods": ", ".join((*methods, "OPTIONS")),
    }

    async def answer(_: Request, __: bytes) -> Reply:
        return Reply(200, said)

    return answer


def _problem(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])[:_KEY_SHOWN] or "the body"
    says = _COUNTED.sub(r"has to have \1", error["msg"]).removeprefix("Value error, ")
    return f"{place}: {_WORDS.get(error['type'], says)}"
