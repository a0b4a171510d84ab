"""Thresholds on the shelf: bounded, and administrators always have room."""

import asyncio

import pytest

from plugins.cost_meter.serving import keeping
from plugins.cost_meter.serving.declining import DeclinedError
from plugins.cost_meter.serving.keeping import Thresholds
from tests.plugins.cost_meter.serving.served import served_costs
from tests.plugins.cost_meter.serving.test_thresholds import threshold


async def test_the_last_places_are_for_administrators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MOST", 3)
    monkeypatch.setattr(keeping, "_RESERVED", 1)
    async with served_costs() as costs:
        for name in ("u1", "u2"):
            await costs.thresholds.add(threshold(user=name), by_admin=False)
        with pytest.raises(DeclinedError, match="too many thresholds in all"):
            await costs.thresholds.add(threshold(user="u3"), by_admin=False)
        await costs.thresholds.add(threshold(user=None), by_admin=True)
        with pytest.raises(DeclinedError, match="too many thresholds in all"):
            await costs.thresholds.add(threshold(user=None, nano_usd=1), by_admin=True)


async def test_thresholds_are_found_by_their_owners_and_in_order() -> None:
    async with served_costs() as costs:
        made = [
            (await costs.thresholds.add(threshold(user=name, created_at=at), by_admin=True))[0]
            for name, at in (("ann", 2.0), ("bob", 1.0))
        ]
        assert await costs.thresholds.all() == (made[1], made[0])
        assert await costs.thresholds.find(made[0].id, "ann") == made[0]
        assert await costs.thresholds.find(made[0].id, None) == made[0]
        with pytest.raises(DeclinedError, match="no such threshold"):
            await costs.thresholds.find(made[0].id, "bob")


async def test_what_a_newer_version_has_written_is_left_alone() -> None:
    async with served_costs() as costs:
        await costs.shelf.put("threshold", "t9", {"what": "else"})
        assert await costs.thresholds.all() == ()
        with pytest.raises(DeclinedError, match="no such threshold"):
            await costs.thresholds.find("t9", None)


async def test_who_asks_for_many_at_once_gets_no_more_than_others() -> None:
    async with served_costs() as costs:
        many = (threshold(nano_usd=number) for number in range(1, 31))
        asked = (costs.thresholds.add(one, by_admin=False) for one in many)
        made = await asyncio.gather(*asked, return_exceptions=True)
        declined = [one for one in made if isinstance(one, DeclinedError)]
        assert len(declined) == 30 - keeping.MOST_OF_USER
        assert len(await costs.thresholds.all()) == keeping.MOST_OF_USER


async def test_who_asks_for_the_same_many_times_at_once_has_one() -> None:
    async with served_costs() as costs:
        asked = (costs.thresholds.add(threshold(), by_admin=False) for _ in range(30))
        made = await asyncio.gather(*asked)
        assert sum(is_new for _, is_new in made) == 1
        assert len(await costs.thresholds.all()) == 1


async def test_two_proxies_that_are_asked_at_once_keep_one() -> None:
    async with served_costs() as costs:
        proxies = (Thresholds(costs.shelf), Thresholds(costs.shelf))
        made = await asyncio.gather(*(one.add(threshold(), by_admin=False) for one in proxies))
        assert len({one.id for one, _ in made}) == 1
        assert len(await costs.thresholds.all()) == 1
