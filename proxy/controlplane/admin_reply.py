"""How the admin listener answers: JSON, and problems as RFC 9457 describes them."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from aiohttp import web

from proxy.controlplane.auth import Refusal

__all__ = ["json_answer", "mapping_of", "problem", "switched"]


def json_answer(
    status: int, value: Mapping[str, object], content_type: str = "application/json"
) -> web.Response:
    """Make an answer of plain values; paths and the like are told as text."""
    body = orjson.dumps(value, default=_plain)
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


async def mapping_of(request: web.Request, hint: str) -> dict[str, Any]:
    """Return the JSON object of the body; an empty body is an empty one.

    Raises Refusal (400) for anything else, with `hint` about what is wanted.
    """
    raw = await request.read()
    if not raw:
        return {}
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Refusal(400, "The body is no JSON object.", hint)
    return value


def switched(request: web.Request, name: str) -> bool:
    """Return whether the query says `name=1`. Raises Refusal (400) for what is neither 1 nor 0."""
    value = request.query.get(name, "0")
    if value not in {"0", "1"}:
        raise Refusal(400, f"The query's {name} is neither 1 nor 0.", f"Ask with ?{name}=1.")
    return value == "1"


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, frozenset | set):
        return sorted(value)
    return str(value)
