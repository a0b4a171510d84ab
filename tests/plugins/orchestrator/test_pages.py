"""The pages about the orchestrator say what the code says."""

import json
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from plugins.orchestrator.deciding.rules import DEFAULT_RULES
from plugins.orchestrator.settings import OrchestratorSettings
from plugins.orchestrator.wording.output import document_of, keys_of
from plugins.orchestrator.wording.platforms import PLATFORMS
from plugins.orchestrator.wording.prompting import LARGEST_PROMPT, Prompts, _values
from plugins.orchestrator.wording.templates import LARGEST, MOST_FILES
from proxy.api import WorkflowError, WorkflowIntent, WorkflowResult, WorkflowScore
from proxy.api.workflows import OnlyFansContext
from proxy.cli.main import app
from proxy.config import load
from scripts.plugin_settings import stale
from tests.kit.running import free_port
from tests.plugins.orchestrator.intents import TYPES, intent
from tests.plugins.orchestrator.orchestrating import orchestrating
from tests.plugins.orchestrator.wording.test_templates import write

DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (DOCS / "reference" / "plugins" / "orchestrator.md").read_text("utf-8")
WORKFLOW = (DOCS / "reference" / "workflow.md").read_text("utf-8")
PROMPTS = (DOCS / "howto" / "edit-prompts.md").read_text("utf-8")
TOPIC = (DOCS / "topics" / "orchestrator.md").read_text("utf-8")
BOTH = (DOCS / "howto" / "use-azure-and-openai.md").read_text("utf-8")
ALL = {
    "reference": REFERENCE,
    "workflow": WORKFLOW,
    "prompts": PROMPTS,
    "topic": TOPIC,
    "azure and openai": BOTH,
}
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIGURATIONS = {
    f"{name} {number}": text
    for name, page in ALL.items()
    for number, text in enumerate(YAML.findall(page))
}


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def test_each_line_of_the_log_is_explained() -> None:
    package = DOCS.parent / "plugins" / "orchestrator"
    code = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    logged = re.findall(r'log\.(?:error|warning|exception)\(\s*"(\w+)"', code)
    table = REFERENCE.partition("| line of the log |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(logged)


def test_the_tables_of_settings_are_those_of_the_model() -> None:
    assert stale() == [], "run: python -m scripts.plugin_settings"


@pytest.mark.parametrize("where", CONFIGURATIONS)
def test_each_configuration_is_one_that_the_orchestrator_takes(where: str, tmp_path: Path) -> None:
    text = CONFIGURATIONS[where]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    names = re.findall(r"\$\{(\w+)\}", text)
    config = load(path, {name: f"{name}-of-at-least-32-characters" for name in names})
    said = config.plugins.applications["orchestrator"]
    read = config.read_settings(OrchestratorSettings, ("plugins", "orchestrator"), said)
    assert read.deployments


def test_the_configuration_with_both_passes_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = YAML.findall(BOTH)
    assert set(re.findall(r"kind: (\w+)", text)) == {"azure", "openai"}
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    for name in re.findall(r"\$\{(\w+)\}", text):
        monkeypatch.setenv(name, f"{name}-of-at-least-32-characters")
    result = CliRunner().invoke(app, ["check", "--config", str(path)])
    assert result.exit_code == 0, result.output


async def test_each_metric_is_listed_with_its_labels_and_no_other() -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    async with orchestrating(hints=nowhere) as on:
        metrics = on.plugin.services._metrics.items()
        made = {
            f"| `{name}{'_total' if metric.kind == 'counter' else ''}` | "
            f"{', '.join(f'`{label}`' for label in metric.labels)} | {metric.says} |"
            for name, metric in metrics
        }
    table = REFERENCE.split("| metric `crossfade_orchestrator_…` |", 1)[1].split("\n\n", 1)[0]
    assert sorted(table.splitlines()[2:]) == sorted(made)


def rows_of(page: str, title: str) -> dict[str, tuple[str, str]]:
    """The rows of the first table below a title: by key, the default and the meaning."""
    below = page.split(f" {title}\n", 1)[1]
    table = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", below.split("\n#", 1)[0], re.MULTILINE)
    return {key: (default, meaning) for key, default, meaning in table}


def default_of(model: type[BaseModel], name: str) -> str:
    info = model.model_fields[name]
    if info.is_required():
        return "**required**"
    value = info.get_default(call_default_factory=True, validated_data={})
    return "none" if value is None else f"`{json.dumps(value)}`"


MODELS: list[type[BaseModel]] = [
    WorkflowIntent,
    OnlyFansContext,
    WorkflowResult,
    WorkflowScore,
    WorkflowError,
]


@pytest.mark.parametrize("model", MODELS)
def test_each_key_of_a_document_is_listed_with_its_default(model: type[BaseModel]) -> None:
    rows = rows_of(WORKFLOW, model.__name__)
    wanted = {info.alias: default_of(model, name) for name, info in model.model_fields.items()}
    assert {key: default for key, (default, _) in rows.items()} == wanted
    properties = model.model_json_schema()["properties"]
    for key, (_, meaning) in rows.items():
        assert all(f"`{word}`" in meaning for word in _words(properties[key])), key


def _words(schema: dict[str, Any]) -> list[str]:
    below = [one for choice in schema.get("anyOf", ()) for one in _words(choice)]
    return [*schema.get("enum", ()), *below]


def test_the_examples_are_what_they_are_said_to_be() -> None:
    first, second = re.findall(r"^```json\n(.*?)^```$", WORKFLOW, re.MULTILINE | re.DOTALL)
    assert WorkflowIntent.model_validate_json(first).platforms == ("instagram", "tiktok")
    result = WorkflowResult.model_validate_json(second)
    assert document_of(intent(), "", result.full_result)["content"] == result.content
    shown = json.loads(result.model_dump_json(by_alias=True, exclude_none=True))
    assert list(shown) == list(json.loads(second))


def test_each_key_of_each_document_that_a_model_makes_is_listed() -> None:
    for intent_type in TYPES:
        for key, holds in keys_of(intent_type):
            row = rf"\| `{intent_type}` \| \**`{key}`\** \| {re.escape(holds)} \|"
            assert re.search(row, WORKFLOW), key
    assert len(re.findall(r"^\| `\w+_\w+` \| \*\*`", WORKFLOW, re.MULTILINE)) == len(TYPES)


def test_each_name_that_a_template_sees_is_listed() -> None:
    names = set(re.findall(r"^\| `(\w+)` \|", PROMPTS, re.MULTILINE))
    assert names == {"data", *_values(intent())}


def test_the_template_that_is_shown_works(tmp_path: Path) -> None:
    (shown,) = re.findall(r"^```jinja\n(.*?)^```$", PROMPTS, re.MULTILINE | re.DOTALL)
    write(tmp_path, dedent(shown), "message_generation/system.md")
    welcome = intent("message_generation", only_fans_context={"message_type": "welcome"})
    rendered = Prompts(tmp_path).render(welcome)
    assert "bakery" in rendered.messages[0]["content"]
    assert "Begin with a welcome." in rendered.messages[0]["content"]


@pytest.mark.parametrize(
    ("page", "promise", "is_kept"),
    [
        (PROMPTS, "at most 64 KiB and a folder 100", (LARGEST, MOST_FILES) == (64 * 1024, 100)),
        (PROMPTS, "A prompt has at most 256 KiB", LARGEST_PROMPT == 256 * 1024),
        (
            TOPIC,
            "instagram 2200 characters and 30 hashtags, tiktok 150 and 100, onlyfans 1000 char",
            [tuple(PLATFORMS[one]) for one in ("instagram", "tiktok", "onlyfans", "reddit")]
            == [(2200, 30, None), (150, 100, None), (1000, None, None), (None, None, 300)],
        ),
        (
            REFERENCE,
            "plans and campaigns for several platforms go to Azure first and everything else",
            all(
                (rule.providers[0] == "azure")
                == (rule.types == ("content_planning",) or rule.multi_platform is True)
                for rule in DEFAULT_RULES
            ),
        ),
    ],
)
def test_what_a_page_promises_is_what_the_code_does(page: str, promise: str, is_kept: bool) -> None:
    assert promise in flat(page)
    assert is_kept
