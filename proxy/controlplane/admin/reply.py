"""How the admin listener answers: JSON, and problems as RFC 9457 describes them."""

from collections.abc import Mapping
from http import HTTPStatus

import orjson
from aiohttp import web

from proxy.controlplane.admin.auth import Refusal

__all__ = ["json_answer", "plain", "problem", "switched"]


def json_answer(
    status: int, value: Mapping[str, object], content_type: str = "application/json"
) -> web.Response:
    """Make an answer of plain values; paths and the like are told as text."""
    body = orjson.dumps(value, default=plain)
    return web.Response(status=status, body=body, content_type=content_type)


def problem(
    status: int, detail: str, hint: str, more: Mapping[str, object] | None = None
) -> web.Response:
    """Make an error answer as RFC 9457 describes it, with a `hint` about what to do next."""
    body: dict[str, object] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    return json_answer(status, {**body, **(more or {})}, "application/problem+json")


def switched(request: web.Request, name: str) -> bool:
    """Return whether the query says `name=1`. Raises Refusal (400) for what is neither 1 nor 0."""
    value = request.query.get(name, "0")
    if value not in {"0", "1"}:
        raise Refusal(400, f"The query's {name} is neither 1 nor 0.", f"Ask with ?{name}=1.")
    return value == "1"


def plain(value: object) -> object:
    """Return what JSON can say of a value that it does not know: for orjson's `default`."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
