"""Floor 1: all that a plugin may import. `proxy.api.testing` is for its tests."""

from proxy.api.callers import Caller
from proxy.api.events import Alert, Move, Note, Outcome
from proxy.api.expressions import Expression, evaluate
from proxy.api.headers import EditableHeaders, HeaderError, Headers
from proxy.api.hookspecs import hook
from proxy.api.judging import Evidence, Observed, Question, Scope, Seen, Verdict
from proxy.api.limits import Limits, Standing, WindowStanding
from proxy.api.paths import path_readings
from proxy.api.plugin import Application, Use
from proxy.api.reply import (
    Refused,
    Reply,
    ReplyHead,
    StatusError,
    Unserved,
    json_reply,
    problem_reply,
)
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
from proxy.api.settings import Duration, Period, Secret, Settings, Size, setting, store_url
from proxy.api.signed import SignatureError, Signed, Signer
from proxy.api.stores import ConditionError, DynamoTable, RedisScripts, SqliteFile, StoreError
from proxy.api.workflows import (
    WorkflowError,
    WorkflowIntent,
    WorkflowResult,
    Workflows,
    WorkflowScore,
    WorkflowView,
)

__all__ = [
    "AdminRouter",
    "Alert",
    "Application",
    "Body",
    "Caller",
    "Commands",
    "ConditionError",
    "Counter",
    "Duration",
    "DynamoTable",
    "EditableHeaders",
    "EndpointRouter",
    "Evidence",
    "Expression",
    "Gauge",
    "Handler",
    "HeaderError",
    "Headers",
    "Limits",
    "Move",
    "Note",
    "Observed",
    "Outcome",
    "Outgoing",
    "Period",
    "Question",
    "RedisScripts",
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
    "SqliteFile",
    "Standing",
    "StatusError",
    "StoreError",
    "TargetError",
    "Unserved",
    "Use",
    "Verdict",
    "WindowStanding",
    "WorkflowError",
    "WorkflowIntent",
    "WorkflowResult",
    "WorkflowScore",
    "WorkflowView",
    "Workflows",
    "evaluate",
    "hook",
    "json_reply",
    "path_readings",
    "problem_reply",
    "setting",
    "store_url",
]
