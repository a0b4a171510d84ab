"""Files that are larger than one request to the admin listener: brought in parts."""

from binascii import Error, a2b_base64
from collections.abc import Callable

__all__ = ["AT_ONCE", "LARGEST", "LARGEST_PART", "SECONDS", "Uploads"]

LARGEST = 64 * 2**20
"""The largest file, in bytes."""

LARGEST_PART = 40_000
"""The largest part, in bytes: as base64 it fits into one request."""

AT_ONCE = 2
"""So many files are brought at once."""

SECONDS = 60.0
"""A file of which nothing has come for so long is dropped."""


class _Upload:
    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.size = 0
        self.touched = 0.0


class Uploads:
    """Files on their way, in memory."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._files: dict[str, _Upload] = {}

    def add(self, name: str, number: int, data: str) -> None:
        """Take a part (base64), which is the `number`th, from 0 on; 0 begins anew.

        Raises ValueError for what is no part, comes out of order, or is too large.
        """
        self._drop_old()
        if number == 0:
            self._files.pop(name, None)
            if len(self._files) >= AT_ONCE:
                raise ValueError(f"{AT_ONCE} files are on their way already; try again in a minute")
            self._files[name] = _Upload()
        file = self._files.get(name)
        if file is None or number != len(file.parts):
            self._files.pop(name, None)
            raise ValueError("the parts of the file do not follow one another; bring it again")
        part = _decoded(data)
        file.size += len(part)
        if file.size > LARGEST:
            del self._files[name]
            raise ValueError(f"the file has more than {LARGEST // 2**20} MiB; bring less of it")
        file.parts.append(part)
        file.touched = self._clock()

    def take(self, name: str) -> str:
        """Return a file that has come, and forget it. Raises ValueError if there is none."""
        self._drop_old()
        file = self._files.pop(name, None)
        if file is None:
            raise ValueError("the file is not here; bring it again")
        try:
            return b"".join(file.parts).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"the file is no UTF-8 text: byte {error.start}") from None

    def _drop_old(self) -> None:
        before = self._clock() - SECONDS
        for name in [name for name, one in self._files.items() if one.touched < before]:
            del self._files[name]


def _decoded(data: str) -> bytes:
    try:
        part = a2b_base64(data, strict_mode=True)
    except (Error, ValueError):
        raise ValueError("a part of the file is no base64") from None
    if len(part) > LARGEST_PART:
        raise ValueError(f"a part has at most {LARGEST_PART} bytes")
    return part
