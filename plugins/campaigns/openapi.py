"""The OpenAPI 3.1 document of the v2 API, made of the models that read and write it."""

from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from proxy.api import WorkflowIntent
from proxy.api.workflows import WorkflowStatus

from .answering import Failed, Ran
from .asking import OWN, REQUIRED
from .declining import Refusal
from .figures import Figures
from .health import Healthy
from .paths import COSTS, HEALTH, HYBRID, METRICS, OPENAPI, STATUS
from .questions import LIMIT_MOST, PERIODS, TIME_PATTERN
from .showing import ShownList, ShownOne
from .spending import GROUPINGS, Costs
from .writing import Document

__all__ = ["document"]

_JSON = "application/json"
_REFERENCE = "#/components/schemas/{model}"
_INTENT = "CampaignIntent"
_NAME = {"type": "string", "minLength": 1, "maxLength": 256}
_TIME = {"type": "string", "pattern": TIME_PATTERN}
_EVENTS = {"text/event-stream": {"schema": {"type": "string"}}}


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
    """What is answered on one path."""

    method: str
    path: str
    says: str
    answers: Mapping[int, tuple[type[Document], ...]]
    """The models of each status."""
    query: tuple[Parameter, ...] = ()
    needs: str = "caller"
    """Who may ask: ``anybody``, ``caller``, ``admin``."""
    events: bool = False
    """Whether it may answer as a stream of events."""


_USER = Parameter(OWN, _NAME, "For administrators: whose. Default: all users'.")
_REFUSED = {400: (Refusal,), 401: (Refusal,), 403: (Refusal,), 503: (Refusal,)}

_OPERATIONS = (
    Operation(
        "post",
        HYBRID,
        "Execute a campaign for whoever is calling. With `stream` a good answer is a stream of "
        "events; with `deferrable` it may be 202: come back to what `Location` names.",
        {
            200: (Ran,),
            202: (Ran,),
            400: (Refusal, Failed),
            401: (Refusal,),
            403: (Refusal,),
            402: (Failed,),
            409: (Failed,),
            413: (Failed,),
            422: (Failed,),
            429: (Failed,),
            500: (Failed,),
            502: (Failed,),
            503: (Failed,),
        },
        events=True,
    ),
    Operation(
        "get",
        STATUS,
        "Show workflows, the newest first, or one with its result; one's own, for administrators "
        "all. As a stream: the present state, then each change.",
        {200: (ShownOne, ShownList), 404: (Refusal,), **_REFUSED},
        (
            Parameter("workflowId", _NAME, "This one alone."),
            Parameter(
                "limit", {"type": "integer", "minimum": 1, "maximum": LIMIT_MOST}, "Default: 10."
            ),
            Parameter(
                "status", {"type": "string", "enum": list(get_args(WorkflowStatus))}, "Only these."
            ),
            Parameter("stream", {"type": "string", "enum": ["true", "false"]}, "As events."),
            _USER,
        ),
        events=True,
    ),
    Operation(
        "get",
        COSTS,
        "Sum up what campaigns have cost that began within at most 90 days.",
        {200: (Costs,), **_REFUSED},
        (
            Parameter("startDate", _TIME, "A date or a time; UTC without a zone.", required=True),
            Parameter("endDate", _TIME, "As `startDate`; a date is a whole day.", required=True),
            Parameter("groupBy", {"type": "string", "enum": list(GROUPINGS)}, "Default: day."),
            _USER,
        ),
    ),
    Operation(
        "get",
        HEALTH,
        "Tell whether campaigns can be executed. Asks no provider.",
        {200: (Healthy,), 503: (Healthy,)},
        needs="anybody",
    ),
    Operation(
        "get",
        METRICS,
        "Show what was counted since the orchestrator was started, and what a period has cost.",
        {200: (Figures,), **_REFUSED},
        (Parameter("period", {"type": "string", "enum": list(PERIODS)}, "Default: 24h."),),
        needs="admin",
    ),
)


class _Whole(GenerateJsonSchema):
    """An answer has all its fields, those with defaults too."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 (pydantic's)
        return self.mode == "serialization" or super().field_is_required(field, total)


@cache
def document() -> dict[str, Any]:
    """Return the document."""
    answers: dict[type[BaseModel], None] = {
        model: None for one in _OPERATIONS for models in one.answers.values() for model in models
    }
    _, found = models_json_schema(
        [(WorkflowIntent, "validation"), *((model, "serialization") for model in answers)],
        ref_template=_REFERENCE,
        schema_generator=_Whole,
    )
    schemas = found["$defs"]
    schemas[_INTENT] = _without_user(schemas.pop(WorkflowIntent.__name__))
    paths: dict[str, dict[str, Any]] = {}
    for one in _OPERATIONS:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    paths[OPENAPI] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Campaigns, v2",
            "version": "2",
            "description": "Campaigns are executed by generating models; money is in US dollars.",
        },
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": _SCHEMES},
    }


_SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A JWT, also in a cookie."},
    "session": {"type": "apiKey", "in": "cookie", "name": "next-auth.session-token"},
}


def _without_user(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a body: an intent of whoever is calling."""
    properties = {name: one for name, one in schema["properties"].items() if name != OWN}
    return {**schema, "title": _INTENT, "properties": properties, "required": list(REQUIRED)}


def _operation(one: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": one.path.rpartition("/")[2],
        "description": one.says,
        "parameters": [parameter.document() for parameter in one.query],
        "responses": {str(status): _answer(one, status) for status in sorted(one.answers)},
    }
    if one.method == "post":
        schema = {"$ref": _REFERENCE.format(model=_INTENT)}
        told["requestBody"] = {"required": True, "content": {_JSON: {"schema": schema}}}
    if one.needs != "anybody":
        told["security"] = [{"token": []}, {"session": []}]
        told["x-crossfade-needs"] = one.needs
    return told


def _answer(one: Operation, status: int) -> dict[str, Any]:
    schemas = [{"$ref": _REFERENCE.format(model=kind.__name__)} for kind in one.answers[status]]
    content: dict[str, Any] = {_JSON: {"schema": schemas[0] if len(schemas) == 1 else {}}}
    if len(schemas) > 1:
        content[_JSON]["schema"] = {"anyOf": schemas}
    if one.events and status == HTTPStatus.OK:
        content |= _EVENTS
    return {"description": HTTPStatus(status).phrase, "content": content}


def _itself() -> dict[str, Any]:
    content = {_JSON: {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "description": "Show this document.",
        "responses": {"200": {"description": "OK", "content": content}},
    }
