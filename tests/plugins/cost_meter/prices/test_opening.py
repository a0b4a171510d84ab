"""Which list is read."""

from pathlib import Path

import pytest

from plugins.cost_meter.prices.opening import listed
from tests.plugins.cost_meter.prices.priced import NOW, settings, written


def test_without_a_file_it_is_the_one_that_is_installed() -> None:
    assert listed(settings(), NOW).source.name.startswith("genai-prices ")


def test_a_file_takes_its_place(tmp_path: Path) -> None:
    said = settings(file=str(written(tmp_path)))
    assert listed(said, NOW).source.name.startswith("data.json for ")


def test_nobody_has_looked_in_the_future() -> None:
    with pytest.raises(ValueError, match=r"prices\.checked: 2036-01-01 is still to come"):
        listed(settings(checked="2036-01-01"), NOW)
    assert listed(settings(checked="2026-01-01"), NOW).source.made > 0
