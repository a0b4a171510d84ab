"""Floor 1: all that a plugin may import. `proxy.api.testing` is for its tests."""

from proxy.api.events import Alert, Move, Outcome
from proxy.api.headers import EditableHeaders, HeaderError, Headers
from proxy.api.hookspecs import hook
from proxy.api.plugin import Application, Use
from proxy.api.reply import Reply, ReplyHead, StatusError, json_reply, problem_reply
from proxy.api.request import Body, Outgoing, Request, TargetError
from proxy.api.services import (
    AdminRouter,
    Commands,
    Counter,
    EndpointRouter,
    Gauge,
    Handler,
    Services,
)
from proxy.api.settings import Duration, Secret, Settings, Size, setting

__all__ = [
    "AdminRouter",
    "Alert",
    "Application",
    "Body",
    "Commands",
    "Counter",
    "Duration",
    "EditableHeaders",
    "EndpointRouter",
    "Gauge",
    "Handler",
    "HeaderError",
    "Headers",
    "Move",
    "Outcome",
    "Outgoing",
    "Reply",
    "ReplyHead",
    "Request",
    "Secret",
    "Services",
    "Settings",
    "Size",
    "StatusError",
    "TargetError",
    "Use",
    "hook",
    "json_reply",
    "problem_reply",
    "setting",
]
