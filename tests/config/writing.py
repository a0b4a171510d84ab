"""Writes configuration files for tests, and loads them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from proxy.config import Config, ConfigError, Problem, load

MINIMAL = """\
listen: 127.0.0.1:8080
upstreams: {legacy: {url: "http://127.0.0.1:3000"}}
"""


def load_text(folder: Path, text: str | bytes, env: Mapping[str, str] | None = None) -> Config:
    """Load a file with this text, called `config.yaml`."""
    path = folder / "config.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, env or {})


def problems_of(
    folder: Path, text: str | bytes, env: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    """The problems of a file with this text; the test fails if it has none."""
    with pytest.raises(ConfigError) as caught:
        load_text(folder, text, env)
    return caught.value.problems
