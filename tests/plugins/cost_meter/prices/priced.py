"""A list of prices whose every number is known here, and books that are made of it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from plugins.cost_meter import CostMeter
from plugins.cost_meter.prices.book import Heard, PriceBook
from plugins.cost_meter.prices.declaring import PricesSettings
from plugins.cost_meter.prices.listing import PriceList
from plugins.cost_meter.prices.source import PriceSource, installed, out_of_file
from plugins.cost_meter.settings import CostMeterSettings
from proxy.api.testing.checks import read_settings

NOW = datetime(2026, 11, 20, tzinfo=UTC).timestamp()


def model(name: str, prices: Any, *, also: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    match = {"or": [{"equals": one} for one in (name, *also)]}
    return {"id": name, "match": match, "prices": prices, **more}


def variant(when: Mapping[str, str], since: str = "", **prices: Any) -> dict[str, Any]:
    said: dict[str, Any] = {"when": dict(when), "prices": prices}
    return said | ({"constraint": {"start_date": since}} if since else {})


def stepped(base: float, *steps: tuple[int, float]) -> dict[str, Any]:
    return {"base": base, "tiers": [{"start": start, "price": price} for start, price in steps]}


GPT_4O = {
    "input_mtok": 2.5,
    "cache_read_mtok": 1.25,
    "output_mtok": 10,
    "web_searches_kcount": 10,
}
OPENAI: list[dict[str, Any]] = [
    model(
        "gpt-4o",
        GPT_4O,
        also=("gpt-4o-2024-08-06",),
        price_variants=[
            variant({"service_tier": "default"}),
            variant(
                {"service_tier": "priority"},
                "2026-10-12",
                input_mtok=4.25,
                cache_read_mtok=2.125,
                output_mtok=17,
            ),
            variant({"processing": "batch"}, "2026-10-14", input_mtok=1.25, output_mtok=5),
        ],
    ),
    model("gpt-4o-mini", {"input_mtok": 0.15, "cache_read_mtok": 0.075, "output_mtok": 0.6}),
    model(
        "gpt-5",
        {"input_mtok": 1.25, "cache_read_mtok": 0.125, "output_mtok": 10},
        price_variants=[
            variant(
                {"service_tier": "flex"},
                input_mtok=0.625,
                cache_read_mtok=0.0625,
                output_mtok=5,
            )
        ],
    ),
    model(
        "gpt-5.4",
        {
            "input_mtok": stepped(2.5, (272_000, 5)),
            "cache_read_mtok": stepped(0.25, (272_000, 0.5)),
            "output_mtok": stepped(15, (272_000, 22.5)),
        },
    ),
    model(
        "o3",
        [
            {"prices": {"input_mtok": 10, "output_mtok": 40}},
            {
                "constraint": {"start_date": "2025-06-10"},
                "prices": {"input_mtok": 2, "cache_read_mtok": 0.5, "output_mtok": 8},
            },
        ],
        price_variants=[variant({"processing": "batch"}, input_mtok=1, output_mtok=4)],
    ),
    model(
        "gpt-audio",
        {
            "input_mtok": 2.5,
            "output_mtok": 10,
            "input_audio_mtok": 32,
            "output_audio_mtok": 64,
            "input_image_mtok": 5,
            "cache_write_mtok": 3.125,
            "requests_kcount": 2,
        },
    ),
    model("whisper-1", {"audio_hours": 0.36}),
]
AZURE: list[dict[str, Any]] = [
    model("o3", {"input_mtok": 2, "cache_read_mtok": 0.5, "output_mtok": 8}),
]


def provider(name: str, models: list[dict[str, Any]], *elsewhere: str) -> dict[str, Any]:
    said = {"id": name, "name": name, "api_pattern": f"https://{name}", "models": models}
    return said | ({"fallback_model_providers": list(elsewhere)} if elsewhere else {})


DATA = [provider("openai", OPENAI), provider("azure", AZURE, "openai")]


def written(folder: Path, data: Any = DATA) -> Path:
    path = folder / "data.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def source(folder: Path, data: Any = DATA) -> PriceSource:
    return out_of_file(written(folder, data), NOW)


def settings(**said: Any) -> PricesSettings:
    found = read_settings(CostMeter, {"prices": said})
    assert isinstance(found, CostMeterSettings)
    return found.prices


def book(folder: Path, heard: Heard | None = None, data: Any = DATA, **said: Any) -> PriceBook:
    return PriceBook(settings(**said), PriceList(source(folder, data)), lambda: NOW, heard)


@cache
def installed_list() -> PriceList:
    """The list that comes with the library, read once."""
    return PriceList(installed(NOW))
