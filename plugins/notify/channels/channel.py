"""What a channel does; and how what it answers is told."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, Protocol

from ..notice import Notice, Severity
from ..store import Delivery

__all__ = ["Action", "Channel", "NotToldError", "Told", "cleaned"]

_ANSWER: Final = 200
"""Characters of an answer that are told."""

Action = Literal["raised", "resolved", "test"]


class Told(NamedTuple):
    """One message: an alert, what resolves one, or several of these in one."""

    notices: tuple[Notice, ...]
    key: str
    """The same for each try to send the same: whoever gets it twice can tell."""
    source: str
    """Which proxy it is."""
    test: bool = False

    @classmethod
    def of(cls, claimed: Sequence[Delivery], source: str) -> "Told":
        """Return the message for what was claimed together."""
        first = claimed[0]
        more = f"-{len(claimed)}-{claimed[-1].id}" if len(claimed) > 1 else ""
        key = f"{first.notice.id}-{first.channel}{more}"
        return cls(tuple(one.notice for one in claimed), key, source)

    @property
    def summary(self) -> bool:
        """Whether it is about several at once."""
        return len(self.notices) > 1

    def action(self, notice: Notice) -> Action:
        """What is said of one of them."""
        return "test" if self.test else "resolved" if notice.resolves else "raised"

    @property
    def worst(self) -> Severity:
        """The worst severity of what lasts; of what is over alone, ``info``."""
        lasting = {notice.severity for notice in self.notices if not notice.resolves}
        order: tuple[Severity, ...] = ("critical", "warning")
        return next((severity for severity in order if severity in lasting), "info")


class NotToldError(Exception):
    """A channel has not taken a message; the text says why, without any secret."""

    def __init__(self, why: str, *, final: bool = False, after: float | None = None) -> None:
        """`final`: this message will never be taken. `after`: try it again in so many seconds."""
        super().__init__(why)
        self.final = final
        self.after = after


class Channel(Protocol):
    """Tells people."""

    kind: str
    """What it is, for people: ``slack``."""

    async def tell(self, told: Told) -> str:
        """Send a message; return what was answered, in words. Raises NotToldError."""

    async def close(self) -> None:
        """Let go of connections."""


def cleaned(text: str, *secrets: str) -> str:
    """Return what somebody has answered, on one line, within bounds, without these secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    said = " ".join("".join(one if one.isprintable() else " " for one in text).split())
    return said if len(said) <= _ANSWER else f"{said[: _ANSWER - 1]}…"
