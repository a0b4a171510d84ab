"""Where is counted, and what then if that fails."""

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugins.rate_limit import RateLimit
from plugins.rate_limit.claims import SECOND, Claim, Kind, Window
from plugins.rate_limit.counting.kept import MIGRATIONS
from proxy.api.limits import Standing
from proxy.api.testing import Isolated
from tests.kit.redis import RedisServer
from tests.kit.running import free_port
from tests.plugins.rate_limit.limited import MINUTE, PER_USER, limited, limits_of, of, statuses

ANN = {"user": "ann"}
FILE = "sqlite:limits.db"
LATE = "5s"
"""Patience of tests: two cores are shared by many."""


@pytest.fixture(scope="module")
def redis() -> Iterator[str]:
    with RedisServer() as server:
        yield server.url


async def restarted(plugin: Isolated) -> None:
    """Start another, as a process does that knows nothing of this one."""
    plugin.services._offers.clear()
    await RateLimit(plugin.application.settings).startup(plugin.services)


def breaks(plugin: Isolated) -> Callable[[str], None]:
    """What does something to the file behind the plugin's back."""
    folder = plugin.services._folder
    assert folder is not None

    def run(script: str) -> None:
        connection = sqlite3.connect(Path(folder.name) / "limits.db")
        connection.executescript(script)
        connection.close()

    return run


def rules_for(way: str) -> dict[str, Any]:
    return {"one": PER_USER | {"on_store_error": way}}


async def test_a_file_outlives_the_process() -> None:
    async with limited(store=FILE) as plugin:
        assert await statuses(plugin, of(), of()) == [200, 200]
        await restarted(plugin)
        standing = await limits_of(plugin).take(ANN)
        assert (standing.admitted, standing.windows[0].remaining) == (True, 0)
        assert not (await limits_of(plugin).take(ANN)).admitted


async def test_memory_does_not() -> None:
    async with limited() as plugin:
        await limits_of(plugin).take(ANN)
        await restarted(plugin)
        assert (await limits_of(plugin).peek(ANN)).windows[0].remaining == 3


WAYS = [
    ("local", [True, True, True, False]),
    ("open", [True] * 4),
    ("closed", [False] * 4),
]


@pytest.mark.parametrize(("way", "admitted"), WAYS)
async def test_without_its_file_each_rule_goes_the_way_that_it_says(
    way: str, admitted: list[bool]
) -> None:
    async with limited(store=FILE, rules=rules_for(way)) as plugin:
        breaks(plugin)("DROP TABLE limit_counts")
        found: list[Standing] = [await limits_of(plugin).take(ANN) for _ in range(4)]
        assert [one.admitted for one in found] == admitted
        assert found[0].degraded == way
        assert "limits are not kept over a restart" in plugin.application.health()
        assert plugin.services.value("store_events", what="lost") == 1
        assert plugin.services.value("degraded", how=way) >= 3
        (line,) = plugin.services.logged("limits_store_lost")
        assert "ann" not in str(line)

        breaks(plugin)(MIGRATIONS[0])
        await limits_of(plugin).take({"user": "bob"})
        assert plugin.application.health() == ""
        assert plugin.services.value("store_events", what="back") == 1
        assert len(plugin.services.logged("limits_store_back")) == 1


async def test_without_its_file_nothing_that_is_asked_for_fails() -> None:
    rules = {"one": PER_USER, "slots": {"concurrency": 2}}
    async with limited(store=FILE, rules=rules) as plugin:
        limits = limits_of(plugin)
        took = await limits.take(ANN)
        breaks(plugin)("DROP TABLE limit_counts")
        slots = (Claim(Kind.LEASE, "slots", (Window("slots", 2, SECOND, 2),)),)
        assert not await limits.counts.extend(slots, "t")
        await limits.debit(ANN)
        await limits.refund(ANN, took.ticket)
        await limits.counts.clear(slots)
        assert (await limits.peek(ANN)).windows[0].remaining == 2


async def test_a_request_waits_for_its_file() -> None:
    async with limited(store=FILE) as plugin:
        later = plugin.use.admit(of())
        assert await later is None


async def test_all_replicas_count_together_in_redis(redis: str) -> None:
    rules = {"fleet": {"scope": ["user"], "windows": [MINUTE]}}
    said: dict[str, Any] = {"store": redis, "patience": LATE, "rules": rules}
    async with limited(**said) as one, limited(**said) as other:
        assert await statuses(one, of(), of()) == [200, 200]
        assert await statuses(other, of(), of()) == [200, 429]
        assert one.application.health() == ""
        passed = await other.through(of())
        assert (passed.reply.headers.get("ratelimit") or "").startswith('"fleet";r=0;t=')


@pytest.mark.parametrize(("way", "admitted"), WAYS)
async def test_without_redis_each_rule_goes_the_way_that_it_says(
    way: str, admitted: list[bool]
) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with limited(store=nowhere, rules=rules_for(way)) as plugin:
        passed = [await plugin.through(of()) for _ in range(4)]
        refused = 503 if way == "closed" else 429
        assert [one.reply.status for one in passed] == [
            200 if fits else refused for fits in admitted
        ]
        assert passed[0].reply.headers.get("x-ratelimit-degraded") == way
        assert plugin.application.health() != ""
        assert plugin.services.value("degraded", how=way) == 4
        assert plugin.services.value("store_events", what="lost") == 1
