"""The page about the costs API names all that there is."""

import re
from pathlib import Path

from plugins.cost_meter.serving.openapi import document

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
