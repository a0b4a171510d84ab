"""Reads the list of prices that the settings name."""

from datetime import UTC, datetime

from .declaring import PricesSettings
from .listing import PriceList
from .source import installed, out_of_file

__all__ = ["listed"]

_DAY = 86400.0
"""Days begin earlier elsewhere than in UTC."""


def listed(settings: PricesSettings, now: float) -> PriceList:
    """Return the list. It takes a file's time, so it is for a thread. Raises ValueError.

    Also where somebody has looked in the future: prices would not be told to be old until then.
    """
    checked = settings.checked
    if checked and datetime.fromisoformat(checked).replace(tzinfo=UTC).timestamp() > now + _DAY:
        raise ValueError(
            f"prices.checked: {checked} is still to come; wanted the day on which somebody last "
            "compared the prices with the provider's"
        )
    source = installed(now) if settings.file is None else out_of_file(settings.file, now)
    return PriceList(source)
