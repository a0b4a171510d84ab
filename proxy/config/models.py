"""The whole configuration as declared values: what `load` returns."""

from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, field_validator, model_validator

from proxy.config.identity import STANDARD_ATTRIBUTES, Identity, Jwt
from proxy.config.limits import AccessLog, Limits, Log
from proxy.config.listen import Admin, Listen, Tls, Token
from proxy.config.rollout import Condition, Rollout
from proxy.config.route import Arm, Arms, Match, Route
from proxy.config.upstream import Health, Outlier, Pool, Timeouts, Upstream, UpstreamTls
from proxy.settings import fields
from proxy.settings.section import Section

__all__ = [
    "STANDARD_ATTRIBUTES",
    "AccessLog",
    "Admin",
    "Arm",
    "Arms",
    "Condition",
    "Config",
    "Health",
    "Identity",
    "Jwt",
    "Limits",
    "Listen",
    "Log",
    "Match",
    "Outlier",
    "Pool",
    "Rollout",
    "Route",
    "Section",
    "Timeouts",
    "Tls",
    "Token",
    "Upstream",
    "UpstreamTls",
]


Name = Annotated[str, fields.name("a name")]


def implied_default(upstreams: Any) -> str:
    """The default upstream when none is named: `legacy`, else the only one, else ''."""
    if "legacy" in upstreams:
        return "legacy"
    return next(iter(upstreams)) if len(upstreams) == 1 else ""


class Config(Section):
    """The configuration file."""

    listen: Annotated[tuple[Listen, ...], fields.some("address")] = Field(
        description="Where clients connect: an address, a mapping, or a list of either.",
    )
    tls: Tls | None = Field(
        default=None, description="For every `listen` address that has no `tls` of its own."
    )
    admin: Admin | None = Field(
        default=None, description="Health, metrics and admin API. Default: no such listener."
    )
    upstreams: Annotated[dict[Name, Upstream], fields.some("upstream")] = Field(
        description="The services behind, by name."
    )
    default_upstream: Annotated[str, fields.name("an upstream's name")] = Field(
        default="",
        description="Answers what no route matches. Default: `legacy`, else the only one.",
    )
    identity: Identity = Field(
        default=Identity(), description="Where a request's key and attributes come from."
    )
    rollouts: dict[Name, Rollout] = Field(default={}, description="The rollouts, by name.")
    routes: tuple[Route, ...] = Field(default=(), description="In order; the first match is taken.")
    limits: Limits = Field(default=Limits(), description="What a client may ask.")
    expose: Annotated[bool, fields.flag()] = Field(
        default=True,
        description="Whether responses carry `X-Crossfade-Arm` and `X-Crossfade-Reason`.",
    )
    log: Log = Field(default=Log(), description="What is logged.")

    _digest: str = PrivateAttr(default="")

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all that was read: equal digests mean that nothing changed."""
        return self._digest

    def stamp(self, digest: str) -> None:
        """Set the digest; for `load` alone."""
        self._digest = digest

    @field_validator("listen", mode="before")
    @classmethod
    def _one_listener(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) or value is None else [value]

    @model_validator(mode="after")
    def _fold_defaults(self) -> Self:
        """Fill in what one part of the file says for another: salts, TLS, the default upstream."""
        rollouts = {
            name: rollout if rollout.salt else rollout.model_copy(update={"salt": name})
            for name, rollout in self.rollouts.items()
        }
        listeners = tuple(
            listen if listen.tls else listen.model_copy(update={"tls": self.tls})
            for listen in self.listen
        )
        implied = self.default_upstream or implied_default(self.upstreams)
        self.__dict__.update(rollouts=rollouts, listen=listeners, default_upstream=implied)
        return self
