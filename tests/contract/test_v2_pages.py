"""The pages about the v2 API: their configurations would serve, and they name what there is."""

import re
from pathlib import Path

import pytest

from plugins.campaigns.openapi import document
from plugins.campaigns.settings import CampaignsSettings
from proxy.controlplane.generations import rehearse
from tests.contract.test_docs import CONFIGURATIONS, Block

DOCS = Path(__file__).resolve().parents[2] / "docs"
API = (DOCS / "reference" / "v2-api.md").read_text(encoding="utf-8")
PLUGIN = (DOCS / "reference" / "plugins" / "campaigns.md").read_text(encoding="utf-8")
PAGES = ("docs/howto/serve-the-v2-api.md", "docs/reference/plugins/campaigns.md")
SHOWN = [block for block in CONFIGURATIONS if block.where.startswith(PAGES)]
DOCUMENT = document()


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.where)
def test_each_configuration_would_serve(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(block.text, encoding="utf-8")
    variables = re.findall(r"\$\{(\w+)\}", block.text)
    material = rehearse(path, {name: f"{name}-of-at-least-32-characters" for name in variables})
    assert {"campaigns", "orchestrator"} <= set(material.sources)


def test_both_pages_show_one() -> None:
    assert [block.where.rpartition(":")[0] for block in SHOWN] == list(PAGES)


def test_the_page_names_every_path_parameter_and_key() -> None:
    operations = [one for path in DOCUMENT["paths"].values() for one in path.values()]
    parameters = {one["name"] for each in operations for one in each.get("parameters", ())}
    names = parameters | {
        name
        for schema in DOCUMENT["components"]["schemas"].values()
        for name in schema.get("properties", {})
    }
    # Parts of documents that the page does not take apart.
    names -= {"title", "day", "group", "score", "reasons", "code", "retryable", "retryAfter"}
    names -= {"start", "end", "why", "state", "deployment", "throttled", "campaigns"}
    assert {name for name in names if not re.search(rf"\b{name}\b", API)} == set()
    assert {path for path in DOCUMENT["paths"] if path not in API} == set()


def test_the_plugins_page_names_every_setting() -> None:
    assert {f"`{name}`" for name in CampaignsSettings.model_fields} <= set(
        re.findall(r"`\w+`", PLUGIN)
    )
