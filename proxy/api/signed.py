"""Texts that only this proxy can make: tokens in links, cookies and requests of others.

A signed text says its fields to everybody, but nobody can change them, make up others, or
use them after their end. ``1~new~campaigns~1750003600~…`` is the version, the fields
(percent-encoded), the end, and the HMAC-SHA256 (RFC 2104) of all that. Each of its
characters may stand in a URL and in a cookie.
"""

import hmac
from base64 import urlsafe_b64encode
from typing import Literal, NamedTuple
from urllib.parse import quote, unquote

from proxy.api.settings import Secret

__all__ = ["SignatureError", "Signed", "Signer"]

LONGEST = 1024
"""The most characters of a signed text."""
SHORTEST_SECRET = 32

_VERSION = "1~"


class SignatureError(ValueError):
    """A text that does not count; no part of it is in the message."""

    def __init__(self, why: Literal["forged", "expired"]) -> None:
        """Keep the reason."""
        super().__init__(f"the signed text is {why}")
        self.why = why


class Signed(NamedTuple):
    """What a signed text says."""

    fields: tuple[str, ...]
    """What was signed, in order."""
    expires: int
    """Unix seconds: from then on it does not count."""


class Signer:
    """``Signer(secret, purpose)`` signs, and opens what it signed.

    So does any other with the same secret, of at least 32 characters (else ValueError is
    raised), and the same purpose: what was signed for one does not count for another.
    Name the plugin, and what for if that is not all: ``preview_cookie``. The text is no
    secret: whoever sees it can read the fields, and use it until its end.
    """

    __slots__ = ("_key", "_purpose")

    def __init__(self, secret: Secret, purpose: str) -> None:
        """Take what it signs with. Raises ValueError for a short secret."""
        key = secret.get_secret_value()
        if len(key) < SHORTEST_SECRET:
            raise ValueError(f"a secret of at least {SHORTEST_SECRET} characters is wanted")
        self._key, self._purpose = key.encode(), f"crossfade {purpose}\0"

    def sign(self, fields: tuple[str, ...], expires: int) -> str:
        """Return the fields as signed text; `expires` in Unix seconds.

        Raises ValueError for fields that are no Unicode, or make it longer than 1024
        characters.
        """
        written = (quote(field, safe="*").replace("~", "%7E") for field in fields)
        said = _VERSION + "~".join((*written, f"{expires:d}"))
        text = f"{said}~{self._signature(said)}"
        if len(text) > LONGEST:
            raise ValueError(f"a signed text has at most {LONGEST} characters, not {len(text)}")
        return text

    def opened(self, text: str, now: float) -> Signed:
        """Return what the text says; `now` in Unix seconds.

        Raises SignatureError for a text that was not signed with this secret for this
        purpose, and for one whose end has come.
        """
        if len(text) > LONGEST or not text.isascii() or not text.startswith(_VERSION):
            raise SignatureError("forged")
        said, _, signature = text.rpartition("~")
        if not hmac.compare_digest(self._signature(said), signature):
            raise SignatureError("forged")
        _, *fields, expires = said.split("~")
        if int(expires) <= now:
            raise SignatureError("expired")
        return Signed(tuple(map(unquote, fields)), int(expires))

    def _signature(self, said: str) -> str:
        digest = hmac.digest(self._key, (self._purpose + said).encode(), "sha256")
        return urlsafe_b64encode(digest).rstrip(b"=").decode()
