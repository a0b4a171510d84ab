"""The OpenAPI 3.1 document of the costs API, made of the models that read and write it."""

from functools import cache
from typing import Any

from proxy.api.documents import Document
from proxy.api.openapi import Operation, Parameter, openapi, words

from .asking import (
    AskedAcknowledgement,
    AskedAlert,
    AskedApplying,
    AskedThreshold,
    ChangedThreshold,
)
from .declining import Refusal
from .forecast import ForecastAnswer
from .optimization import AppliedAnswer, OptimizationAnswer
from .paths import ALERTS, BREAKDOWN, FORECAST, OPENAPI, OPTIMIZATION, STATS, THRESHOLDS
from .questions import (
    LIMIT_MOST,
    TIME_PATTERN,
    ForecastPeriod,
    Severity,
    ThresholdType,
)
from .showing import Breakdown, Done
from .stats import Stats
from .telling import AlertsAnswer, RaisedAnswer
from .wanting import OneThreshold, ThresholdsAnswer

__all__ = ["document"]

_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_TIME = {"type": "string", "pattern": TIME_PATTERN}
_FLAG = {"type": "string", "enum": ["true", "false"]}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": LIMIT_MOST}


_Answers = dict[int, tuple[type[Document], ...]]

_REFUSALS = (400, 401, 403, 429, 503)


def _answers(answer: type[Document], *refusals: int, status: int = 200) -> _Answers:
    """Return what is answered: if all is well, else; `refusals` besides those that all have."""
    refused = dict.fromkeys((*_REFUSALS, *refusals), (Refusal,))
    return {status: (answer,), **refused}


_USER = Parameter("userId", _NAME, "For administrators: whose. Default: all users'.")

_KEY = Parameter(
    "Idempotency-Key",
    {"type": "string", "pattern": r"^[\x21-\x7e]{1,255}$"},
    "The same request again makes nothing new: 200, with `Idempotency-Replayed`.",
    place="header",
)

_OPERATIONS = (
    Operation(
        "get",
        BREAKDOWN,
        "Sum up what at most 90 days have cost.",
        _answers(Breakdown),
        (
            Parameter("startDate", _TIME, "A date or a time; without a zone, of ours.", True),
            Parameter("endDate", _TIME, "As `startDate`; a date is a whole day.", True),
            _USER,
        ),
    ),
    Operation(
        "get",
        STATS,
        "Show what is being spent: this hour, today, this month.",
        _answers(Stats),
        (Parameter("includeUsers", _FLAG, "For administrators: who has spent most today."),),
    ),
    Operation(
        "get",
        FORECAST,
        "Tell what the running day, week or month will have cost.",
        _answers(ForecastAnswer),
        (Parameter("period", words(ForecastPeriod), "Default: daily."), _USER),
    ),
    Operation(
        "get",
        OPTIMIZATION,
        "Show what could be cheaper; to others than administrators nothing.",
        _answers(OptimizationAnswer),
        (
            Parameter("minSavings", {"type": "string"}, "US dollars a month; default: 0."),
            Parameter("limit", _LIMIT, "Default: 10."),
            _USER,
        ),
    ),
    Operation(
        "post",
        OPTIMIZATION,
        "Follow advice: the configuration is changed.",
        _answers(AppliedAnswer, 404, 409, 413),
        body=AskedApplying,
        needs="admin",
    ),
    Operation(
        "get",
        ALERTS,
        "List alerts about costs, the newest first; one's own, for administrators all.",
        _answers(AlertsAnswer),
        (
            Parameter("severity", words(Severity), "Only these."),
            Parameter(
                "acknowledged",
                {"type": "string", "enum": ["true", "false", "all"]},
                "Default: all.",
            ),
            Parameter("since", _TIME, "First raised at this time or later."),
            Parameter("limit", _LIMIT, "Default: 10."),
            _USER,
        ),
    ),
    Operation(
        "post",
        ALERTS,
        "Raise an alert.",
        _answers(RaisedAnswer, 413, 422),
        (_KEY,),
        body=AskedAlert,
        needs="admin",
    ),
    Operation(
        "put",
        ALERTS,
        "Say that one knows of an alert.",
        _answers(Done, 404, 413),
        body=AskedAcknowledgement,
    ),
    Operation(
        "get",
        THRESHOLDS,
        "List thresholds; one's own, for administrators all.",
        _answers(ThresholdsAnswer),
        (
            Parameter("type", words(ThresholdType), "Only these."),
            Parameter("enabled", _FLAG, "Only these."),
            _USER,
        ),
    ),
    Operation(
        "post",
        THRESHOLDS,
        "Ask to be told when so much is spent. About oneself; for administrators about all, or "
        "about `userId`.",
        _answers(OneThreshold, 409, 413, 422, status=201) | {200: (OneThreshold,)},
        (_KEY,),
        body=AskedThreshold,
    ),
    Operation(
        "put",
        THRESHOLDS,
        "Change a threshold; what is left out stays.",
        _answers(OneThreshold, 404, 413),
        body=ChangedThreshold,
    ),
    Operation(
        "delete",
        THRESHOLDS,
        "Forget a threshold.",
        _answers(Done, 404),
        (Parameter("id", _NAME, "Which.", True),),
    ),
)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    says = (
        "What calls to generating models cost; money is in US dollars, exact to 10^-9, and as text "
        "in 10^-9 US dollars beside."
    )
    return openapi("Costs, v2", says, _OPERATIONS, OPENAPI)
