"""The `routes` section: which request goes where."""

from typing import Annotated

from pydantic import Field

from proxy.settings import fields, values
from proxy.settings.section import Section

UpstreamName = Annotated[str, fields.name("an upstream's name")]


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
    """Where an arm leads."""

    upstream: UpstreamName = Field(description="Name of an upstream.")


class Arms(Section):
    """The two sides of a rollout on this route; both are needed."""

    legacy: Arm = Field(description="The old side, which is always safe.")
    new: Arm = Field(description="The side that the rollout moves to.")


class Route(Section):
    """One entry; the first that matches is taken. It has `upstream`, or `rollout` and `arms`."""

    name: Annotated[str, fields.name("a name")] = Field(
        description="Shown in logs, metrics and status. Unique."
    )
    match: Match = Field(description="Which requests it takes.")
    upstream: UpstreamName | None = Field(
        default=None, description="The upstream that answers everything."
    )
    rollout: Annotated[str, fields.name("a rollout's name")] | None = Field(
        default=None, description="The rollout that picks the arm; needs `arms`."
    )
    arms: Arms | None = Field(default=None, description="Where each arm leads; needs `rollout`.")
