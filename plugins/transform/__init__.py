"""Rewrites method, path and JSON body on the way up, and JSON bodies on the way back."""

import re
from typing import Any, Literal

import orjson
from pydantic import ValidationInfo, field_validator

from proxy.api import (
    Application,
    Body,
    Refused,
    Reply,
    Request,
    Services,
    Settings,
    Size,
    Use,
    hook,
    problem_reply,
)

from .profiles import PROFILES, Profile
from .profiles.asked import Asked, Moment
from .profiles.both_ways import answered, intended, understood
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
    # The last: its validator sees the others.
    profile: Literal["huntaze-campaigns"] | None = None

    @field_validator("profile")
    @classmethod
    def _stands_alone(cls, profile: str | None, info: ValidationInfo) -> str | None:
        fields = cls.model_fields
        others = [name for name, value in info.data.items() if value != fields[name].default]
        others = [name for name in others if name != "max_body"]
        if profile and others:
            raise ValueError(
                f"a profile says all of it: leave out {', '.join(others)}, or write that in "
                "another transform"
            )
        return profile


class Timekeeper(Application):
    """Tells profiles the time, some of which stands in answers."""

    @hook
    async def startup(self, services: Services) -> None:
        """Take the clocks: seconds that only go forward, and Unix time."""
        self.clock, self.now = services.clock, services.now


class Transform(Use):
    """One use on a route."""

    settings: TransformSettings
    application: Timekeeper

    def __init__(self, settings: TransformSettings, application: Timekeeper) -> None:
        """A profile is for the new arm alone: legacy speaks its language already."""
        super().__init__(settings, application)
        self._profile: Profile | None = None
        if settings.profile is not None:
            self._profile = PROFILES[settings.profile]
            self.arm = "new"

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        """Rewrite what goes upstream. Raises Refused with 400 or 413, a profile Unserved."""
        if self._profile is not None:
            return await self._intended(self._profile, request, body)
        given = self.settings
        path, match = given.path.rewritten(body.path) if given.path else (body.path, {})
        seen = visible(request, request.headers) | {"match": match}
        data = self._mapped(given.request, seen, body.data)
        method = body.method if body.method == "HEAD" else given.method or body.method
        return Body(method, path, body.query, data)

    @hook
    async def rewrite_response(self, request: Request, reply: Reply) -> Reply:
        """Rewrite what the client gets. Raises Refused with 502."""
        if self._profile is not None:
            return self._in_legacy_words(request, reply)
        kind = "success" if reply.status < 300 else "error" if reply.status >= 400 else ""
        if isinstance(reply.body, bytes) and self.settings.when in (kind, "any"):
            seen = visible(request, reply.headers) | {"status": reply.status}
            reply.body = self._mapped(self.settings.response, seen, reply.body)
        return reply

    async def _intended(self, profile: Profile, request: Request, body: Body) -> Body:
        begun = self.application.clock()
        # Who is calling may have to be asked of somebody: not for what is left to legacy.
        asked = understood(profile, body, self.settings.max_body)
        caller = await request.caller()
        intent = intended(asked, None if caller is None else caller.id)
        request.notes[self] = asked, begun
        return body._replace(data=intent)

    def _in_legacy_words(self, request: Request, reply: Reply) -> Reply:
        noted: tuple[Asked, float] | None = request.notes.get(self)
        if noted is None:
            return reply
        asked, begun = noted
        time = self.application
        return answered(asked, reply, Moment(time.now(), time.clock() - begun))

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
