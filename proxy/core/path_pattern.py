"""What a route's path may look like, and how a request's path is read for it.

Three kinds: ``/x`` is that path alone, ``/x/**`` is ``/x`` and all below it
(``/**`` is everything), ``~regex`` is a Python regular expression that must
match the whole path. Paths are matched without their query. Only
percent-encoded unreserved characters are decoded for matching (RFC 3986
sections 2.3 and 6.2.2.2), since ``%41`` and ``A`` mean the same; everything
else, ``%2F`` and ``..`` and ``//`` included, is compared as it came, and what
goes upstream is never changed.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

_UNRESERVED = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
_DECODED = {
    spelling.encode(): bytes([code])
    for code in _UNRESERVED
    for spelling in {f"{code:02x}", f"{code:02X}"}
}


class PathPattern(NamedTuple):
    """A compiled path pattern; made by `compile_path`."""

    text: str
    """The pattern as it was declared."""
    literal: bytes | None
    """The one path that matches besides the prefix, if there is one."""
    prefix: bytes | None
    """What a matching path begins with; None for an exact path."""
    fullmatch: Callable[[bytes], object | None] | None
    """The test of a regular expression."""

    def matches(self, path: bytes) -> bool:
        """Return whether the path (without query, unreserved characters decoded) matches."""
        if path == self.literal:
            return True
        if self.prefix is None or not path.startswith(self.prefix):
            return False
        return self.fullmatch is None or self.fullmatch(path) is not None

    @property
    def matches_everything(self) -> bool:
        """Whether every path matches."""
        return self.prefix == b"" and self.fullmatch is None


def compile_path(text: str) -> PathPattern:
    """Return the pattern for ``/x``, ``/x/**`` or ``~regex``.

    How long a regular expression takes is its author's business: one that
    backtracks without bound (``~(a+)+b``) can be made to take for ever by a
    client. Raises ValueError if the text is none of the three kinds.
    """
    if text.startswith("~"):
        try:
            return PathPattern(text, None, b"", re.compile(text[1:].encode()).fullmatch)
        except re.error as error:
            raise ValueError(f"{text}: not a regular expression: {error}") from error
    if not text.startswith("/"):
        raise ValueError(f"{text}: a path begins with / (or with ~ for a regular expression)")
    if "?" in text or "#" in text:
        raise ValueError(f"{text}: a path is matched without its query")
    if not text.isascii():
        raise ValueError(f"{text}: a path is percent-encoded, as it appears in a request")
    stem = text.removesuffix("/**")
    if "**" in stem:
        raise ValueError(f"{text}: ** stands only at the end, after a /")
    path = decode_unreserved(stem.encode())
    if stem == text:
        return PathPattern(text, path, None, None)
    return PathPattern(text, path or None, path + b"/" if path else b"", None)


def decode_unreserved(path: bytes) -> bytes:
    """Return the path with percent-encoded unreserved characters decoded, once.

    Once only: ``%2541`` stays ``%2541``, since ``%25`` is not unreserved.
    """
    if b"%" not in path:
        return path
    first, *pieces = path.split(b"%")
    decoded = [first]
    for piece in pieces:
        character = _DECODED.get(piece[:2])
        decoded.append(b"%" + piece if character is None else character + piece[2:])
    return b"".join(decoded)
