"""The `identity` section: who a request comes from, and what is known about them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from proxy.settings import fields, values
from proxy.settings.section import Section
from proxy.settings.values import Extractor

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
}


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


class Identity(Section):
    """Where a request's key and attributes come from."""

    key: tuple[ExtractorText, ...] = Field(
        default=(), description="What is bucketed: the first extractor that finds a value wins."
    )
    jwt: Jwt | None = Field(default=None, description="Needed by `jwt:` extractors.")
    attributes: dict[Annotated[str, fields.name("a name")], tuple[ExtractorText, ...]] = Field(
        default=STANDARD_ATTRIBUTES,
        description="What conditions may ask for: each name with its extractors, the first wins.",
    )
    lower: Annotated[bool, fields.flag()] = Field(
        default=False,
        description="Whether the key is lower-cased before it is bucketed or looked up.",
    )
    trusted_proxies: tuple[Annotated[str, fields.text("a network", values.network)], ...] = Field(
        default=(),
        description="Peers whose forwarding, request id and identity headers are believed.",
    )
