"""The pages about the queue say what the code says."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import typer
from pydantic import BaseModel

from plugins.message_queue.gateway.sending import CODES
from plugins.message_queue.message import LIVE, State
from plugins.message_queue.operating.commands import provide_commands
from plugins.message_queue.operating.operating import COUNTED_MOST
from plugins.message_queue.serving import asking, declining, figures, making, reading, showing
from plugins.message_queue.serving.endpoints import LISTED_MOST
from plugins.message_queue.settings import MessageQueueSettings
from plugins.message_queue.store import AGING, WEIGHTS
from plugins.message_queue.watching import ENDED
from proxy.cli.plugin_commands import PluginCommands
from proxy.controlplane.generations import rehearse
from scripts.plugin_settings import written
from tests.plugins.message_queue.queueing import queueing

DOCS = Path(__file__).resolve().parents[3] / "docs"
PACKAGE = DOCS.parent / "plugins" / "message_queue"
REFERENCE = (DOCS / "reference" / "plugins" / "message_queue.md").read_text("utf-8")
API = (DOCS / "reference" / "messages-api.md").read_text("utf-8")
SEND = (DOCS / "howto" / "send-messages.md").read_text("utf-8")
OPERATE = (DOCS / "howto" / "operate-the-queue.md").read_text("utf-8")
TOPIC = (DOCS / "topics" / "message-queue.md").read_text("utf-8")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIGURATIONS = [*YAML.findall(REFERENCE), *YAML.findall(SEND)]


def names_in(page: str) -> set[str]:
    """The words of a page that stand as code, or in its JSON."""
    found = re.findall(r"[`\"]([\w.-]+)[`\"]", page)
    return {part for one in found for part in one.split(".")}


@pytest.mark.parametrize("text", CONFIGURATIONS)
def test_each_configuration_would_serve(text: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    variables = re.findall(r"\$\{(\w+)\}", text)
    material = rehearse(path, {name: f"{name}-of-at-least-32-characters" for name in variables})
    assert {"message_queue", "rate_limit"} <= set(material.sources)


def test_the_tables_of_settings_are_those_of_the_model() -> None:
    assert written(REFERENCE, MessageQueueSettings) == REFERENCE


def test_each_line_of_the_log_is_explained() -> None:
    code = "\n".join(path.read_text("utf-8") for path in PACKAGE.rglob("*.py"))
    logged = re.findall(r'log\.(?:info|error|warning|exception)\(\s*"(\w+)"', code)
    table = REFERENCE.partition("| line of the log |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(logged)


async def test_each_metric_is_listed_with_its_labels_and_no_other() -> None:
    async with queueing() as on:
        made = {
            f"| `{name}{'_total' if metric.kind == 'counter' else ''}` | "
            f"{', '.join(f'`{label}`' for label in metric.labels)} | {metric.says} |"
            for name, metric in on.plugin.services._metrics.items()
        }
    table = REFERENCE.split("| metric `crossfade_message_queue_…` |", 1)[1].split("\n\n", 1)[0]
    assert sorted(table.splitlines()[2:]) == sorted(made)


async def test_each_request_of_operators_is_listed_with_its_role_and_no_other() -> None:
    listed = re.findall(r"^\| (`(?:GET|POST) /.*?) \| (\w+) \|", REFERENCE, re.MULTILINE)
    told = {
        (*one.split(), role) for places, role in listed for one in re.findall(r"`(.*?)`", places)
    }
    async with queueing() as on:
        roles = on.plugin.admin.roles
        assert told == {(method, path, role) for (method, path), role in roles.items()}


def test_each_command_is_listed_with_its_options_and_no_other() -> None:
    told = {
        words.split()[0]: (words.split()[1:], set(re.findall(r"`(--[\w-]+)", options)))
        for words, options in re.findall(
            r"^\| `crossfade queue (.*?)` \| (.*?) ?\|$", REFERENCE, re.MULTILINE
        )
    }
    assert told == dict(_commands())


def _commands() -> Any:
    commands = PluginCommands("message_queue", "queue", "")
    provide_commands(commands)
    group: Any = typer.main.get_command(commands.apps["queue"])
    for name, command in group.commands.items():
        own = [one for one in command.params if one.name not in ("config", "admin", "help")]
        takes = [one.name.upper() for one in own if one.param_type_name == "argument"]
        options = {one.opts[0] for one in own if one.param_type_name == "option"}
        yield name, (takes, options)


def test_each_key_that_is_asked_for_or_shown_is_named() -> None:
    models = [
        one
        for module in (asking, showing, figures)
        for one in vars(module).values()
        if isinstance(one, type)
        and issubclass(one, BaseModel)
        and one.__module__ == module.__name__
    ]
    assert len(models) > 10
    keys = {info.alias for model in models for info in model.model_fields.values()} - {"timestamp"}
    assert keys - names_in(API) == set()


def test_each_status_and_each_code_is_named() -> None:
    assert set(showing.STATES_OF) <= names_in(API)
    source = Path(declining.__file__).read_text("utf-8") + Path(making.__file__).read_text("utf-8")
    codes = set(re.findall(r'"([A-Z]{3,}(?:_[A-Z]+)*)"', source)) - {*making.__all__}
    assert len(codes) > 8
    assert codes <= names_in(API)
    gateway = (DOCS / "reference" / "gateway.md").read_text("utf-8")
    assert set(CODES) <= names_in(gateway)


def test_each_state_is_explained_to_operators() -> None:
    table = OPERATE.partition("| state |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == set(get_args(State))
    assert set(ENDED) | LIVE == set(get_args(State))


@pytest.mark.parametrize(
    ("page", "promise", "is_kept"),
    [
        (API, "at most 400 days from now", making.FARTHEST == 400 * 86_400),
        (API, "a clock that is at most 5 seconds ahead", making.SKEW == 5),
        (API, "longer than 256 KiB", reading.LARGEST == 256 * 1024),
        (API, "1 to 100 |", LISTED_MOST == 100),
        (REFERENCE, "at most 10,000 at a time", COUNTED_MOST == 10_000),
        (TOPIC, "Whatever has been due for 30 seconds moves up one class", AGING == 30),
        (
            TOPIC,
            "`critical` has eight, `high` four, `medium` two, `low` one",
            (*WEIGHTS.values(),) == (8, 4, 2, 1),
        ),
    ],
)
def test_what_a_page_promises_is_what_the_code_does(page: str, promise: str, is_kept: bool) -> None:
    assert promise in re.sub(r"\s+", " ", page)
    assert is_kept
