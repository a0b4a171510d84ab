"""The `identity` section: who a request comes from, and what is known about them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from proxy.api.callers import ADMIN_ROLES
from proxy.settings import fields, values
from proxy.settings.section import Section
from proxy.settings.values import Extractor, UnfitError

Algorithm = Literal["HS256", "HS384", "HS512", "RS256", "RS384", "RS512"]
AlgorithmName = Annotated[
    Algorithm, fields.choice("HS256", "HS384", "HS512", "RS256", "RS384", "RS512")
]
ExtractorText = Annotated[Extractor, fields.text("an extractor", values.extractor)]

STANDARD_ATTRIBUTES: dict[str, tuple[Extractor, ...]] = {
    "tier": (Extractor("jwt", "tier"), Extractor("header", "X-User-Tier")),
    "region": (Extractor("jwt", "region"), Extractor("header", "X-Region")),
    "platform": (Extractor("jwt", "platform"), Extractor("header", "X-Platform")),
    "account_age": (Extractor("jwt", "account_age"), Extractor("header", "X-Account-Age")),
    "role": (Extractor("jwt", "role"), Extractor("header", "X-User-Role")),
}

SESSION_COOKIES = ("next-auth.session-token", "__Secure-next-auth.session-token")
_SESSION_URL = "a URL such as http://127.0.0.1:3000/api/auth/session"


def session_url(text: str) -> str:
    """Read the `http` or `https` URL of a session service, with its path; raises `UnfitError`."""
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise UnfitError(_SESSION_URL, "percent-encode it, and leave out the fragment")
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    try:
        values.url(f"{scheme}{separator}{authority}")
    except UnfitError as error:
        raise UnfitError(_SESSION_URL, error.hint) from None
    return str(text)


class Jwt(Section):
    """How tokens are found and verified. A token that does not verify yields nothing."""

    cookies: tuple[Annotated[str, fields.text("a cookie name", values.cookie_name)], ...] = Field(
        default=(), description="Cookies that may hold the token, in order."
    )
    bearer: Annotated[bool, fields.flag()] = Field(
        default=True, description="Whether `Authorization: Bearer` is looked at, after the cookies."
    )
    secret: Annotated[SecretStr, fields.secret("a secret", 1)] | None = Field(
        default=None, description="The shared secret, for HS*. Take it from the environment."
    )
    public_key: Annotated[str, fields.plain("a public key", longest=16384, hidden=True)] | None = (
        Field(default=None, description="The RSA public key itself, PEM, for RS*.")
    )
    public_key_file: Annotated[Path, fields.file()] | None = Field(
        default=None, description="A file with that key, read at every reload."
    )
    algorithms: Annotated[tuple[AlgorithmName, ...], fields.some("algorithm")] = Field(
        default=("HS256",),
        description="What is accepted: HS* with `secret`, or RS* with a public key, never both.",
    )
    leeway: Annotated[float, fields.duration("0s", "10m")] = Field(
        default=30.0, description="How far clocks may differ when `exp` and `nbf` are checked."
    )
    issuer: Annotated[str, fields.plain("an issuer", shortest=1, longest=1024)] | None = Field(
        default=None, description="The `iss` claim must be this. Default: not checked."
    )
    audience: Annotated[str, fields.plain("an audience", shortest=1, longest=1024)] | None = Field(
        default=None, description="The `aud` claim must be or hold this. Default: not checked."
    )


ClaimText = Annotated[str, fields.plain("a claim", shortest=1, longest=256)]


class Session(Section):
    """Who has a session is asked of the legacy system, which alone can read its own cookies.

    `url` is asked with the named cookies of the caller and nothing else, and answers with a JSON
    document about the user. Only plugins that have to know the caller cause that, where no
    verified key names one. A service that fails, or is slow, leaves the caller unknown.
    """

    url: Annotated[str, fields.text("a URL", session_url, longest=2048)] = Field(
        description="What is asked by GET. Redirects are not followed."
    )
    cookies: Annotated[
        tuple[Annotated[str, fields.text("a cookie name", values.cookie_name)], ...],
        fields.some("cookie"),
    ] = Field(
        default=SESSION_COOKIES,
        description="The caller's cookies that are passed on. Without any of them nobody is asked.",
    )
    id: ClaimText = Field(
        default="user.id", description="Where the user's id is in the document; dots lead inside."
    )
    role: ClaimText = Field(default="user.role", description="Where the user's role is.")
    tier: ClaimText = Field(default="user.tier", description="Where the user's tier is.")
    ttl: Annotated[float, fields.duration("1s", "1h")] = Field(
        default=60.0,
        description="How long an answer holds; that there is no session is asked again after 10 s.",
    )
    timeout: Annotated[float, fields.duration("10ms", "30s")] = Field(
        default=2.0, description="For the whole answer."
    )


class Identity(Section):
    """Where a request's key and attributes come from, and which user is calling."""

    key: tuple[ExtractorText, ...] = Field(
        default=(), description="What is bucketed: the first extractor that finds a value wins."
    )
    jwt: Jwt | None = Field(default=None, description="Needed by `jwt:` extractors.")
    attributes: dict[Annotated[str, fields.name("a name")], tuple[ExtractorText, ...]] = Field(
        default=STANDARD_ATTRIBUTES,
        description="What conditions may ask for: each name with its extractors, the first wins.",
    )
    session: Session | None = Field(
        default=None, description="Finds out callers by the legacy system's sessions."
    )
    admin_roles: tuple[Annotated[str, fields.plain("a role", shortest=1, longest=64)], ...] = Field(
        default=ADMIN_ROLES,
        description="Callers whose verified `role` is one of these are administrators to plugins; "
        "case does not count.",
    )
    lower: Annotated[bool, fields.flag()] = Field(
        default=False,
        description="Whether the key is lower-cased before it is bucketed or looked up.",
    )
    trusted_proxies: tuple[Annotated[str, fields.text("a network", values.network)], ...] = Field(
        default=(),
        description="Peers whose forwarding, request id and identity headers are believed.",
    )
