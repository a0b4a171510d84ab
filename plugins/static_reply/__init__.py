"""Answers by itself, always the same: maintenance pages, retired paths, redirects."""

import math
from typing import Any

from proxy.api import Application, Duration, Reply, Settings, Use, hook, json_reply, setting

_BODILESS = (204, 205, 304)  # RFC 9110 sections 15.3.5, 15.3.6, 15.4.5


class StaticReplySettings(Settings):
    """The answer."""

    status: int = setting(default=200, ge=200, le=599, description="Its status.")
    headers: dict[str, str] = setting(default={}, description="Its headers.")
    body: str = setting(default="", description="Its body as text, sent as UTF-8.")
    document: Any = setting(default=None, alias="json", description="Its body, sent as JSON.")
    retry_after: Duration | None = setting(
        default=None, description="When to try again, as `Retry-After` in whole seconds."
    )


class StaticReply(Use):
    """The destination of a route or an arm."""

    settings: StaticReplySettings

    def __init__(
        self, settings: StaticReplySettings, application: Application | None = None
    ) -> None:
        """Raises ValueError for what cannot be sent."""
        super().__init__(settings, application)
        kind, self._body = _content(settings)
        implied = {"Content-Type": kind}
        if settings.retry_after is not None:
            implied["Retry-After"] = str(math.ceil(settings.retry_after))
        said = {name.lower() for name in settings.headers}
        if "retry-after" in said and settings.retry_after is not None:
            raise ValueError("there are both retry_after and a header Retry-After; leave one out")
        self._headers = dict(settings.headers)
        for name, value in implied.items():
            if value and name.lower() not in said:
                self._headers[name] = value
        self._reply()  # a header that cannot be sent is told now, not to the first client

    @hook
    async def dispatch(self) -> Reply:
        """Answer."""
        return self._reply()

    def _reply(self) -> Reply:
        # A fresh one each time: other plugins of the route may edit it.
        return Reply(self.settings.status, self._headers, self._body)


def _content(settings: StaticReplySettings) -> tuple[str, bytes]:
    """Return the media type and the body. Raises ValueError where they contradict each other."""
    if settings.body and settings.document is not None:
        raise ValueError("there are both body and json; leave one out")
    kind, content = "", settings.body.encode()
    if content:
        kind = "text/plain; charset=utf-8"
    elif settings.document is not None:
        kind, content = "application/json", _json(settings.document)
    if content and settings.status in _BODILESS:
        raise ValueError(f"an answer with status {settings.status} has no body; leave it out")
    return kind, content


def _json(value: Any) -> bytes:
    try:
        body = json_reply(value).body
    except TypeError as error:
        raise ValueError(f"json: {error}") from None
    return body if isinstance(body, bytes) else b""
