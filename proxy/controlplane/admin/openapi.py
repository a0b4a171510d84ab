"""The OpenAPI 3.1 document of the admin listener, made of its routes.

Bodies and answers are described by the very types that read and make them; nothing about
their fields is written here.
"""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Literal

from aiohttp import web
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass
from pydantic.json_schema import GenerateJsonSchema

from proxy import __version__
from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.routes import AdminRoute, Parameter, path_names

__all__ = ["OPENAPI_ROUTES", "OpenApiAnswers", "Problem", "openapi_document"]

OPENAPI_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/v1/openapi.json",
        Role.VIEWER,
        "All this as an OpenAPI 3.1 document; plugins' own answers are not in it.",
        "openapi",
        tag="openapi",
        answers=dict[str, Any],
    ),
)

_REFERENCE = "#/components/schemas/{model}"
_ALWAYS = (401, 403, 500)
"""Problems of every route that needs a role; a caller without any may meet 403 and 500."""

Mode = Literal["validation", "serialization"]
Key = tuple[str, str]


@dataclass(config=ConfigDict(extra="allow"))
class Problem:
    """An error as RFC 9457 describes it, with a hint about what to do."""

    type: str
    title: str
    status: int
    detail: str
    hint: str


class _Whole(GenerateJsonSchema):
    """An answer has all its fields, those with defaults too."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: FBT001 - pydantic's
        return self.mode == "serialization" or super().field_is_required(field, total)


class OpenApiAnswers:
    """Answers the document; it is made when it is first asked for."""

    def __init__(self, routes: Callable[[], Iterable[AdminRoute]]) -> None:
        """`routes` gives all routes, these here among them."""
        self._routes = routes
        self._document: dict[str, Any] | None = None

    async def openapi(self, _: web.Request) -> web.Response:
        """Show the document."""
        if self._document is None:
            self._document = openapi_document(self._routes())
        return json_answer(200, self._document)


def openapi_document(routes: Iterable[AdminRoute]) -> dict[str, Any]:
    """Return the document for `routes`."""
    routes = tuple(routes)
    schemas, definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Crossfade admin API",
            "version": __version__,
            "description": "Rollouts, their audit and events, and the process that serves them.",
        },
        "tags": [{"name": tag} for tag in dict.fromkeys(route.tag for route in routes)],
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "One of admin.tokens; without any, this machine alone may ask.",
                }
            },
        },
    }


def _schemas(
    routes: tuple[AdminRoute, ...],
) -> tuple[dict[tuple[str, str], dict[str, Any]], dict[str, Any]]:
    """Return the schema of each body, answer and parameter by its place, and the named ones."""
    inputs: list[tuple[Key, Mode, TypeAdapter[Any]]] = [
        (("", "problem"), "serialization", TypeAdapter(Problem))
    ]
    for route in routes:
        if route.body is not None:
            inputs.append(((route.answer, "body"), "validation", TypeAdapter(route.body)))
        if route.answers is not None:
            inputs.append(((route.answer, "answers"), "serialization", TypeAdapter(route.answers)))
        if route.refusing is not None:
            told = TypeAdapter(route.refusing.kind)
            inputs.append(((route.answer, "refusing"), "serialization", told))
        for status, kind in route.others.items():
            inputs.append(((route.answer, str(status)), "serialization", TypeAdapter(kind)))
        for one in route.parameters:
            key = (route.answer, f"{one.place} {one.name}")
            inputs.append((key, "validation", TypeAdapter(one.kind)))
    found, rest = TypeAdapter.json_schemas(inputs, ref_template=_REFERENCE, schema_generator=_Whole)
    return {key: schema for (key, _), schema in found.items()}, rest.get("$defs", {})


def _operation(route: AdminRoute, schemas: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.answer,
        "tags": [route.tag],
        "description": route.says,
        "responses": _responses(route, schemas),
    }
    parameters = _parameters(route, schemas)
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        operation["requestBody"] = {
            "required": route.body_required,
            "content": {"application/json": {"schema": schemas[route.answer, "body"]}},
        }
    if route.needs is not None:
        operation["security"] = [{"token": []}]
        operation["x-crossfade-role"] = route.needs.name.lower()
    return operation


def _parameters(
    route: AdminRoute, schemas: dict[tuple[str, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    told = {one.name for one in route.parameters if one.place == "path"}
    bare = [
        Parameter(name, "path", "", required=True)
        for name in path_names(route.path)
        if name not in told
    ]
    return [
        {
            "name": one.name,
            "in": one.place,
            "required": one.required or one.place == "path",
            "description": one.says,
            "schema": schemas.get((route.answer, f"{one.place} {one.name}"), {"type": "string"}),
        }
        for one in (*bare, *route.parameters)
    ]


def _responses(route: AdminRoute, schemas: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    schema = schemas.get((route.answer, "answers"), {"type": "string"})
    good: dict[str, Any] = {"description": "Done.", "content": {route.media: {"schema": schema}}}
    if route.answer_headers:
        good["headers"] = {
            name: {"description": says, "schema": {"type": "string"}}
            for name, says in route.answer_headers.items()
        }
    found = {"200": good}
    for status in route.others:
        content = {"application/json": {"schema": schemas[route.answer, str(status)]}}
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": content}
    always = _ALWAYS if route.needs is not None else (403, 500)
    sent = () if route.body is None else (413,)
    told = {"application/problem+json": {"schema": schemas["", "problem"]}}
    if route.refusing is not None:
        told = {"application/json": {"schema": schemas[route.answer, "refusing"]}}
    for status in sorted({*always, *sent, *route.problems}):
        found[str(status)] = {"description": HTTPStatus(status).phrase}
        if status >= HTTPStatus.BAD_REQUEST:
            found[str(status)]["content"] = told
    return found
