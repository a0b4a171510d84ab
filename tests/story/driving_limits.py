"""Days of limits on a real Redis, within seconds: the clock is driven, and several places ask.

Whoever asks does so again at the very moment that it was told, so that all that may go goes.
"""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from plugins.rate_limit.claims import Claim, Counted
from plugins.rate_limit.counting.redis import RedisCounts
from plugins.rate_limit.rules import book_of
from plugins.rate_limit.settings import RateLimitSettings
from proxy.api.testing import FakeServices
from tests.kit.limit_rules import Admitted, Asked, Refusal, judged, onlyfans
from tests.kit.redis import redis_server
from tests.kit.replaying import SECOND, admissible

NAMES = ("onlyfans-user", "onlyfans-pace")
DAY = 86_400 * SECOND
_BEGUN = 1_800_000_000 * SECOND
_MOST_AT_ONCE = 6


@dataclass
class Driven:
    """What was admitted, and what was refused."""

    admitted: list[Admitted] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    allowed: int = 0
    """What each user could have sent at most."""

    @property
    def sent(self) -> Counter[str]:
        """Return how many each user has sent."""
        return Counter(one.asked.user for one in self.admitted)


class Driving:
    """Asks for all users, at several places, by one clock."""

    def __init__(self, counts: list[RedisCounts], users: list[str], seed: int) -> None:
        self.now = _BEGUN
        self.found = Driven()
        self._counts = counts
        self._random = random.Random(seed)
        self._tickets = 0
        rules = book_of(RateLimitSettings(rule_sets=("onlyfans",))).selected(NAMES)
        self._claims = {user: tuple(rule.claim({"user": user}) for rule in rules) for user in users}
        self._due = dict.fromkeys(users, self.now)

    async def drive(self, until: int) -> None:
        """Ask until a moment, each time for those whose time has come."""
        while (now := min(self._due.values())) <= until:
            self.now = now
            for user in [user for user, due in self._due.items() if due <= now]:
                answers = await self._ask(user, self._random.randint(1, _MOST_AT_ONCE))
                self._due[user] = now + max(self._noted(user, one) for one in answers)

    async def _ask(self, user: str, times: int) -> list[Counted]:
        claims = self._claims[user]
        places = self._random.choices(self._counts, k=times)
        return await asyncio.gather(*(one.take(claims, self._ticket()) for one in places))

    def _ticket(self) -> str:
        self._tickets += 1
        return f"t-{self._tickets}"

    def _noted(self, user: str, counted: Counted) -> int:
        """Keep an answer; return the microseconds that it says to wait."""
        asked = Asked(user, "")
        if counted.admitted:
            self.found.admitted.append(Admitted(self.now, asked))
            return 0
        refusal = Refusal(asked, self.now, self.now, _violated(self._claims[user], counted))
        self.found.refusals.append(refusal)
        return max(reading.wait for readings in counted.readings for reading in readings)


def _violated(claims: tuple[Claim, ...], counted: Counted) -> tuple[str, ...]:
    return tuple(
        window.policy
        for claim, readings in zip(claims, counted.readings, strict=True)
        for window, reading in zip(claim.windows, readings, strict=True)
        if reading.wait
    )


async def driven(*, days: float, users: int, seed: int, places: int = 3) -> Driven:
    """Ask for so many users for so long, and judge; the same seed asks for the same."""
    until = _BEGUN + round(days * DAY)
    rules = [one for one in onlyfans() if one.name in NAMES]
    async with redis_server() as redis:
        services = FakeServices(plugin="rate_limit")
        counts = [
            RedisCounts(services.redis(redis.url), lambda: driving.now, 5.0) for _ in range(places)
        ]
        driving = Driving(counts, [f"user-{number}" for number in range(users)], seed)
        try:
            await driving.drive(until)
        finally:
            for one in counts:
                await one.close()
            await services.close()
    found = driving.found
    found.wrong = judged(rules, found.admitted, found.refusals)
    found.allowed = admissible([policy for one in rules for policy in one.policies], until - _BEGUN)
    return found
