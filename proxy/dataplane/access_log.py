"""The access log: one line for a sample of the successes and for every failure.

What a client sent is never trusted to be text: method and path are written as
ASCII with everything else escaped, so no request can forge a line, colour a
terminal or break a parser. Queries are not logged (they carry secrets), nor is
what follows a `;` in the path (session ids). Keys appear as a keyed hash.
"""

import hashlib
import re
import zlib
from dataclasses import dataclass

import structlog

from proxy.config import models
from proxy.core.reason import FAULTS, Reason

LONGEST_PATH = 256
"""Longest logged path in bytes; a longer one is cut and ends in `...`."""

LONGEST_WORD = 128
"""Longest logged method, request id or trace id."""

_QUERY = re.compile(rb"[?;#]")
_AUTHORITY = re.compile(rb"(?:[^/]*://)?(?:[^/@]*@)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_HASHES = 0x1_0000_0000


class KeyHash:
    """Turns a user's key into 16 hex digits that mean nothing outside.

    The same key gives the same digits as long as the secret is the same, so a
    log can be searched for one user by whoever holds both. BLAKE2b keyed with
    the secret (RFC 7693), 8 bytes.
    """

    __slots__ = ("_keyed",)

    def __init__(self, secret: bytes) -> None:
        if len(secret) > hashlib.blake2b.MAX_KEY_SIZE:
            secret = hashlib.blake2b(secret).digest()
        self._keyed = hashlib.blake2b(key=secret, digest_size=8)

    def __call__(self, key: bytes) -> str:
        """Return the hash of a key."""
        hashed = self._keyed.copy()
        hashed.update(key)
        return hashed.hexdigest()


@dataclass(frozen=True, slots=True)
class AccessEntry:
    """One finished request, as the relay knows it: bytes as they came.

    `path` is the request target in whatever form it came; of it only the path is
    logged. `seconds` from head to last byte, `status` 0 when nothing was sent,
    `key` the normalised key or None, `endpoint` the one that answered, if any.
    """

    request_id: str
    trace_id: str | None
    client: str
    method: bytes
    path: bytes
    route: str
    arm: str
    reason: Reason
    status: int
    seconds: float
    bytes_in: int
    bytes_out: int
    key: bytes | None
    endpoint: str | None
    generation: int


class AccessLog:
    """Decides cheaply which requests are logged, and logs them."""

    __slots__ = ("_all", "_below", "_key_hash", "_logger")

    def __init__(self, settings: models.AccessLog, key_hash: KeyHash) -> None:
        self._below = round(settings.sample * _HASHES)
        self._all = self._below >= _HASHES
        self._key_hash = key_hash
        self._logger = structlog.get_logger()

    def wants(self, status: int, reason: Reason, request_id: str) -> bool:
        """Return whether this request is to be logged; costs next to nothing when it is not.

        Faults and statuses from 500 up always are; of the rest a sample, picked
        by the request id, so that proxies in a row pick the same requests.
        """
        if self._all or status >= 500 or reason in FAULTS:
            return True
        if not self._below:
            return False
        return zlib.crc32(request_id.encode("utf-8", "surrogatepass")) < self._below

    def write(self, entry: AccessEntry) -> None:
        """Write the line of a request that `wants` picked."""
        line: dict[str, object] = {
            "request_id": _word(entry.request_id),
            "client": entry.client,
            "method": _text(entry.method, LONGEST_WORD),
            "path": _text(_path(entry.path), LONGEST_PATH),
            "status": entry.status,
            "route": entry.route,
            "arm": entry.arm,
            "reason": entry.reason.value,
            "ms": round(entry.seconds * 1000, 3),
            "bytes_in": entry.bytes_in,
            "bytes_out": entry.bytes_out,
            "generation": entry.generation,
        }
        if entry.trace_id is not None:
            line["trace_id"] = _word(entry.trace_id)
        if entry.endpoint is not None:
            line["endpoint"] = entry.endpoint
        if entry.key is not None:
            line["key_hash"] = self._key_hash(entry.key)
        failed = entry.status >= 500 or entry.reason in FAULTS
        (self._logger.warning if failed else self._logger.info)("request", **line)


def _path(target: bytes) -> bytes:
    """Return the path of a request target of any form (RFC 9112 section 3.2), without secrets."""
    path = _QUERY.split(target, maxsplit=1)[0]
    if path.startswith(b"/"):
        return path
    # A scheme and what stands before an @ (a password) go; the host may stay.
    found = _AUTHORITY.match(path)
    return path if found is None else path[found.end() :]


def _text(raw: bytes, longest: int) -> str:
    short = raw if len(raw) <= longest else raw[:longest] + b"..."
    text = short.decode("ascii", "backslashreplace")
    if text.isprintable():
        return text
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def _word(text: str) -> str:
    return _text(text[: LONGEST_WORD + 1].encode("utf-8", "surrogatepass"), LONGEST_WORD)
