"""The `upstreams` section: the named services that requests go to."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from proxy.settings import fields, values
from proxy.settings.section import Section
from proxy.settings.values import EndpointUrl

Url = Annotated[EndpointUrl, fields.text("a URL", values.url)]


class Timeouts(Section):
    """How long an upstream may take. Each ends the attempt with its own reason."""

    connect: Annotated[float, fields.duration("1ms", "5m")] = Field(
        default=2.0, description="Longest time to open a connection, TLS handshake included."
    )
    first_byte: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=30.0, description="Longest wait for the first byte of the response."
    )
    idle: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=60.0, description="Longest silence in mid-response."
    )
    tunnel: Annotated[float, fields.duration("1ms", "24h")] = Field(
        default=3600.0,
        description="Longest silence of an upgraded connection, such as a WebSocket.",
    )


class Pool(Section):
    """The connections to one endpoint."""

    max: Annotated[int, fields.whole(1, 65535)] = Field(
        default=256, description="Most connections to one endpoint."
    )
    idle: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=10.0,
        description="An unused connection is closed after this. Keep it below the upstream's own.",
    )
    queue: Annotated[int, fields.whole(0, 65535)] = Field(
        default=256,
        description="Most requests that wait for a connection; one more is answered 503.",
    )
    queue_timeout: Annotated[float, fields.duration("1ms", "5m")] = Field(
        default=5.0, description="Longest wait for a connection; then 503."
    )


class Health(Section):
    """Active checks of each endpoint. Without the section there are none."""

    path: Annotated[str, fields.text("a path", values.request_path)] = Field(
        description="What is asked for with GET; any 2xx or 3xx is healthy."
    )
    interval: Annotated[float, fields.duration("100ms", "1h")] = Field(
        default=5.0, description="Time from one check to the next."
    )
    timeout: Annotated[float, fields.duration("1ms", "5m")] = Field(
        default=2.0, description="Longest time for a whole check."
    )
    healthy_after: Annotated[int, fields.whole(1, 100)] = Field(
        default=1, description="Good checks in a row until an unhealthy endpoint is used again."
    )
    unhealthy_after: Annotated[int, fields.whole(1, 100)] = Field(
        default=3, description="Bad checks in a row until an endpoint is left out."
    )


class Outlier(Section):
    """Ejection of an endpoint that fails real requests. On by default."""

    failures: Annotated[int, fields.whole(0, 10000)] = Field(
        default=5, description="Failures in a row that eject an endpoint; 0: never eject."
    )
    base: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=10.0, description="Length of the first ejection; the n-th lasts n times as long."
    )
    max: Annotated[float, fields.duration("1ms", "24h")] = Field(
        default=300.0, description="Longest ejection; not below `base`."
    )


class UpstreamTls(Section):
    """How an https upstream is verified."""

    verify: Annotated[bool, fields.flag()] = Field(
        default=True, description="Whether certificate and host name are verified."
    )
    ca: Annotated[Path, fields.file()] | None = Field(
        default=None, description="Trusted certificates, PEM. Default: those of the system."
    )
    server_name: Annotated[str, fields.text("a host name", values.host_name)] | None = Field(
        default=None,
        description="The name asked for (SNI) and verified. Default: the endpoint's host.",
    )


class Upstream(Section):
    """A named service. It has exactly one of `url` and `endpoints`."""

    url: Url | None = Field(
        default=None,
        description="Its one endpoint: scheme, host and port, no path.",
    )
    endpoints: tuple[Url, ...] = Field(
        default=(),
        description="Several endpoints, all http or all https; requests are spread over them.",
    )
    host: Annotated[Literal["keep", "replace"], fields.choice("keep", "replace")] = Field(
        default="keep",
        description="`keep` sends the client's Host; `replace` sends the endpoint's own authority.",
    )
    timeouts: Timeouts = Field(default=Timeouts(), description="How long it may take.")
    pool: Pool = Field(default=Pool(), description="Connections to each endpoint.")
    health: Health | None = Field(default=None, description="Active checks. Default: none.")
    outlier: Outlier = Field(default=Outlier(), description="Ejection of a failing endpoint.")
    tls: UpstreamTls = Field(default=UpstreamTls(), description="For https only.")

    @model_validator(mode="after")
    def _fold_url(self) -> Self:
        if self.url is not None and not self.endpoints:
            self.__dict__["endpoints"] = (self.url,)
        return self
