r"""The ways in which a path can be understood by whoever gets it.

Upstreams, and the frameworks in them, do not agree on what a path means: they decode it
once or twice, join slashes, resolve dots, take ``\`` for ``/``, leave out what follows a
``;``, a NUL or a coded ``?``, drop white space and dots at the end of a name. Who decides by the
path has to look at every reading of it (CWE-22, CWE-41, CWE-436).
"""

import re
from unicodedata import normalize
from urllib.parse import unquote

__all__ = ["LONGEST", "MOST", "path_readings"]

MOST = 40
"""How many readings a path may have."""
LONGEST = 2048
"""How many characters a path may have that is not plain."""

_ODD = re.compile(r"[%;\\]|//|/\.|\.(?:/|$)|[^\x21-\x7e]")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})|[^\x21-\x7e]")
_UNRESERVED = re.compile(r"%(2D|2E|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])")
_IGNORED = re.compile(r";[^/]*|[\0?#].*|(?<=[^\s./])[\s.]+(?=/|$)", re.DOTALL)


def path_readings(path: str) -> frozenset[str] | None:
    """Return every reading of a path; None for one that has too many to be honest.

    Whether somebody decodes, resolves dots and so on, how often and in which order is not
    known: so it is all done in any order, until nothing new is found. Letters, digits and
    ``-._~`` are decoded in every reading (RFC 3986 section 6.2.2.2), and hexadecimal digits
    are capitals. A plain path has one reading: itself.
    """
    if _ODD.search(path) is None:
        return frozenset((path,))
    if len(path) > LONGEST:
        return None
    found = set[str]()
    fresh = {_ESCAPE.sub(_escaped, path)}
    while fresh:
        found |= fresh
        if len(found) > MOST:
            return None
        fresh = {step(text) for text in fresh for step in _STEPS} - found
    return frozenset(text for text in found if _UNRESERVED.search(text) is None)


def _escaped(found: re.Match[str]) -> str:
    return found[0].upper() if found[1] else f"%{ord(found[0]):02X}"


def _without_needless_escapes(path: str) -> str:
    return _UNRESERVED.sub(lambda found: chr(int(found[1], 16)), path)


def _decoded(path: str) -> str:
    return normalize("NFKC", unquote(path))


def _with_slashes(path: str) -> str:
    return path.replace("\\", "/")


def _joined(path: str) -> str:
    return re.sub("//+", "/", path)


def _without_ignored(path: str) -> str:
    return _IGNORED.sub("", path)


def _resolved(path: str) -> str:
    """Return the path without its segments of dots (RFC 3986 section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    ends_in_dots = segments[-1:] in (["."], [".."])
    return "/".join(("", *kept, "") if ends_in_dots else ("", *kept))


_STEPS = (
    _without_needless_escapes,
    _decoded,
    _with_slashes,
    _joined,
    _without_ignored,
    _resolved,
)
