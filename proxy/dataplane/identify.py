"""Finds out who is asking: the key that is bucketed and the attributes of conditions.

The key comes from the first of the declared extractors that yields one:

- ``jwt:claim``: a claim of a token whose signature was verified; verified.
- ``header:Name``: counts only if a trusted proxy sent the request; verified.
- ``cookie:name``: whatever the client says; not verified, so it may choose a
  bucket and nothing else.

Attributes are looked up when a condition first asks for one.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from enum import Enum
from itertools import groupby
from typing import Any

from proxy.config.models import Identity as Settings
from proxy.config.models import Jwt
from proxy.core.cookies import find_cookie
from proxy.core.identity import ANONYMOUS, NO_ATTRIBUTES, Identity
from proxy.core.key import normalise, normalise_value
from proxy.dataplane.jwt_verifier import Claims, JwtVerifier, claim
from proxy.settings.values import Extractor

Fields = Mapping[bytes, bytes]
"""Header name in lower case -> value; several lines joined with ``, `` (cookies with ``; ``)."""

_FindClaims = Callable[[Fields, float], Claims | None]
_FindKey = Callable[[Fields, float, Mapping[str, str]], Identity | None]
_FindText = Callable[["_Attributes"], str | None]


class _Unread(Enum):
    """Says that nobody has looked for a token yet."""

    UNREAD = "unread"


_UNREAD = _Unread.UNREAD


class Identifier:
    """Identifies the callers of one generation of the configuration."""

    __slots__ = ("_attributes", "_from_anyone", "_from_trusted", "find_claims")
    find_claims: _FindClaims

    def __init__(
        self,
        settings: Settings,
        wanted: Collection[str] | None = None,
        beside: "Identifier | None" = None,
    ) -> None:
        """Compile the extractors.

        ``wanted`` names the attributes that somebody will ask for; None is all
        that are declared. ``beside`` is another one of the same ``jwt`` section, to verify
        each token once for both; else the public key's file is read, if there is one. Raises
        ValueError if there is no JWT key or it does not fit its algorithms.
        """
        self.find_claims = beside.find_claims if beside else _claims_finder(settings.jwt)
        self._attributes = {
            name: tuple(_text_finder(extractor) for extractor in extractors)
            for name, extractors in settings.attributes.items()
            if wanted is None or name in wanted
        }
        everybody = [e for e in settings.key if e.kind != "header"]
        self._from_anyone = _key_finders(everybody, self.find_claims, lower=settings.lower)
        self._from_trusted = _key_finders(settings.key, self.find_claims, lower=settings.lower)

    def identify(self, fields: Fields, now: float, *, trusted: bool) -> Identity:
        """Return who sent these header fields.

        ``now`` is in unix seconds, for the dates in tokens. ``trusted`` says
        that a trusted proxy sent the request. The identity's attributes read
        ``fields`` when they are asked: decide before changing them.
        """
        attributes: Mapping[str, str] = NO_ATTRIBUTES
        if self._attributes:
            attributes = _Attributes(
                self._attributes, self.find_claims, fields, now, trusted=trusted
            )
        for find in self._from_trusted if trusted else self._from_anyone:
            identity = find(fields, now, attributes)
            if identity is not None:
                return identity
        if attributes is NO_ATTRIBUTES:
            return ANONYMOUS
        return ANONYMOUS._replace(attributes=attributes)


class _Attributes(Mapping[str, str]):
    """The attributes of one request, found when they are asked for."""

    __slots__ = ("_claims", "_declared", "_find_claims", "fields", "now", "trusted")

    def __init__(
        self,
        declared: Mapping[str, tuple[_FindText, ...]],
        find_claims: _FindClaims,
        fields: Fields,
        now: float,
        *,
        trusted: bool,
    ) -> None:
        self._declared = declared
        self._find_claims = find_claims
        self._claims: Claims | _Unread | None = _UNREAD
        self.fields = fields
        self.now = now
        self.trusted = trusted

    def claims(self) -> Claims | None:
        """Return the claims of the request's token; verified on the first call."""
        if isinstance(self._claims, _Unread):
            self._claims = self._find_claims(self.fields, self.now)
        return self._claims

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return the attribute's value, or the default; without an exception for its absence."""
        for find in self._declared.get(name, ()):
            value = find(self)
            if value is not None:
                return value
        return default

    def __getitem__(self, name: str) -> str:
        value: str | None = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._declared if self.get(name) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _claims_finder(settings: Jwt | None) -> _FindClaims:
    """Return what finds the claims of the first token that verifies: cookies in order, Bearer."""
    if settings is None:
        return lambda _fields, _now: None
    verifier = _verifier(settings)
    cookies = tuple(name.encode() for name in settings.cookies)
    bearer = settings.bearer

    def find(fields: Fields, now: float) -> Claims | None:
        header = fields.get(b"cookie")
        if header is not None:
            for name in cookies:
                token = find_cookie(header, name)
                claims = verifier.claims(_unquoted(token), now) if token else None
                if claims is not None:
                    return claims
        header = fields.get(b"authorization") if bearer else None
        if header is None or header[:7].lower() != b"bearer ":
            return None
        return verifier.claims(header[7:].strip(), now)

    return find


