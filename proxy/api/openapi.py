"""OpenAPI 3.1 documents, made of the models that read what is asked and write what is answered."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, Literal, NamedTuple, get_args

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

__all__ = ["ANYBODY", "Operation", "Parameter", "openapi", "words"]

ANYBODY: Final = "anybody"
"""Who may ask where no caller is needed."""

_JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{model}"
_EVENTS: Final = {"text/event-stream": {"schema": {"type": "string"}}}
_SCHEMES: Final = {
    "token": {"type": "http", "scheme": "bearer", "description": "A JWT, also in a cookie."},
    "session": {"type": "apiKey", "in": "cookie", "name": "next-auth.session-token"},
}


class Parameter(NamedTuple):
    """One part of a query, or a header."""

    name: str
    schema: Mapping[str, Any]
    says: str
    required: bool = False
    place: Literal["query", "header"] = "query"


class Operation(NamedTuple):
    """What is answered to one method on one path."""

    method: str
    """In lower case."""
    path: str
    says: str
    answers: Mapping[int, tuple[type[BaseModel], ...]]
    """The models of each status."""
    parameters: tuple[Parameter, ...] = ()
    body: type[BaseModel] | None = None
    needs: str = "caller"
    """Who may ask: ``anybody``, ``caller``, ``admin``."""
    events: bool = False
    """Whether a good answer may be a stream of events."""
    id: str = ""
    """What clients that are generated call it; default: method and the path's last part."""


def words(kind: object) -> dict[str, Any]:
    """Return the schema of a `Literal` of texts."""
    return {"type": "string", "enum": list(get_args(kind))}


def openapi(
    title: str, says: str, operations: Sequence[Operation], itself: str, version: str = "2"
) -> dict[str, Any]:
    """Return the document, which is served on the path `itself`; the same for the same models."""
    bodies = dict.fromkeys(one.body for one in operations if one.body is not None)
    answers = dict.fromkeys(
        model for one in operations for models in one.answers.values() for model in models
    )
    _, found = models_json_schema(
        [
            *((model, "validation") for model in bodies),
            *((model, "serialization") for model in answers),
        ],
        ref_template=_REFERENCE,
        schema_generator=_Whole,
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method] = _operation(one)
    paths[itself] = {"get": _itself()}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": says},
        "paths": paths,
        "components": {"schemas": found["$defs"], "securitySchemes": _SCHEMES},
    }


class _Whole(GenerateJsonSchema):
    """An answer has all its fields, those with defaults too."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 (pydantic's)
        return self.mode == "serialization" or super().field_is_required(field, total)


def _operation(one: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": one.id or f"{one.method}-{one.path.rpartition('/')[2]}",
        "description": one.says,
        "parameters": [_parameter(parameter) for parameter in one.parameters],
        "responses": {str(status): _answer(one, status) for status in sorted(one.answers)},
    }
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {_JSON: {"schema": _ref(one.body)}}}
    if one.needs != ANYBODY:
        told["security"] = [{name: []} for name in _SCHEMES]
        told["x-crossfade-needs"] = one.needs
    return told


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "name": one.name,
        "in": one.place,
        "required": one.required,
        "description": one.says,
        "schema": dict(one.schema),
    }


def _answer(one: Operation, status: int) -> dict[str, Any]:
    schemas = [_ref(model) for model in one.answers[status]]
    content: dict[str, Any] = {
        _JSON: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
    }
    if one.events and status == HTTPStatus.OK:
        content |= _EVENTS
    return {"description": HTTPStatus(status).phrase, "content": content}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REFERENCE.format(model=model.__name__)}


def _itself() -> dict[str, Any]:
    content = {_JSON: {"schema": {"type": "object"}}}
    return {
        "operationId": "openapi",
        "description": "Show this document.",
        "responses": {"200": {"description": "OK", "content": content}},
    }
