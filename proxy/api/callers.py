"""Which user is calling, where somebody vouches for it."""

from typing import NamedTuple

from proxy.core.identity import Identity

__all__ = ["ADMIN_ROLES", "Caller", "caller_of"]

ADMIN_ROLES = ("admin", "super_admin")
"""The roles of administrators, unless the configuration names others; case does not count."""


class Caller(NamedTuple):
    """A user for whom a signature, a trusted proxy or the session service vouches."""

    id: str
    """The user's id, spelt as keys are."""
    role: str
    """In lower case; empty if nobody vouches for one."""
    tier: str
    """In lower case; empty if nobody vouches for one."""
    is_admin: bool
    """Whether the role is one of `identity.admin_roles`."""
    by: str
    """Who vouches: ``jwt:userId``, ``header:X-User-Id``, ``session``."""


def caller_of(identity: Identity) -> Caller | None:
    """Return the user that a verified identity is, all its attributes believed.

    For requests of the testing kit, which come from nowhere.
    """
    if identity.key is None or not identity.verified:
        return None
    role = identity.attributes.get("role", "").lower()
    tier = identity.attributes.get("tier", "").lower()
    key = identity.key.decode("utf-8", "replace")
    return Caller(key, role, tier, role in ADMIN_ROLES, identity.source or "")
