"""Floor 1: all that a plugin may import. `proxy.api.testing` is for its tests."""

from proxy.api.callers import Caller
from proxy.api.changes import Change, ChangeRefusedError
from proxy.api.deployments import Choices, Deployed, Deployments
from proxy.api.events import Alert, Measured, Move, Note, Outcome
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
from proxy.api.settings import (
    Duration,
    Period,
    RolloutName,
    RouteName,
    Secret,
    Settings,
    Size,
    setting,
    store_url,
)
from proxy.api.signed import SignatureError, Signed, Signer
from proxy.api.spending import (
    NanoUSD,
    PlannedSpend,
    PriceKey,
    Prices,
    Quote,
    Rates,
    SettledSpend,
    SpendAnswer,
    Usage,
    cost_of,
)
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
    "Change",
    "ChangeRefusedError",
    "Choices",
    "Commands",
    "ConditionError",
    "Counter",
    "Deployed",
    "Deployments",
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
    "Measured",
    "Move",
    "NanoUSD",
    "Note",
    "Observed",
    "Outcome",
    "Outgoing",
    "Period",
    "PlannedSpend",
    "PriceKey",
    "Prices",
    "Question",
    "Quote",
    "Rates",
    "RedisScripts",
    "Refused",
    "Reply",
    "ReplyHead",
    "Request",
    "RolloutName",
    "RouteName",
    "Scope",
    "Secret",
    "Seen",
    "Services",
    "Settings",
    "SettledSpend",
    "SignatureError",
    "Signed",
    "Signer",
    "Size",
    "SpendAnswer",
    "SqliteFile",
    "Standing",
    "StatusError",
    "StoreError",
    "TargetError",
    "Unserved",
    "Usage",
    "Use",
    "Verdict",
    "WindowStanding",
    "WorkflowError",
    "WorkflowIntent",
    "WorkflowResult",
    "WorkflowScore",
    "WorkflowView",
    "Workflows",
    "cost_of",
    "evaluate",
    "hook",
    "json_reply",
    "path_readings",
    "problem_reply",
    "setting",
    "store_url",
]
