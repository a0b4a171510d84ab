"""Who is asking, as far as a decision needs to know."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

NO_ATTRIBUTES: Mapping[str, str] = MappingProxyType({})
"""The attributes of a caller about whom nothing is known."""


class Identity(NamedTuple):
    """A caller: the key that is bucketed and the attributes that conditions ask for.

    A named tuple, because one is made per request and a frozen dataclass takes
    three times as long to make.
    """

    key: bytes | None
    """The normalised key (see `proxy.core.key`), or None for a caller without one."""
    source: str | None
    """Which extractor found the key, as the configuration spells it (``jwt:sub``)."""
    verified: bool
    """Whether somebody vouches for the key: a signature, or a trusted proxy.

    Only a verified key may use a whitelist; any key may choose a bucket.
    """
    attributes: Mapping[str, str] = NO_ATTRIBUTES
    """Attribute name -> value. May be computed on the first look."""


ANONYMOUS = Identity(None, None, verified=False)
"""The caller about whom nothing is known."""
