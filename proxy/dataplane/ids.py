"""Names for requests and spans: random, unique, not secret."""

import re
from random import SystemRandom, getrandbits, seed

from proxy.core.trace import Trace, begin

__all__ = ["new_trace", "usable_id"]

seed(SystemRandom().getrandbits(256))
_USABLE = re.compile(rb"[\x21-\x7e]{1,128}")


def new_trace() -> Trace:
    """Begin a trace; its id also names the request (128 bits, 32 hex digits).

    Ids need to be unique, not unguessable, so the fast generator will do.
    """
    return begin(getrandbits(192).to_bytes(24))


def usable_id(value: bytes | None) -> str | None:
    """A trusted peer's X-Request-Id, if it is one: 1 to 128 visible ASCII characters."""
    if value is None or _USABLE.fullmatch(value) is None:
        return None
    return value.decode("ascii")
