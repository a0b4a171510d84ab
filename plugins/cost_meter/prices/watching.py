"""Tells of models without a price, and of prices that are old."""

from datetime import UTC, datetime

from proxy.api import Alert, Services
from proxy.api.spending import PriceKey

from ..alerting import Alerting
from .book import PriceBook
from .declaring import PricesSettings
from .rating import Priced

__all__ = ["Age", "PriceWatch", "age_of"]

_DAY = 86400.0
_LOOK_EVERY = 3600.0
_TELL_AGAIN = 30 * _DAY
_MOST_TOLD = 1000

_DONE_ABOUT = {
    "reject": "It is refused",
    "estimate": "It counts as the dearest of its family",
    "zero": "It counts nothing",
}


class Age:
    """How old prices are."""

    def __init__(self, settings: PricesSettings, made: float) -> None:
        """`made`: Unix seconds of the newest change in the list; 0: it is not known."""
        checked = settings.checked
        day = 0.0 if checked is None else datetime.fromisoformat(checked).replace(tzinfo=UTC)
        self.since = max(made, day.timestamp() if isinstance(day, datetime) else day)
        """They are no older than this: Unix seconds."""
        self._most = settings.max_age

    def seconds(self, now: float) -> float:
        """Return how old they are at the most."""
        return max(now - self.since, 0.0)

    def is_old(self, now: float) -> bool:
        """Return whether it is time to look for newer ones."""
        return self.seconds(now) > self._most

    def text(self, now: float) -> str:
        """Return what is wrong with it, in a sentence; empty if nothing is."""
        if not self.is_old(now):
            return ""
        days = int(self.seconds(now) // _DAY)
        return (
            f"the newest change in the list of prices is {days} days old: install a newer "
            "genai-prices or set prices.file; or compare them, and say so in prices.checked"
        )


def age_of(settings: PricesSettings, book: PriceBook) -> Age:
    """Return the age of a book."""
    return Age(settings, book.listed.source.made)


class PriceWatch:
    """Counts and tells, once for each model."""

    def __init__(self, settings: PricesSettings, services: Services, alerting: Alerting) -> None:
        self._services = services
        self._alerting = alerting
        self._done = _DONE_ABOUT[settings.unknown]
        self._told: set[tuple[str, str, bool]] = set()
        self._unknown = services.counter(
            "prices_unknown",
            "Prices that were looked for in vain: each minute at most once for each model.",
            ("provider",),
        )
        self._age = services.gauge(
            "prices_age_seconds", "Since the newest change in the list of prices, or its check."
        )

    def heard(self, key: PriceKey, priced: Priced) -> None:
        """Take in that a price was read; the hook of `PriceBook`."""
        unknown = priced.confidence == "unknown"
        if unknown:
            self._unknown.add(provider=key.provider)
        place = (key.provider, key.model, unknown)
        if place not in self._told:
            if len(self._told) >= _MOST_TOLD:
                self._told.clear()
            self._told -= {(key.provider, key.model, not unknown)}
            self._told.add(place)
            self._services.spawn(self._tell(key, unknown=unknown), "tell of a price")

    async def run(self, age: Age) -> None:
        """Look each hour how old the prices are, until it is cancelled."""
        while True:
            await self.look(age)
            await self._services.sleep(_LOOK_EVERY)

    async def look(self, age: Age) -> None:
        """Look once."""
        now = self._services.now()
        self._age.set(age.seconds(now))
        alert = Alert("price_book_old", "prices", f"What things cost: {age.text(now)}.")
        if age.is_old(now):
            await self._alerting.once(alert, now + _TELL_AGAIN)
        else:
            text = "The list of prices is new enough again."
            await self._alerting.over(alert._replace(text=text))

    async def _tell(self, key: PriceKey, *, unknown: bool) -> None:
        alert = Alert(
            "price_unknown",
            f"{key.provider}/{key.model}",
            f"Nobody knows what {key.model} of {key.provider} costs. {self._done} until "
            "plugins.cost_meter.prices.overlay or the deployment says a price.",
        )
        if unknown:
            await self._alerting.once(alert, self._services.now() + _TELL_AGAIN)
        else:
            text = f"What {key.model} of {key.provider} costs is known now."
            await self._alerting.over(alert._replace(text=text))
