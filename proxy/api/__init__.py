"""Floor 1: all that a plugin may import. `proxy.api.testing` is for its tests."""

from proxy.api.events import Alert, Move, Outcome
from proxy.api.expressions import Expression, evaluate
from proxy.api.headers import EditableHeaders, HeaderError, Headers
from proxy.api.hookspecs import hook
from proxy.api.judging import Evidence, Observed, Question, Scope, Seen, Verdict
from proxy.api.paths import path_readings
from proxy.api.plugin import Application, Use
from proxy.api.reply import Refused, Reply, ReplyHead, StatusError, json_reply, problem_reply
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
from proxy.api.signed import SignatureError, Signed, Signer

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
    "Evidence",
    "Expression",
    "Gauge",
    "Handler",
    "HeaderError",
    "Headers",
    "Move",
    "Observed",
    "Outcome",
    "Outgoing",
    "Question",
    "Refused",
    "Reply",
    "ReplyHead",
    "Request",
    "Scope",
    "Secret",
    "Seen",
    "Services",
    "Settings",
    "SignatureError",
    "Signed",
    "Signer",
    "Size",
    "StatusError",
    "TargetError",
    "Use",
    "Verdict",
    "evaluate",
    "hook",
    "json_reply",
    "path_readings",
    "problem_reply",
    "setting",
]
