"""Finds out which user is calling, for those who give away or spend what is the user's.

A key is bucketed, a caller is believed: so only extractors count that somebody vouches for
(a signature, a trusted proxy), for the role as well as for the id. Where they find nobody, the
session service is asked, if there is one.
"""

from proxy.api.callers import Caller
from proxy.config.identity import STANDARD_ATTRIBUTES, Identity
from proxy.core.identity import Identity as Found
from proxy.dataplane.identify import Fields, Identifier
from proxy.dataplane.sessions import Session, Sessions
from proxy.settings.values import Extractor

__all__ = ["Callers"]

_DIALECTS = (Extractor("jwt", "userId"), Extractor("jwt", "sub"))
_KNOWN = ("role", "tier")


class Callers:
    """The callers of one generation; `close` it."""

    def __init__(self, settings: Identity, beside: Identifier) -> None:
        """Compile the extractors; `beside` has verified the tokens of the same settings."""
        self._from_anyone = _believed(settings, ("jwt",), beside)
        self._from_trusted = _believed(settings, ("jwt", "header"), beside)
        self._admin_roles = frozenset(role.lower() for role in settings.admin_roles)
        self._sessions = None
        if settings.session is not None:
            self._sessions = Sessions(settings.session, lower=settings.lower)

    async def find(self, fields: Fields, now: float, *, trusted: bool) -> Caller | None:
        """Return the user who sent these header fields; None if nobody vouches for one.

        ``now`` in Unix seconds; ``trusted``: a trusted proxy sent the request.
        """
        identify = self._from_trusted if trusted else self._from_anyone
        found = identify.identify(fields, now, trusted=trusted)
        if found.key is not None:
            return self._named(found)
        if self._sessions is None:
            return None
        session = await self._sessions.find(fields, now)
        return None if session is None else self._in_session(session)

    async def close(self) -> None:
        """Ask nobody any more."""
        if self._sessions is not None:
            await self._sessions.close()

    def _named(self, found: Found) -> Caller:
        said = found.attributes
        key = b"" if found.key is None else found.key
        return self._caller(
            key.decode(), said.get("role", ""), said.get("tier", ""), found.source or ""
        )

    def _in_session(self, session: Session) -> Caller:
        return self._caller(session.id, session.role, session.tier, "session")

    def _caller(self, name: str, role: str, tier: str, by: str) -> Caller:
        role = role.lower()
        return Caller(name, role, tier.lower(), role in self._admin_roles, by)


def _believed(settings: Identity, kinds: tuple[str, ...], beside: Identifier) -> Identifier:
    """Return an identifier of those extractors alone that somebody vouches for.

    Both dialects of the legacy system's tokens name the user, whatever is bucketed.
    """
    keys = [one for one in settings.key if one.kind in kinds]
    if settings.jwt is not None:
        keys += [one for one in _DIALECTS if one not in keys]
    declared = STANDARD_ATTRIBUTES | settings.attributes
    attributes = {
        name: tuple(one for one in declared[name] if one.kind in kinds) for name in _KNOWN
    }
    update = {"key": tuple(keys), "attributes": attributes}
    return Identifier(settings.model_copy(update=update), _KNOWN, beside)
