"""Slack: an incoming webhook."""

from collections.abc import Callable
from typing import Any, Final

import orjson

from proxy.api.endpoints import iso

from ..settings import SlackSettings
from .channel import Told
from .posting import Posting
from .wording import body_of, title_of

__all__ = ["Slack"]

_COLOURS: Final = {"info": "#439fe0", "warning": "#daa038", "critical": "#a30200"}
_OVER: Final = "#2eb67d"
_HEADER: Final = 150
_SECTION: Final = 3000


class Slack:
    """One incoming webhook. What is said is plain text: nothing in it calls anybody."""

    kind = "slack"

    def __init__(self, settings: SlackSettings, timeout: float, now: Callable[[], float]) -> None:
        url = settings.url.get_secret_value()
        # Of the URL, its path alone is the secret; an answer may quote it.
        self._posting = Posting(url, timeout, now, (url.rpartition("/")[2],))

    async def tell(self, told: Told) -> str:
        """Send a message. Raises NotToldError."""
        return await self._posting.post(orjson.dumps(payload_of(told)), {})

    async def close(self) -> None:
        """Close all connections."""
        await self._posting.close()


def payload_of(told: Told) -> dict[str, Any]:
    """Return the message in Slack's words, with a colour for how grave it is."""
    over = all(notice.resolves for notice in told.notices)
    when = iso(max(notice.at for notice in told.notices))
    return {
        # For notifications, and for clients without blocks; & < > are all that Slack reads in it.
        "text": _escaped(title_of(told)),
        "attachments": [
            {
                "color": _OVER if over else _COLOURS[told.worst],
                "blocks": [
                    {"type": "header", "text": _plain(title_of(told), _HEADER)},
                    {"type": "section", "text": _plain(body_of(told) or "-", _SECTION)},
                    {"type": "context", "elements": [_plain(f"{told.source}, {when}", _HEADER)]},
                ],
            }
        ],
    }


def _plain(text: str, most: int) -> dict[str, Any]:
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return {"type": "plain_text", "text": cut, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
