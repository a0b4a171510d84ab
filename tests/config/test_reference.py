"""The configuration reference says what the models say."""

from importlib import import_module
from inspect import isclass
from pathlib import Path
from typing import get_type_hints

from proxy.api import Application, Settings, Use
from proxy.config import reference
from proxy.config.examples import EXAMPLES
from proxy.config.models import Config
from proxy.settings.shape import fields_of
from tests.config.writing import load_text

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "configuration.md"
TOKENS = {"CROSSFADE_ADMIN_TOKEN": "a" * 16, "CROSSFADE_VIEWER_TOKEN": "b" * 16, "JWT_SECRET": "s"}


def model_of(plugin: str, kind: type[Use] | type[Application]) -> type[Settings]:
    """The settings that a shipped plugin's class asks for."""
    module = import_module(f"plugins.{plugin}")
    classes = [each for each in vars(module).values() if isclass(each) and issubclass(each, kind)]
    (own,) = [each for each in classes if each not in (Use, Application)]
    model: type[Settings] = get_type_hints(own)["settings"]
    return model


def test_the_page_in_the_docs_is_fresh() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference.reference()


def test_the_examples_together_are_a_valid_file(tmp_path: Path) -> None:
    config = load_text(tmp_path, "".join(EXAMPLES.values()), TOKENS)

    assert config.model_fields_set >= set(EXAMPLES)


def test_the_settings_of_the_examples_are_what_the_plugins_ask(tmp_path: Path) -> None:
    config = load_text(tmp_path, "".join(EXAMPLES.values()), TOKENS)
    uses = [use for route in config.routes for use in (*route.plugins, route.plugin) if use]
    read = [config.read_settings(model_of(use.plugin, Use), use.loc, use.settings) for use in uses]
    for name, raw in config.plugins.applications.items():
        read.append(config.read_settings(model_of(name, Application), ("plugins", name), raw))

    assert len(read) == 4


def test_every_key_of_every_section_is_explained() -> None:
    unexplained = [
        name
        for name, info, shape in fields_of(Config)
        if not info.description or not (shape.reads or shape.section or shape.item)
    ]
    page, paths = reference.reference(), list(reference.keys())

    assert not unexplained
    assert all(f"| `{key.rpartition('.')[2]}` |" in page for key in paths)
    assert "None" not in page


def test_keys_are_listed_with_their_whole_path() -> None:
    listed = set(reference.keys())

    assert {"listen", "upstreams.<name>.timeouts.connect", "routes[].arms.new.upstream"} <= listed
