"""What is told of models without a price, and of old prices."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.prices.book import PriceBook
from plugins.cost_meter.prices.declaring import PricesSettings
from plugins.cost_meter.prices.watching import Age, PriceWatch
from proxy.api.spending import PriceKey, Usage
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.prices.priced import NOW, book, settings

DAY = 86400.0
MYSTERY = PriceKey("openai", "mystery", at=NOW)


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    made = FakeServices()
    yield made
    await made.close()
    assert made.faults == []


def watch(services: FakeServices, said: PricesSettings) -> PriceWatch:
    return PriceWatch(said, services, Alerting(MemoryEdges({}, services.now), services))


def watched(services: FakeServices, folder: Path) -> tuple[PriceWatch, PriceBook]:
    watching = watch(services, settings())
    return watching, book(folder, watching.heard)


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_model_without_a_price_is_told_once(services: FakeServices, tmp_path: Path) -> None:
    _, prices = watched(services, tmp_path)
    for minute in range(3):
        prices.quote(MYSTERY._replace(at=NOW + 60 * minute), Usage(1))
        prices.quote(PriceKey("openai", "gpt-4o", at=NOW + 60 * minute), Usage(1))
    await settled()
    assert [(one.name, one.subject) for one in services.alerts] == [
        ("price_unknown", "openai/mystery")
    ]
    assert "It counts as the dearest of its family" in services.alerts[0].text
    assert services.value("prices_unknown", provider="openai") == 3


async def test_a_price_that_is_said_at_last_ends_the_alert(
    services: FakeServices, tmp_path: Path
) -> None:
    watching, prices = watched(services, tmp_path)
    prices.quote(MYSTERY, Usage(1))
    await settled()
    known = [{"model": "mystery", "input": "1", "output": "2"}]
    book(tmp_path, watching.heard, overlay=known).quote(MYSTERY, Usage(1))
    await settled()
    assert [one.resolves for one in services.alerts] == [False, True]
    prices.quote(MYSTERY._replace(at=NOW + 60), Usage(1))
    await settled()
    assert [one.resolves for one in services.alerts] == [False, True, False]


@pytest.mark.parametrize(
    ("unknown", "says"), [("reject", "It is refused"), ("zero", "It counts nothing")]
)
async def test_the_alert_says_what_is_done(
    unknown: str, says: str, services: FakeServices, tmp_path: Path
) -> None:
    watching = watch(services, settings(unknown=unknown))
    book(tmp_path, watching.heard, unknown=unknown).quote(MYSTERY, Usage(1))
    await settled()
    assert says in services.alerts[0].text


async def test_what_was_told_is_not_remembered_for_ever(
    services: FakeServices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.cost_meter.prices.watching._MOST_TOLD", 2)
    _, prices = watched(services, tmp_path)
    for number in range(5):
        prices.quote(PriceKey("openai", f"odd{number}", at=NOW), Usage(1))
    await settled()
    assert len(services.alerts) == 5


async def test_old_prices_are_told_once_and_newer_ones_end_it(services: FakeServices) -> None:
    watching = watch(services, settings())
    now = services.now()
    old, new = Age(settings(), now - 31 * DAY), Age(settings(), now - DAY)
    for age in (new, old, old, new):
        await watching.look(age)
    assert [(one.name, one.resolves) for one in services.alerts] == [
        ("price_book_old", False),
        ("price_book_old", True),
    ]
    assert "31 days old" in services.alerts[0].text
    assert services.value("prices_age_seconds") == DAY


async def test_it_looks_each_hour(services: FakeServices) -> None:
    watching = watch(services, settings())
    services.spawn(watching.run(Age(settings(), services.now() - 30 * DAY + 1800)), "look")
    await settled()
    assert services.alerts == []
    await services.jumping.jump(3600)
    await settled()
    assert [one.name for one in services.alerts] == ["price_book_old"]


def test_prices_are_no_older_than_the_last_look_at_them() -> None:
    said = settings(checked="2026-11-15", max_age="240h")
    age = Age(said, NOW - 90 * DAY)
    assert age.seconds(NOW) == 5 * DAY
    assert age.text(NOW) == ""
    assert age.text(NOW + 6 * DAY).startswith("the newest change in the list of prices is 11 days")


def test_prices_of_which_nothing_is_known_are_old() -> None:
    assert Age(settings(), 0.0).is_old(NOW)


def test_prices_from_the_future_have_no_age_below_zero() -> None:
    assert Age(settings(), NOW + DAY).seconds(NOW) == 0
