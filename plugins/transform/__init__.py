"""Rewrites method, path and JSON body on the way up, and JSON bodies on the way back."""

import re
from typing import Any, Literal

import orjson

from proxy.api import Body, Refused, Reply, Request, Settings, Size, Use, hook, problem_reply

from .rules import Mapping, Method, PathRewrite, visible

_JSON = re.compile(r"application/([^;]+\+)?json\s*(;|$)", re.IGNORECASE)


class TransformSettings(Settings):
    """What is rewritten, how large a document may be, and what is done with an unfit one."""

    method: Method | None = None
    path: PathRewrite | None = None
    request: Mapping | None = None
    response: Mapping | None = None
    when: Literal["success", "error", "any"] = "success"
    max_body: Size = 1024 * 1024
    on_invalid: Literal["refuse", "pass"] = "refuse"
    on_large: Literal["refuse", "pass"] = "refuse"


class Transform(Use):
    """One use on a route."""

    settings: TransformSettings

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        """Rewrite what goes upstream. Raises Refused with 400 or 413."""
        given = self.settings
        path, match = given.path.rewritten(body.path) if given.path else (body.path, {})
        seen = visible(request, request.headers) | {"match": match}
        data = self._mapped(given.request, seen, body.data)
        method = body.method if body.method == "HEAD" else given.method or body.method
        return Body(method, path, body.query, data)

    @hook
    async def rewrite_response(self, request: Request, reply: Reply) -> Reply:
        """Rewrite what the client gets. Raises Refused with 502."""
        kind = "success" if reply.status < 300 else "error" if reply.status >= 400 else ""
        if isinstance(reply.body, bytes) and self.settings.when in (kind, "any"):
            seen = visible(request, reply.headers) | {"status": reply.status}
            reply.body = self._mapped(self.settings.response, seen, reply.body)
        return reply

    def _mapped(self, mapping: Mapping | None, seen: dict[str, Any], data: bytes) -> bytes:
        """Return the new document; what is not JSON, or may pass, as it came."""
        if not (mapping and data and _JSON.match(seen["headers"].get("content-type", ""))):
            return data
        given = self.settings
        policy, status, why = given.on_large, 413, f"JSON here has at most {given.max_body} bytes."
        if len(data) <= given.max_body:
            try:
                new = orjson.dumps(mapping.mapped(seen | {"body": orjson.loads(data)}))
                if len(new) <= given.max_body:
                    return new
            except (TypeError, ValueError):  # also for more than 254 levels
                policy, status, why = given.on_invalid, 400, "The body is not JSON, as it says."
        if policy == "pass":
            return data
        raise Refused(problem_reply(502 if "status" in seen else status, why))
