"""For the tests of plugins: requests, replies, time that jumps, a plugin alone, a real proxy."""

from proxy.api.testing.building import (
    outcome,
    outgoing,
    reply_head,
    request,
    upstream_reply,
)
from proxy.api.testing.clock import JumpingClock
from proxy.api.testing.echo import EchoUpstream, Received
from proxy.api.testing.isolation import Isolated, Passed, isolated
from proxy.api.testing.process import ProxyError
from proxy.api.testing.real_proxy import RealProxy, Reloaded, Response, real_proxy
from proxy.api.testing.services import FakeServices

__all__ = [
    "EchoUpstream",
    "FakeServices",
    "Isolated",
    "JumpingClock",
    "Passed",
    "ProxyError",
    "RealProxy",
    "Received",
    "Reloaded",
    "Response",
    "isolated",
    "outcome",
    "outgoing",
    "real_proxy",
    "reply_head",
    "request",
    "upstream_reply",
]
