"""Settings that cannot be are told where they stand, with what was said and what was wanted."""

from pathlib import Path
from textwrap import indent

import pytest

from plugins.orchestrator.settings import OrchestratorSettings
from proxy.config import ConfigError
from tests.config.writing import MINIMAL, load_text
from tests.plugins.orchestrator.answers import SAID

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(path.name for path in GOLDEN.glob("*.yaml"))
LINES_BEFORE = MINIMAL.count("\n") + 2


def read(text: str, folder: Path) -> OrchestratorSettings:
    """The settings that stand under `plugins.orchestrator`."""
    config = load_text(folder, f"{MINIMAL}plugins:\n  orchestrator:\n{indent(text, '    ')}")
    said = config.plugins.applications["orchestrator"]
    return config.read_settings(OrchestratorSettings, ("plugins", "orchestrator"), said)


@pytest.mark.parametrize("name", FILES)
def test_wrong_settings_are_told_in_the_words_of_the_golden_text(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read((GOLDEN / name).read_text(encoding="utf-8"), tmp_path)
    told = f"{caught.value}\n".replace(f"{tmp_path}/config.yaml:", "")
    expected = (GOLDEN / name).with_suffix(".txt").read_text(encoding="utf-8")
    assert told == expected
    assert "hunter2" not in told


FULL = """
providers:
  azure-eu: {kind: azure, endpoint: "https://eu.openai.azure.com", key: "0123456789"}
  openai: {kind: openai, key: "0123456789"}
deployments:
  mini-eu:
    provider: azure-eu
    model: gpt-4o-mini
    zone: eu
    price: {input: 0.15, cached_input: 0.075, output: "0.6"}
  mini: {provider: openai, model: gpt-4o-mini, price: {input: 0.15, output: 0.6}}
  large: {provider: openai, model: gpt-4o, weight: 0}
larger_model: {gpt-4o-mini: gpt-4o}
prompts: prompts
workflows: sqlite:var/workflows.db
cache: {store: "rediss://:word@cache.example:6380/1"}
"""


def test_what_is_right_is_read(tmp_path: Path) -> None:
    settings = read(FULL, tmp_path)
    assert settings.prompts == tmp_path / "prompts"
    price = settings.deployments["mini-eu"].price
    assert price is not None
    assert (price.input, price.output, price.rates.input_cached) == ("0.15", "0.6", 75_000_000)
    plain = settings.deployments["mini"].price
    assert plain is not None
    assert plain.rates.input_cached == 150_000_000


def test_prices_are_exact_however_they_are_written() -> None:
    for said, exact in ((0.1, "0.1"), ("0.10", "0.10"), (3, "3"), (1234.567, "1234.567")):
        deployment = {"provider": "openai", "model": "m", "price": {"input": said, "output": 1}}
        read = OrchestratorSettings.model_validate({**SAID, "deployments": {"a": deployment}})
        price = read.deployments["a"].price
        assert price is not None
        assert price.input == exact


@pytest.mark.parametrize(
    "url",
    [
        "memory://",
        "sqlite:workflows.db",
        "sqlite:///var/lib/workflows.db",
        "dynamodb://workflows",
        "dynamodb://workflows?region=eu-west-1",
        "dynamodb://workflows?region=eu-west-1&endpoint=http://127.0.0.1:5000",
    ],
)
def test_workflows_can_be_kept_in_each_store(url: str) -> None:
    assert OrchestratorSettings.model_validate({**SAID, "workflows": url}).workflows == url


@pytest.mark.parametrize(
    "url",
    [
        "memory://x",
        "sqlite:",
        "sqlite:a\0b",
        "sqlite://var/a.db",
        "dynamodb://",
        "dynamodb://a b",
        "dynamodb://[",
        "dynamodb://workflows?zone=eu",
        "redis://127.0.0.1:6379",
        "",
    ],
)
def test_workflows_can_be_kept_nowhere_else(url: str) -> None:
    with pytest.raises(ValueError, match=r"workflows[^$]*memory://, sqlite:path.db or dynamodb"):
        OrchestratorSettings.model_validate({**SAID, "workflows": url})


def test_the_address_of_a_table_has_no_password_in_it_which_would_be_shown() -> None:
    url = "dynamodb://workflows?endpoint=http://user:pass-word@127.0.0.1:5000"
    with pytest.raises(ValueError, match="no key, no query") as raised:
        OrchestratorSettings.model_validate({**SAID, "workflows": url})
    assert "pass-word" not in str(raised.value)
