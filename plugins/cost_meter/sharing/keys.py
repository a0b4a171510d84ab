"""Where in the table something is: every key follows from what is kept there, and only from that.

So whoever writes something again writes it to the same place, and is told that it is there.

Rows: ``PK=L#<hour>#<shard>``, ``SK=<milliseconds>#<id>``. An hour is spread over eight
partitions, since one takes only so many writes in a second.

Totals: ``PK=A#<scope>#<grain>#<span>``. The scope ``*`` holds totals without the user, by
``SK=<begins>#<replica>#<dimensions>``, in wide spans: a report of 90 days by the hour asks four
times. The scope ``@`` holds totals of users, by ``SK=<user>#<begins>#…``, in narrower ones.
"""

import math
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

import orjson

from ..row import Dimension, Grain, Row

__all__ = [
    "EVERYBODY",
    "SHARDS",
    "USERS",
    "Key",
    "Scope",
    "bucket_range",
    "row_key",
    "shards_between",
    "sort_of_time",
    "spans_between",
    "total_key",
    "user_mark",
]

SHARDS: Final = 8

Scope = Literal["*", "@"]
EVERYBODY: Final[Scope] = "*"
USERS: Final[Scope] = "@"

_HOUR: Final = timedelta(hours=1)
_FORMATS: Final = {
    "minute": "%Y%m%d%H%M",
    "hour": "%Y%m%d%H",
    "day": "%Y%m%d",
    "month": "%Y%m",
    "year": "%Y",
    "ever": "ever",
}
_SPANS: Final[dict[tuple[Scope, Grain], str]] = {
    ("*", "minute"): "day",
    ("*", "hour"): "month",
    ("*", "day"): "year",
    ("*", "month"): "ever",
    ("@", "minute"): "hour",
    ("@", "hour"): "day",
    ("@", "day"): "month",
    ("@", "month"): "year",
}


class Key(NamedTuple):
    """The two parts of a key."""

    pk: str
    sk: str


def row_key(row: Row) -> Key:
    """Return where a row is."""
    when = datetime.fromtimestamp(math.floor(row.at), UTC)
    shard = zlib.crc32(row.id.encode()) % SHARDS
    return Key(_shard(when, shard), f"{sort_of_time(row.at)}{row.id}")


def sort_of_time(at: float) -> str:
    """Return how the sort keys of rows of this time begin."""
    return f"{int(at * 1000):014d}#"


def shards_between(since: float, until: float) -> Iterator[tuple[str, ...]]:
    """Yield the partitions of each hour, in order; of both times in Unix seconds."""
    when = datetime.fromtimestamp(math.floor(since), UTC).replace(minute=0, second=0, microsecond=0)
    while when.timestamp() < until:
        yield tuple(_shard(when, shard) for shard in range(SHARDS))
        when += _HOUR


def total_key(
    scope: Scope, grain: Grain, begins: int, replica: str, by: dict[Dimension, str]
) -> Key:
    """Return where one replica's total is."""
    when = datetime.fromtimestamp(begins, UTC)
    apart = orjson.dumps([value for name, value in by.items() if name != "user"]).decode()
    mark = user_mark(by["user"]) if scope == USERS else ""
    return Key(_span(scope, grain, when), f"{mark}{_bucket(begins)}{replica}#{apart}")


def spans_between(scope: Scope, grain: Grain, since: float, until: float) -> tuple[str, ...]:
    """Return the partitions of all totals of these times, in order."""
    length = _SPANS[scope, grain]
    step = timedelta(hours=1) if length == "hour" else timedelta(days=1)
    when = datetime.fromtimestamp(math.floor(since), UTC)
    found: dict[str, None] = {}
    while when.timestamp() < until:
        found[_span(scope, grain, when)] = None
        when += step
    last = datetime.fromtimestamp(max(since, until - 0.001), UTC)
    found[_span(scope, grain, last)] = None
    return tuple(found)


def user_mark(user: str) -> str:
    """Return how the sort keys of a user's totals begin: ids may be long, and have any letters."""
    return f"{blake2b(user.encode(), digest_size=12).hexdigest()}#"


def bucket_range(scope: Scope, user: str | None, since: int, until: int) -> tuple[str, str] | None:
    """Return the first and the last sort key of buckets in ``since <= begins < until``.

    None where users are not told apart: all of the partition has to be read then.
    """
    if scope == USERS and user is None:
        return None
    mark = "" if user is None else user_mark(user)
    return f"{mark}{_bucket(since)}", f"{mark}{_bucket(max(since, until - 1))}\uffff"


def _shard(when: datetime, shard: int) -> str:
    return f"L#{when:%Y%m%d%H}#{shard}"


def _span(scope: Scope, grain: Grain, when: datetime) -> str:
    return f"A#{scope}#{grain}#{when.strftime(_FORMATS[_SPANS[scope, grain]])}"


def _bucket(begins: int) -> str:
    return f"{begins:012d}#"
