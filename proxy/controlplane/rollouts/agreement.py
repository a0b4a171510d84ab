"""Whether replicas serve the same: what each of them tells the others of its configuration."""

import hashlib
from collections.abc import Iterable

from proxy.config.models import Config

__all__ = ["digest_of"]

_SPLITTING = {"identity", "rollouts", "routes"}
"""The sections that say who meets which arm; addresses and the like may differ by replica."""


def digest_of(config: Config, overrides: Iterable[str]) -> str:
    """Return SHA-256 (hex) of all that decides who meets which arm on this replica.

    That is what the configuration says of it, and what the environment overrides, in words.
    """
    digest = hashlib.sha256(repr(config.model_dump(include=_SPLITTING)).encode())
    digest.update(repr(sorted(one for one in overrides if one)).encode())
    return digest.hexdigest()