def _verifier(settings: Jwt) -> JwtVerifier:
    return JwtVerifier(
        _key_text(settings),
        settings.algorithms,
        leeway=settings.leeway,
        issuer=settings.issuer,
        audience=settings.audience,
    )


def _key_text(settings: Jwt) -> str:
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    if settings.public_key is not None:
        return settings.public_key
    if settings.public_key_file is None:
        raise ValueError("identity.jwt has neither a secret nor a public key")
    try:
        return settings.public_key_file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        what = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ValueError(f"identity.jwt.public_key_file cannot be read: {what}") from None


def _key_finders(
    extractors: Iterable[Extractor], find_claims: _FindClaims, *, lower: bool
) -> tuple[_FindKey, ...]:
    """Return the finders in order; neighbouring claims share one, so the token is sought once."""
    finders: list[_FindKey] = []
    for kind, same in groupby(extractors, key=lambda extractor: extractor.kind):
        if kind == "jwt":
            names = [extractor.name for extractor in same]
            finders.append(_key_from_claims(names, find_claims, lower=lower))
        elif kind == "header":
            finders.extend(_key_from_header(extractor, lower=lower) for extractor in same)
        else:
            finders.extend(_key_from_cookie(extractor, lower=lower) for extractor in same)
    return tuple(finders)


def _key_from_claims(names: Iterable[str], find_claims: _FindClaims, *, lower: bool) -> _FindKey:
    sources, verified = tuple((name, f"jwt:{name}") for name in names), True

    def find(fields: Fields, now: float, attributes: Mapping[str, str]) -> Identity | None:
        # The attributes, where there are any, keep the claims for the conditions.
        if isinstance(attributes, _Attributes):
            claims = attributes.claims()
        else:
            claims = find_claims(fields, now)
        if claims is None:
            return None
        for name, source in sources:
            key = normalise_value(claim(claims, name), lower=lower)
            if key is not None:
                return Identity(key, source, verified, attributes)
        return None

    return find


def _key_from_header(extractor: Extractor, *, lower: bool) -> _FindKey:
    name, source, verified = extractor.name.lower().encode(), str(extractor), True

    def find(fields: Fields, _now: float, attributes: Mapping[str, str]) -> Identity | None:
        value = fields.get(name)
        # Two lines of the header arrive joined: whose is it then? Nobody's.
        if value is None or b", " in value:
            return None
        key = normalise(value, lower=lower)
        return None if key is None else Identity(key, source, verified, attributes)

    return find


def _key_from_cookie(extractor: Extractor, *, lower: bool) -> _FindKey:
    name, source, verified = extractor.name.encode(), str(extractor), False

    def find(fields: Fields, _now: float, attributes: Mapping[str, str]) -> Identity | None:
        header = fields.get(b"cookie")
        value = None if header is None else find_cookie(header, name)
        key = normalise(value, lower=lower) if value else None
        return None if key is None else Identity(key, source, verified, attributes)

    return find


def _text_finder(extractor: Extractor) -> _FindText:
    """Return what finds an attribute's value by one extractor."""
    declared = extractor.name
    name = declared.encode()
    if extractor.kind == "jwt":
        return lambda request: _claim_text(request.claims(), declared)
    if extractor.kind == "cookie":
        return lambda request: _text(find_cookie(request.fields.get(b"cookie", b""), name))
    name = name.lower()
    if name.startswith(b"x-user-"):
        return lambda request: _text(request.fields.get(name)) if request.trusted else None
    return lambda request: _text(request.fields.get(name))


def _claim_text(claims: Claims | None, name: str) -> str | None:
    """Return a claim as conditions compare it; a list, an object or a null is absent."""
    value = None if claims is None else claim(claims, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) and value != "" else None


def _text(raw: bytes | None) -> str | None:
    """Return UTF-8 text without white space around it; empty or other bytes are absent."""
    try:
        return None if raw is None else raw.decode().strip() or None
    except UnicodeDecodeError:
        return None


def _unquoted(token: bytes) -> bytes:
    """Return a cookie's value without the quotes that RFC 6265 section 4.1.1 allows."""
    quoted = len(token) > 1 and token[:1] == token[-1:] == b'"'
    return token[1:-1] if quoted else token
