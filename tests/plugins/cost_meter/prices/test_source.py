"""Lists of prices, installed and out of files."""

import os
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import pytest
from genai_prices.types import ModelPrice

from plugins.cost_meter.prices import source as sources
from plugins.cost_meter.prices.source import installed, out_of_file
from tests.plugins.cost_meter.prices.priced import DATA, NOW, model, provider, written

DAY = 86400.0
NO_NUMBER = (
    '[{"id": "o", "name": "o", "api_pattern": "", "models": [{"id": "m", "match": '
    '{"equals": "m"}, "prices": {"input_mtok": "much"}}]}]'
)


def test_the_list_that_is_installed_says_which_one_it_is() -> None:
    found = installed(NOW)
    assert found.name == f"genai-prices {version('genai-prices')}"
    assert len(found.digest) == 64
    assert 0 < found.made <= NOW


def test_a_file_has_its_prices_exactly(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    path.write_text(
        '[{"id": "openai", "name": "o", "api_pattern": "o", "extractors": [{"odd": 1}], "models": '
        '[{"id": "m", "match": {"equals": "m"}, "prices": {"input_mtok": 0.1}}]}]'
    )
    found = out_of_file(path, NOW)
    prices = found.providers[0].models[0].prices
    assert isinstance(prices, ModelPrice)
    assert prices.input_mtok == Decimal("0.1")
    assert found.name.startswith("p.json for genai-prices ")


def test_another_file_is_another_list(tmp_path: Path) -> None:
    one = out_of_file(written(tmp_path), NOW)
    other = out_of_file(written(tmp_path, DATA[:1]), NOW)
    assert one.digest != other.digest


def test_a_list_is_as_old_as_the_newest_change_that_was_not_to_come(tmp_path: Path) -> None:
    def dated(day: str) -> dict[str, object]:
        return {"constraint": {"start_date": day}, "prices": {"input_mtok": 1}}

    days = ["2026-10-01", "2026-11-10", "2026-12-01"]
    data = [provider("openai", [model("m", [dated(day) for day in days])])]
    path = written(tmp_path, data)
    since = datetime(2026, 11, 10, tzinfo=UTC).timestamp()
    os.utime(path, (NOW, NOW))
    assert out_of_file(path, NOW).made == since
    assert out_of_file(path, NOW + 60 * DAY).made == since  # what was announced is no change of it
    os.utime(path, (0, 0))
    assert out_of_file(path, NOW).made == since


def test_a_list_without_dates_has_no_age(tmp_path: Path) -> None:
    data = [provider("openai", [model("m", {"input_mtok": 1})])]
    assert out_of_file(written(tmp_path, data), NOW).made == 0


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("nothing", "is none: Expecting value"),
        ("{}", "a list of providers is wanted"),
        ("[[]]", "is none: "),
        ('[{"id": "o"}]', "is none: 0.name: Field required"),
        (NO_NUMBER, "input_mtok.decimal: Input should be a valid decimal"),
        ("[" * 5000, "is none: "),
    ],
    ids=["no JSON", "no list", "a list of lists", "half a provider", "no number", "too deep"],
)
def test_a_file_that_is_no_list_is_told(content: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"prices\.file: .* wanted a data\.json") as told:
        out_of_file(path, NOW)
    assert says in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read \\(No such file or directory\\)"):
        out_of_file(tmp_path / "none.json", NOW)


def test_a_file_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path)
    monkeypatch.setattr(sources, "MOST_MODELS", 3)
    with pytest.raises(ValueError, match="more than 3 models"):
        out_of_file(path, NOW)
    monkeypatch.setattr(sources, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="has more than 0 MiB"):
        out_of_file(path, NOW)
