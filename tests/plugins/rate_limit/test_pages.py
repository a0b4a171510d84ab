"""The pages about limits say what the code says, and what they show goes as they show it."""

import json
import re
from inspect import signature
from pathlib import Path

import pytest
from pydantic import BaseModel

from plugins.rate_limit import views
from plugins.rate_limit.facts import BODY_FACTS
from plugins.rate_limit.misfits import RESERVED, RULE_SETS
from plugins.rate_limit.settings import RateLimitSettings, UseSettings
from plugins.rate_limit.violations import Violations
from proxy.api.testing import real_proxy
from proxy.controlplane.generations import rehearse
from scripts.plugin_settings import tables
from tests.contract.howto import Command, File, steps
from tests.contract.test_howto_plugins import Reader, files_until, on_free_ports
from tests.kit.running import faults, free_port
from tests.plugins.rate_limit.limited import limited, of, statuses

ROOT = Path(__file__).resolve().parents[3]
DOCS = ROOT / "docs"
REFERENCE = (DOCS / "reference" / "plugins" / "rate_limit.md").read_text("utf-8")
HOWTO = (DOCS / "howto" / "limit-rates.md").read_text("utf-8")
TOPIC = (DOCS / "topics" / "rate-limits.md").read_text("utf-8")
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CONFIGURATIONS = {
    f"{name} {number}": text
    for name, page in (("reference", REFERENCE), ("howto", HOWTO))
    for number, text in enumerate(YAML.findall(page))
}


def between(begin: str, end: str) -> str:
    return REFERENCE.partition(begin)[2].partition(end)[0]


@pytest.mark.parametrize(("mark", "model"), [("settings", RateLimitSettings), ("use", UseSettings)])
def test_the_tables_of_settings_are_those_of_the_models(
    mark: str, model: type[RateLimitSettings] | type[UseSettings]
) -> None:
    assert issubclass(model, BaseModel)
    shown = between(f"<!-- {mark} -->\n", f"<!-- end of {mark} -->")
    assert shown == f"\n{tables(model)}\n"


async def test_each_metric_is_listed_with_its_labels_and_no_other() -> None:
    async with limited() as plugin:
        made = {
            f"| `{name}{'_total' if metric.kind == 'counter' else ''}` | "
            f"{', '.join(f'`{label}`' for label in metric.labels)} | {metric.says} |"
            for name, metric in plugin.services._metrics.items()
        }
    table = between("| metric `crossfade_rate_limit_…` |", "\n\n")
    assert sorted(table.splitlines()[2:]) == sorted(made)


def test_each_line_of_the_log_is_explained() -> None:
    package = ROOT / "plugins" / "rate_limit"
    code = "\n".join(path.read_text("utf-8") for path in package.rglob("*.py"))
    logged = re.findall(r'log\.(?:error|warning|info|exception)\(\s*"(\w+)"', code)
    table = between("| line of the log |", "\n\n")
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(logged)


@pytest.mark.parametrize("where", CONFIGURATIONS)
def test_each_configuration_would_serve(where: str, tmp_path: Path) -> None:
    text = CONFIGURATIONS[where]
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    variables = re.findall(r"\$\{(\w+)\}", text)
    material = rehearse(path, {name: f"{name}-of-at-least-32-characters" for name in variables})
    assert "rate_limit" in material.sources


async def test_the_howto_goes_as_it_says() -> None:
    page = list(steps(HOWTO))
    first = next(step for step in page if isinstance(step, Command))
    second = next(step for step in page[page.index(first) :] if isinstance(step, File))
    port = free_port()
    config = on_free_ports(files_until(page, first)["config.yaml"], port)
    async with real_proxy(config) as proxy:
        reader = Reader(proxy, port)
        followed = page[page.index(first) : page.index(second)]
        for step in followed:
            await reader.do(step)
        assert faults(proxy.log) == []
    assert len(followed) >= 7


async def test_the_refusal_that_is_shown_is_the_one_that_is_sent() -> None:
    shown = next(
        said
        for said in map(json.loads, re.findall(r"^```json\n(.*?)^```$", REFERENCE, re.M | re.S))
        if said.get("status") == 429
    )
    windows = [{"limit": 10, "per": "1m"}, {"limit": 100, "per": "1h"}]
    async with limited(rules={"person": {"scope": ["user"], "windows": windows}}) as plugin:
        await statuses(plugin, *[of()] * 10)
        await plugin.clock.jump(37.5)
        assert (await plugin.through(of())).reply.json() == shown


def test_each_fact_and_path_is_named() -> None:
    named = set(re.findall(r"`([^`\n]+)`", REFERENCE))
    assert {*RESERVED, *BODY_FACTS} <= named
    for path in (views.ME, views.USERS, views.GLOBAL):
        assert f"`GET {path}" in REFERENCE
    assert {path.stem for path in RULE_SETS.glob("*.yaml")} == {"onlyfans"}


def flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize(
    ("promise", "is_kept"),
    [
        ("for the latest 10,000 pairs", signature(Violations).parameters["most"].default == 10_000),
        ("three in 18 seconds", "limit: 3, per: 18s" in (RULE_SETS / "onlyfans.yaml").read_text()),
    ],
)
def test_what_the_topic_promises_is_what_the_code_does(promise: str, is_kept: bool) -> None:
    assert promise in flat(TOPIC)
    assert is_kept
