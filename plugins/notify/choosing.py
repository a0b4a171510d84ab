"""Which channels are told of an alert. Values in, values out."""

from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from .notice import RANK, Notice
from .settings import ChannelSettings
from .store import Wanted

__all__ = ["FAILING", "OWN", "chosen"]

FAILING: Final = "notifications_failing"
OWN: Final = (FAILING, "notifications_dropped")
"""Alerts about telling: whose subject is the channel that cannot be told of it."""


def chosen(
    notice: Notice, channels: Mapping[str, ChannelSettings], only: Collection[str] = ()
) -> Sequence[Wanted]:
    """Return who is to be told; of those, by name or kind, whom the alert asks for with `only`.

    What an alert asks for never adds anybody: whoever raises it may be a user, and who is told of
    what is the operator's to say.

    Of what resolves an alert all are told who were told of that, which the store knows: whoever
    is returned here may be. It does not count against the cap of a channel in which it closes
    something, and wakes nobody.
    """
    if notice.resolves:
        return tuple(Wanted(name, free=one.pagerduty is not None) for name, one in channels.items())
    return tuple(
        Wanted(name)
        for name, one in channels.items()
        if _wants(name, one, notice) and (not only or name in only or one.kind in only)
    )


def _wants(name: str, channel: ChannelSettings, notice: Notice) -> bool:
    return (
        RANK[notice.severity] >= RANK[channel.min_severity]
        and (channel.users or not notice.user)
        and any(fnmatchcase(notice.name, pattern) for pattern in channel.alerts)
        and not (notice.name in OWN and notice.subject == name)
    )
