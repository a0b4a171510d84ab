"""The `limits` and `log` sections: what a client may cost, and what is written down."""

from typing import Annotated, Literal

from pydantic import Field

from proxy.settings import fields
from proxy.settings.section import Section


class Limits(Section):
    """What a client may ask of the listeners."""

    header_bytes: Annotated[int, fields.size("1KiB", "1MiB")] = Field(
        default=32 * 1024, description="Largest request head; more is answered 431."
    )
    url_bytes: Annotated[int, fields.size("128B", "1MiB")] = Field(
        default=8 * 1024, description="Longest request target; more is answered 414."
    )
    connections: Annotated[int, fields.whole(1, 1_000_000)] = Field(
        default=10000, description="Most client connections at once, over all listeners."
    )
    head_timeout: Annotated[float, fields.duration("1ms", "10m")] = Field(
        default=10.0, description="Longest time for a request head to arrive."
    )
    body_timeout: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=60.0, description="Longest silence in mid-request."
    )
    keep_alive: Annotated[float, fields.duration("1ms", "1h")] = Field(
        default=75.0, description="An unused client connection is closed after this."
    )
    buffered_body: Annotated[int, fields.size("1KiB", "1GiB")] = Field(
        default=10 * 1024 * 1024,
        description="Largest body that is kept whole, as plugins that rewrite bodies or answer "
        "by themselves need it; a larger request is answered 413, a larger answer 502.",
    )
    hook_timeout: Annotated[float, fields.duration("10ms", "10m")] = Field(
        default=10.0, description="Longest time that one hook of a plugin may wait."
    )
    drain: Annotated[float, fields.duration("0s", "1h")] = Field(
        default=30.0,
        description="Longest time that requests in flight may still take at shutdown; also when a "
        "fourth reload meets three generations whose plugins are still needed.",
    )


_FORMATS = fields.choice("auto", "json", "console")


class AccessLog(Section):
    """One line per request."""

    sample: Annotated[float, fields.number(0, 1)] = Field(
        default=0.0, description="The share of successful requests; failed ones are always logged."
    )


class Log(Section):
    """What is written down, and how."""

    format: Annotated[Literal["auto", "json", "console"], _FORMATS] = Field(
        default="auto", description="`auto` is `console` on a terminal and `json` elsewhere."
    )
    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        fields.choice("debug", "info", "warning", "error"),
    ] = Field(default="info", description="The least level that is logged.")
    access: AccessLog = Field(default=AccessLog(), description="The access log.")
