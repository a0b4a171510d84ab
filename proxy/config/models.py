"""The whole configuration as declared values: what `load` returns."""

from collections.abc import Mapping
from typing import Annotated, Any, Self, TypeVar

from pydantic import Field, PrivateAttr, field_validator, model_validator

from proxy.config.identity import STANDARD_ATTRIBUTES, Identity, Jwt
from proxy.config.limits import AccessLog, Limits, Log
from proxy.config.listen import Admin, Listen, Tls, Token
from proxy.config.plugins import Plugins, PluginUse, placed
from proxy.config.ramp import Ramp
from proxy.config.rollback import Absolute, Rollback
from proxy.config.rollout import Condition, Rollout, Rule, salted
from proxy.config.route import Arm, Arms, Match, Route
from proxy.config.state import STATE
from proxy.config.upstream import Health, Outlier, Pool, Timeouts, Upstream, UpstreamTls
from proxy.settings import fields
from proxy.settings.naming import named_in, undeclared
from proxy.settings.places import Places
from proxy.settings.problems import ConfigError, Finding, Loc, Problem
from proxy.settings.reading import Reader
from proxy.settings.section import Section

__all__ = [
    "STANDARD_ATTRIBUTES",
    "Absolute",
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
    "PluginUse",
    "Plugins",
    "Pool",
    "Ramp",
    "Rollback",
    "Rollout",
    "Route",
    "Rule",
    "Section",
    "Timeouts",
    "Tls",
    "Token",
    "Upstream",
    "UpstreamTls",
]

SettingsT = TypeVar("SettingsT", bound=Section)
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
    state: Annotated[str, STATE] = Field(
        default="memory://",
        repr=False,
        exclude=True,
        description="Where learned percentages, holds and the audit are kept. `memory://`: until "
        "the process ends. `sqlite:///absolute/path` or `sqlite:path` (from the file's folder): "
        "for one process. `redis://:${REDIS_PASSWORD}@host:6379/0`, `rediss` with TLS: for a "
        "fleet; behind it may stand `?prefix=name`, for several fleets in one Redis, and "
        "`&copy=path`, a file from which a start goes on while Redis is away. Read at the start "
        "alone.",
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
    plugins: Plugins = Field(default=Plugins(), description="Plugins for the whole process.")
    limits: Limits = Field(default=Limits(), description="What a client may ask.")
    expose: Annotated[bool, fields.flag()] = Field(
        default=True,
        description="Whether responses carry `X-Crossfade-Arm` and `X-Crossfade-Reason`.",
    )
    log: Log = Field(default=Log(), description="What is logged.")

    _digest: str = PrivateAttr(default="")
    _places: Places = PrivateAttr(default=Places())

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all that was read: equal digests mean that nothing changed."""
        return self._digest

    def stamp(self, digest: str, places: Places) -> None:
        """Set the digest, and where everything stands; for `load` alone."""
        self._digest, self._places = digest, places

    def read_settings(
        self, model: type[SettingsT], loc: Loc, raw: Mapping[str, object]
    ) -> SettingsT:
        """A plugin's settings, which stand at `loc`, as its own model.

        Raises ConfigError with every problem of them; where they are right by themselves, with
        every name in them of a route or a rollout that is not declared here. A configuration
        that came out of no file tells problems without lines and columns.
        """
        places = self._places if self._places.spots else Places.of(raw, loc)
        beside = ("on_error",) if loc[:1] == ("routes",) else ()
        settings = Reader(model, places, loc, beside).read(raw)
        declared = {"route": [one.name for one in self.routes], "rollout": list(self.rollouts)}
        strange = [
            undeclared(one.loc, one.kind, one.name, declared[one.kind], at_key=one.at_key)
            for one in named_in(settings, loc)
            if one.name not in declared[one.kind]
        ]
        if strange:
            raise ConfigError(places.problem(one, start=len(loc), hidden=False) for one in strange)
        return settings

    def problem(
        self, loc: Loc, said: str, wanted: str, hint: str = "", *, at_key: bool = False
    ) -> Problem:
        """A problem at a place of the file, or at its key."""
        return self._places.problem(Finding(loc, wanted, hint, said, at_key), start=len(loc))

    @field_validator("listen", mode="before")
    @classmethod
    def _one_listener(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) or value is None else [value]

    @model_validator(mode="after")
    def _fold_defaults(self) -> Self:
        """Fill in what one part of the file says for another: salts, TLS, the default upstream."""
        rollouts = {name: salted(name, rollout) for name, rollout in self.rollouts.items()}
        listeners = tuple(
            listen if listen.tls else listen.model_copy(update={"tls": self.tls})
            for listen in self.listen
        )
        routes = tuple(_placed(i, route) for i, route in enumerate(self.routes))
        implied = self.default_upstream or implied_default(self.upstreams)
        self.__dict__.update(rollouts=rollouts, listen=listeners, default_upstream=implied)
        self.__dict__["routes"] = routes
        return self


def _placed(i: int, route: Route) -> Route:
    """The route, with every use of a plugin knowing its place."""
    uses = tuple(placed(use, "routes", i, "plugins", j) for j, use in enumerate(route.plugins))
    update: dict[str, Any] = {"plugins": uses}
    if route.plugin:
        update["plugin"] = placed(route.plugin, "routes", i, "plugin")
    if route.arms:
        arms = {
            name: arm.model_copy(
                update={"plugin": placed(arm.plugin, "routes", i, "arms", name, "plugin")}
            )
            for name, arm in (("legacy", route.arms.legacy), ("new", route.arms.new))
            if arm.plugin
        }
        update["arms"] = route.arms.model_copy(update=arms)
    return route.model_copy(update=update)
