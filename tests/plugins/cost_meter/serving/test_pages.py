"""The page about the costs API names all that there is."""

import re
from pathlib import Path

import pytest

from plugins.cost_meter.serving.dearest import MOST
from plugins.cost_meter.serving.endpoints import AT_ONCE
from plugins.cost_meter.serving.keeping import MOST_OF_USER
from plugins.cost_meter.serving.openapi import document
from plugins.cost_meter.serving.raising import KEPT
from plugins.cost_meter.serving.watching import EVERY, LATE

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "costs-api.md"
DOCUMENT = document()


def test_the_page_names_every_path_parameter_and_key() -> None:
    text = PAGE.read_text(encoding="utf-8")
    operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    names = {one["name"] for each in operations for one in each.get("parameters", ())} | {
        name
        for schema in DOCUMENT["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    assert {name for name in names if not re.search(rf"\b{name}\b", text)} == set()
    assert {path for path in DOCUMENT["paths"] if path not in text} == set()


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ("of the 10,000 last ones", MOST == 10_000),
        ("an alert that the caller has raised within a day", KEPT == 86_400),
        ("Users have at most ten", MOST_OF_USER == 10),
        ("eight requests of the caller", AT_ONCE == 8),
        ("A period is looked at for ten minutes more", LATE == 600),
        ("Each minute they are compared", EVERY == 60),
    ],
)
def test_the_page_promises_what_is_kept(promise: str, is_kept: bool) -> None:
    said = " ".join(PAGE.read_text(encoding="utf-8").split())
    assert is_kept
    assert promise in said
