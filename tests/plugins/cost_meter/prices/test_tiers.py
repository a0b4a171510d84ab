"""Service tiers by the names that providers give them."""

import pytest

from plugins.cost_meter.prices.tiers import Served, served


@pytest.mark.parametrize("name", ["", "default", "auto", "standard", "Default", " auto "])
def test_these_are_standard(name: str) -> None:
    how = served(name, batch=False)
    assert how == Served("standard", batch=False)
    assert (how.is_plain, dict(how.context), str(how)) == (True, {}, "standard")


def test_a_batch_is_a_way_of_processing_and_no_tier() -> None:
    assert served("batch", batch=False) == served("", batch=True)
    assert dict(served("batch", batch=False).context) == {"processing": "batch"}


@pytest.mark.parametrize("name", ["flex", "priority", "scale", "Flex"])
def test_others_are_tiers(name: str) -> None:
    how = served(name, batch=False)
    assert dict(how.context) == {"service_tier": name.lower()}
    assert not how.is_plain


def test_a_tier_in_a_batch_is_both() -> None:
    how = served("flex", batch=True)
    assert dict(how.context) == {"service_tier": "flex", "processing": "batch"}
    assert str(how) == "tier flex and batch"


def test_what_a_provider_says_has_an_end() -> None:
    assert served("x" * 1000, batch=False).tier == "x" * 64
