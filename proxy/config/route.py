"""The `routes` section: which request goes where."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from proxy.config.plugins import Destination, Use
from proxy.settings import fields, values
from proxy.settings.problems import shown
from proxy.settings.section import Section
from proxy.settings.values import UnfitError

UpstreamName = Annotated[str, fields.name("an upstream's name")]
Timeout = Annotated[float, fields.duration("1ms", "1h")]


class Match(Section):
    """What a request must be for its route; everything given must hold."""

    path: Annotated[str, fields.text("a path pattern", values.path_pattern)] = Field(
        default="/**",
        description="`/exact`, `/prefix/**` (also `/prefix` itself) or `~regex` (whole path).",
    )
    methods: tuple[Annotated[str, fields.text("a method", values.method)], ...] = Field(
        default=(), description="The methods, in upper case. Default: any."
    )
    host: Annotated[str, fields.text("a host name", values.host_name)] | None = Field(
        default=None, description="The host asked for, without its port. Default: any."
    )
    headers: dict[
        Annotated[str, fields.text("a header name", values.field_name)],
        Annotated[str, fields.header_value()],
    ] = Field(default={}, description="Headers that must have exactly these values.")


class Arm(Section):
    """Where an arm leads. It has exactly one of `upstream` and `plugin`."""

    upstream: UpstreamName | None = Field(default=None, description="Name of an upstream.")
    plugin: Destination | None = Field(default=None, description="A plugin that answers by itself.")
    timeout: Timeout = Field(
        default=30.0, description="Longest time that `plugin` may take for an answer."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_name(cls, value: Any) -> Any:
        """Nothing says whether a bare name is an upstream's or a plugin's."""
        if not isinstance(value, str):
            return value
        wanted = "a mapping with upstream or plugin"
        if isinstance(value, fields.Expanded):
            raise UnfitError(wanted)
        raise UnfitError(wanted, f"write {{upstream: {shown(value)}}}", f'"{shown(value)}"')


class Arms(Section):
    """The two sides of a rollout on this route; both are needed."""

    legacy: Arm = Field(description="The old side, which is always safe.")
    new: Arm = Field(description="The side that the rollout moves to.")


class Route(Section):
    """One entry; the first that matches is taken.

    It has exactly one destination: `upstream`, `plugin`, or `rollout` and `arms`.
    """

    name: Annotated[str, fields.name("a name")] = Field(
        description="Shown in logs, metrics and status. Unique."
    )
    match: Match = Field(description="Which requests it takes.")
    upstream: UpstreamName | None = Field(
        default=None, description="The upstream that answers everything."
    )
    plugin: Destination | None = Field(
        default=None, description="The plugin that answers everything by itself."
    )
    timeout: Timeout = Field(
        default=30.0, description="Longest time that `plugin` may take for an answer."
    )
    rollout: Annotated[str, fields.name("a rollout's name")] | None = Field(
        default=None, description="The rollout that picks the arm; needs `arms`."
    )
    arms: Arms | None = Field(default=None, description="Where each arm leads; needs `rollout`.")
    replay: Annotated[Literal["safe", "allow"], fields.choice("safe", "allow")] = Field(
        default="safe",
        description="What legacy answers where new has failed: `safe` only what has surely "
        "changed nothing, `allow` also a POST with an `Idempotency-Key`. Needs `rollout`.",
    )
    plugins: tuple[Use, ...] = Field(
        default=(),
        description="What requests and answers pass on their way, in the order of requests.",
    )
