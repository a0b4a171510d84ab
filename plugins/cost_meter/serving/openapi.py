"""The OpenAPI 3.1 document of the costs API, made of the models that read and write it."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from proxy.api.documents import Document

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
from .showing import Breakdown
from .stats import Stats
from .telling import AlertsAnswer, Done, OneThreshold, RaisedAnswer, ThresholdsAnswer

__all__ = ["document"]

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"
_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_TIME = {"type": "string", "pattern": TIME_PATTERN}
_FLAG = {"type": "string", "enum": ["true", "false"]}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": LIMIT_MOST}


class Parameter(NamedTuple):
    """One part of a query."""

    name: str
    schema: Mapping[str, Any]
    says: str
    required: bool = False

    def document(self) -> dict[str, Any]:
        """Return it as OpenAPI has it."""
        return {
            "name": self.name,
            "in": "query",
            "required": self.required,
            "description": self.says,
            "schema": dict(self.schema),
        }


class Operation(NamedTuple):
    """What is answered to one method on one path."""

    method: str
    path: str
    says: str
    answer: type[Document]
    query: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    status: int = 200
    refusals: tuple[int, ...] = ()
    """Besides those that every operation has."""
    needs: str = "caller"
    """Who may ask: ``caller`` or ``admin``."""


def _words(kind: object) -> dict[str, Any]:
    return {"type": "string", "enum": list(get_args(kind))}


_REFUSALS = (400, 401, 403, 429, 503)
_USER = Parameter("userId", _NAME, "For administrators: whose. Default: all users'.")

_OPERATIONS = (
    Operation(
        "get",
        BREAKDOWN,
        "Sum up what at most 90 days have cost.",
        Breakdown,
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
        Stats,
        (Parameter("includeUsers", _FLAG, "For administrators: who has spent most today."),),
    ),
    Operation(
        "get",
        FORECAST,
        "Tell what the running day, week or month will have cost.",
        ForecastAnswer,
        (Parameter("period", _words(ForecastPeriod), "Default: daily."), _USER),
    ),
    Operation(
        "get",
        OPTIMIZATION,
        "Show what could be cheaper; to others than administrators nothing.",
        OptimizationAnswer,
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
        AppliedAnswer,
        body=AskedApplying,
        refusals=(404, 409, 413),
        needs="admin",
    ),
    Operation(
        "get",
        ALERTS,
        "List alerts about costs, the newest first; one's own, for administrators all.",
        AlertsAnswer,
        (
            Parameter("severity", _words(Severity), "Only these."),
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
        RaisedAnswer,
        body=AskedAlert,
        refusals=(413,),
        needs="admin",
    ),
    Operation(
        "put",
        ALERTS,
        "Say that one knows of an alert.",
        Done,
        body=AskedAcknowledgement,
        refusals=(404, 413),
    ),
    Operation(
        "get",
        THRESHOLDS,
        "List thresholds; one's own, for administrators all.",
        ThresholdsAnswer,
        (
            Parameter("type", _words(ThresholdType), "Only these."),
            Parameter("enabled", _FLAG, "Only these."),
            _USER,
        ),
    ),
    Operation(
        "post",
        THRESHOLDS,
        "Ask to be told when so much is spent. About oneself; for administrators about all, or "
        "about `userId`.",
        OneThreshold,
        body=AskedThreshold,
        status=201,
        refusals=(409, 413),
    ),
    Operation(
        "put",
        THRESHOLDS,
        "Change a threshold; what is left out stays.",
        OneThreshold,
        body=ChangedThreshold,
        refusals=(404, 413),
    ),
    Operation(
        "delete",
        THRESHOLDS,
        "Forget a threshold.",
        Done,
        (Parameter("id", _NAME, "Which.", True),),
        refusals=(404,),
    ),
)


class _Whole(GenerateJsonSchema):
    """An answer has all its fields, those with defaults too."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 (pydantic's)
        return self.mode == "serialization" or super().field_is_required(field, total)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    bodies = [(one.body, "validation") for one in _OPERATIONS if one.body is not None]
    answers = dict.fromkeys((Refusal, *(one.answer for one in _OPERATIONS)))
    _, found = models_json_schema(
        [*bodies, *((model, "serialization") for model in answers)],  # type: ignore[list-item]
        ref_template=_REFERENCE,
        schema_generator=_Whole,
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in _OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    paths[OPENAPI] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Costs, v2",
            "version": "2",
            "description": "What calls to generating models cost; money is in US dollars, exact "
            "to 10^-9, and as text in 10^-9 US dollars beside.",
        },
        "paths": paths,
        "components": {"schemas": found["$defs"], "securitySchemes": _SCHEMES},
    }


_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A JWT, also in a cookie."},
    "session": {"type": "apiKey", "in": "cookie", "name": "next-auth.session-token"},
}


def _operation(one: Operation) -> dict[str, Any]:
    answers = {one.status: one.answer}
    answers |= dict.fromkeys(sorted({*_REFUSALS, *one.refusals}), Refusal)
    told: dict[str, Any] = {
        "operationId": f"{one.method}-{one.path.rpartition('/')[2]}",
        "description": one.says,
        "parameters": [parameter.document() for parameter in one.query],
        "responses": {str(status): _answer(status, model) for status, model in answers.items()},
        "security": [{"token": []}, {"session": []}],
        "x-crossfade-needs": one.needs,
    }
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": _content(one.body)}
    return told


def _answer(status: int, model: type[BaseModel]) -> dict[str, Any]:
    return {"description": HTTPStatus(status).phrase, "content": _content(model)}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {_JSON: {"schema": {"$ref": _REFERENCE.format(model=model.__name__)}}}


def _itself() -> dict[str, Any]:
    content = {_JSON: {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "description": "Show this document.",
        "responses": {"200": {"description": "OK", "content": content}},
    }
