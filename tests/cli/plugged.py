"""Configurations with plugins of their own, for commands that load them."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

HEAD = "from proxy.api import *\n"


def write_config(folder: Path, plugins: Mapping[str, str], rest: str) -> Path:
    """Write plugins (name to source) and a configuration that finds them; returns its file."""
    (folder / "plugins").mkdir(exist_ok=True)
    for name, source in plugins.items():
        (folder / "plugins" / f"{name}.py").write_text(HEAD + dedent(source), "utf-8")
    path = folder / "config.yaml"
    path.write_text(
        "listen: 127.0.0.1:0\n"
        'upstreams: {legacy: {url: "http://127.0.0.1:1"}, new: {url: "http://127.0.0.1:1"}}\n'
        + dedent(rest),
        "utf-8",
    )
    return path
