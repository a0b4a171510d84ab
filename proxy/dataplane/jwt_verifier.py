"""Verifies JSON Web Tokens (RFC 7519) and remembers the verdicts.

A token takes 30 us (HMAC) to 60 us (RSA) to check and the same caller sends
the same token for an hour, so verdicts are kept by a digest of the token, never
by the token itself. PyJWT checks the signature (RFC 7515) with the configured
algorithms pinned; the claims are checked here, against the time that is passed
in, since PyJWT reads the clock itself.

Nothing of a token is ever logged or put into a message.
"""

import json
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from math import inf
from typing import Any, NamedTuple, NoReturn

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from jwt.algorithms import Algorithm, HMACAlgorithm, RSAAlgorithm

TOKEN_BYTES = 8 * 1024
"""The longest token that is looked at."""

VERIFIED_KEPT = 10_000
"""How many verified tokens are remembered."""

REFUSED_KEPT = 1_000
"""How many refused tokens are remembered: apart, so that garbage displaces nobody."""

WITHOUT_EXPIRY_SECONDS = 60.0
"""How long a token without ``exp`` is remembered."""

REFUSED_SECONDS = 10.0
"""How long a refused token is remembered."""

Claims = Mapping[str, Any]


class _Verdict(NamedTuple):
    """The claims of a token (None: refused) and when the verdict holds, in unix seconds."""

    claims: Claims | None
    since: float
    until: float


# PyJWT warns on each use of a key that it finds short. Which key the legacy system signs with
# is not for the proxy to choose, so the warning would only be noise.
class _Hmac(HMACAlgorithm):
    def check_key_length(self, key: object) -> None:  # noqa: ARG002
        return None


class _Rsa(RSAAlgorithm):
    def check_key_length(self, key: object) -> None:  # noqa: ARG002
        return None


_HMACS = {"HS256": _Hmac.SHA256, "HS384": _Hmac.SHA384, "HS512": _Hmac.SHA512}
_RSAS = {"RS256": _Rsa.SHA256, "RS384": _Rsa.SHA384, "RS512": _Rsa.SHA512}


class JwtVerifier:
    """Verifies tokens with one key and one list of algorithms."""

    __slots__ = (
        "_algorithms",
        "_audience",
        "_issuer",
        "_jws",
        "_key",
        "_leeway",
        "_refused",
        "_verified",
    )

    def __init__(
        self,
        key: str,
        algorithms: Sequence[str],
        *,
        leeway: float = 0.0,
        issuer: str | None = None,
        audience: str | None = None,
    ) -> None:
        """Take the secret (HS*) or the public key as PEM (RS*) and the only algorithms allowed.

        ``leeway`` is in seconds, for clocks that differ. An issuer or an
        audience of None is not checked. Raises ValueError, without the key in the
        message, if the key does not fit an algorithm or an algorithm is not
        one of HS256/384/512 and RS256/384/512, or both kinds are mixed.
        """
        self._jws = jwt.PyJWS(algorithms=[])
        self._algorithms = list(algorithms)
        self._key = _prepare(self._jws, key, self._algorithms)
        self._leeway = leeway
        self._issuer = issuer
        self._audience = audience
        self._verified: OrderedDict[bytes, _Verdict] = OrderedDict()
        self._refused: OrderedDict[bytes, _Verdict] = OrderedDict()

    def claims(self, token: bytes, now: float) -> Claims | None:
        """Return the claims of a token that is valid at ``now`` (unix seconds), else None."""
        if not 0 < len(token) <= TOKEN_BYTES:
            return None
        digest = blake2b(token, digest_size=16).digest()
        verdict = self._verified.get(digest) or self._refused.get(digest)
        if verdict is None or not verdict.since <= now < verdict.until:
            verdict = self._judge(token, now)
            self._keep(digest, verdict)
        return verdict.claims

    def _judge(self, token: bytes, now: float) -> _Verdict:
        """Check signature and claims afresh (RFC 7519 sections 4.1 and 7.2)."""
        refused = _Verdict(None, now, now + REFUSED_SECONDS)
        claims = self._signed_claims(token)
        if claims is None or not self._is_for_us(claims):
            return refused
        try:
            begins = _date(claims, "nbf", -inf) - self._leeway
            ends = _date(claims, "exp", inf) + self._leeway
        except ValueError:
            return refused
        if now < begins:
            return refused._replace(until=min(refused.until, begins))
        if now >= ends:
            return refused
        return _Verdict(claims, begins, ends if ends < inf else now + WITHOUT_EXPIRY_SECONDS)

    def _signed_claims(self, token: bytes) -> Claims | None:
        """Return the claims if the signature is good and they are a JSON object."""
        try:
            payload = self._jws.decode(token, self._key, algorithms=self._algorithms)
            claims = json.loads(payload, parse_constant=_refuse_constant)
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
            return None
        return claims if isinstance(claims, dict) else None

    def _is_for_us(self, claims: Claims) -> bool:
        if self._issuer is not None and claims.get("iss") != self._issuer:
            return False
        if self._audience is None:
            return True
        audience = claims.get("aud")  # one text or a list of them (RFC 7519 section 4.1.3)
        return audience == self._audience or (
            isinstance(audience, list) and self._audience in audience
        )

    def _keep(self, digest: bytes, verdict: _Verdict) -> None:
        self._verified.pop(digest, None)
        self._refused.pop(digest, None)
        kept, most = (
            (self._refused, REFUSED_KEPT)
            if verdict.claims is None
            else (self._verified, VERIFIED_KEPT)
        )
        kept[digest] = verdict
        if len(kept) > most:
            kept.popitem(last=False)


def claim(claims: Claims, name: str) -> object:
    """Return the claim of this name, or None if there is none.

    A name with dots is first a name of its own (RFC 7519 section 4.2 recommends
    URLs), then a path into nested claims: ``plan.tier``.
    """
    if name in claims:
        return claims[name]
    value: object = claims
    for part in name.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    return value


def _prepare(jws: jwt.PyJWS, key: str, algorithms: Sequence[str]) -> Any:
    """Register the algorithms, these alone, and return the key as they take it."""
    if not algorithms:
        raise ValueError("a JWT needs at least one algorithm")
    kinds = {_kind(name) for name in algorithms}
    if len(kinds) > 1:
        raise ValueError("HS* and RS* algorithms cannot share one key")
    prepared: Any = None
    for name in algorithms:
        algorithm: Algorithm = _Hmac(_HMACS[name]) if name in _HMACS else _Rsa(_RSAS[name])
        try:
            prepared = algorithm.prepare_key(key)
        except (jwt.PyJWTError, ValueError, TypeError):
            raise ValueError(f"the JWT key does not fit {name}") from None
        if isinstance(prepared, RSAPrivateKey):
            raise ValueError("the JWT key is a private key; the public key is enough")
        jws.register_algorithm(name, algorithm)
    return prepared


def _kind(name: str) -> str:
    if name not in _HMACS and name not in _RSAS:
        raise ValueError(f"{name} is not one of {', '.join([*_HMACS, *_RSAS])}")
    return name[:2]


def _date(claims: Claims, name: str, absent: float) -> float:
    """Return a NumericDate claim (RFC 7519 section 2); ValueError if it is something else."""
    value = claims.get(name)
    if value is None and name not in claims:
        return absent
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 < value < 1e15:
        raise ValueError(f"{name} is no date")
    return float(value)


def _refuse_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")
