"""Traffic of both arms as counts per tick; no request is ever made.

Four thousand users are dealt to the arms by chance, once. A tick is the time in which new gets
twenty requests; legacy gets what it gets in that time. Each request comes from any user of
its arm. What a tick needs is drawn as counts: how many requests fail, and how many
of those are some user's first. That is the same distribution, and a thousand times as fast.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from math import comb
from random import Random
from typing import NamedTuple

USERS = 4000
SHARE = 0.05
NEW_REQUESTS = 20


@dataclass(frozen=True)
class Scenario:
    """What happens to requests; all proportions are 0..1."""

    name: str
    legacy: float = 0.01
    """Of legacy's requests fail."""
    new: float = 0.01
    storming: float = 0.0
    """Of the users do nothing but fail, on either arm, and five times as often as others ask."""
    burst: float = 0.0
    """Of all requests fail, on both arms, in three ticks of each thirty."""
    others: tuple[float, ...] = ()
    """Of all requests meet a further metric (slow, client_errors), on both arms."""
    slower: float = 1.0
    """So many times as many of new's requests are slow."""
    stalls: bool = False
    """New stands still for one tick of each thirty: its requests are slow then."""
    legacy_sick: float = 10.0
    fast_path: bool = True

    def failing(self, tick: int) -> tuple[float, float]:
        """The proportion of ordinary users' requests that fail: legacy's and new's."""
        if self.burst and tick % 30 in (10, 11, 12):
            return self.burst, self.burst
        return self.legacy, self.new

    def others_on_new(self, tick: int) -> tuple[float, ...]:
        """The proportion of new's requests that meet the further metrics."""
        if not self.others:
            return ()
        slow = 1.0 if self.stalls and tick % 30 == 10 else self.slower * self.others[0]
        return (slow, *self.others[1:])


@cache
def _cumulated(n: int, p: float) -> list[float]:
    """The distribution function of a binomial distribution."""
    odds, every = p / (1 - p), (1 - p) ** n
    terms = [every] if every else []
    for k in range(1, n + 1):
        if not terms:
            return list(accumulate(comb(n, i) * p**i * (1 - p) ** (n - i) for i in range(n + 1)))
        terms.append(terms[-1] * odds * (n - k + 1) / k)
    return list(accumulate(terms))


def binomial(rng: Random, n: int, p: float) -> int:
    """How many of n succeed."""
    if n == 0 or p <= 0:
        return 0
    return n if p >= 1 else min(bisect_left(_cumulated(n, p), rng.random()), n)


def distinct(users: int, requests: int) -> float:
    """How many users are behind so many requests, on average."""
    if users < 2:
        return float(min(users, requests))
    return users * (1 - (1 - 1 / users) ** requests)


@dataclass
class Arm:
    """What is known of one arm so far."""

    ordinary: int
    storming: int
    requests: int = 0
    storm_requests: int = 0
    errors: int = 0
    """Of this tick."""
    ordinary_keys: int = 0
    storm_keys: int = 0
    others: list[int] = field(default_factory=list)
    """Keys that met each of the further metrics."""
    slow: int = 0
    """Requests that were slow."""

    @property
    def weight(self) -> int:
        """How much traffic its users make, in users."""
        return self.ordinary + 5 * self.storming

    @property
    def keys(self) -> int:
        """Users that met an error."""
        return self.ordinary_keys + self.storm_keys

    @property
    def active(self) -> float:
        """Users that were seen."""
        ordinary = distinct(self.ordinary, self.requests - self.storm_requests)
        return ordinary + distinct(self.storming, self.storm_requests)

    def tick(self, rng: Random, n: int, failing: float, others: tuple[float, ...]) -> None:
        """Let so many requests happen."""
        storm = binomial(rng, n, 5 * self.storming / self.weight) if self.storming else 0
        errors = binomial(rng, n - storm, failing)
        self.requests += n
        self.storm_requests += storm
        self.errors = errors + storm
        self.ordinary_keys = _met(rng, self.ordinary, self.ordinary_keys, errors)
        self.storm_keys = _met(rng, self.storming, self.storm_keys, storm)
        for i, proportion in enumerate(others):
            met = binomial(rng, n, proportion)
            self.others[i] = _met(rng, self.ordinary, self.others[i], met)
            self.slow += met if i == 0 else 0


def _met(rng: Random, users: int, before: int, times: int) -> int:
    """How many users have met something that happens so many times more."""
    for _ in range(times):
        if rng.random() * users >= before:
            before += 1
    return before


class Tick(NamedTuple):
    """The arms after a tick, and legacy's requests in it."""

    number: int
    legacy: Arm
    new: Arm
    legacy_requests: int


def ticks(scenario: Scenario, rng: Random, most: int) -> Iterator[Tick]:
    """Play a scenario; ticks are numbered from 1. The arms are the same objects each time."""
    storming = round(USERS * scenario.storming)
    new_storming = binomial(rng, storming, SHARE)
    new_ordinary = max(binomial(rng, USERS - storming, SHARE), 1)
    none = [0] * len(scenario.others)
    new = Arm(new_ordinary, new_storming, others=list(none))
    legacy = Arm(USERS - storming - new_ordinary, storming - new_storming, others=list(none))
    legacy_requests = round(NEW_REQUESTS * legacy.weight / new.weight)
    for number in range(1, most + 1):
        legacy_failing, new_failing = scenario.failing(number)
        legacy.tick(rng, legacy_requests, legacy_failing, scenario.others)
        new.tick(rng, NEW_REQUESTS, new_failing, scenario.others_on_new(number))
        yield Tick(number, legacy, new, legacy_requests)
