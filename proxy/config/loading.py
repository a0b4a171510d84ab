"""The road from a file to a configuration: read, parse, validate, cross-check."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from proxy.config import files, schema, semantics
from proxy.config.listen import Admin
from proxy.config.models import Config
from proxy.config.source import MAX_BYTES, read_tree
from proxy.config.tree import Tree
from proxy.settings.problems import ConfigError, Problem
from proxy.settings.reading import Reader


def load(path: Path, env: Mapping[str, str]) -> Config:
    """Read the configuration file, with variables taken from `env`.

    Raises ConfigError with every problem that can be seen in one run.
    Relative paths inside are taken from the file's folder.
    """
    return parse(_content(path), path, env)


def parse(content: bytes, path: Path, env: Mapping[str, str]) -> Config:
    """Read what the configuration file at `path` holds, or is to hold; see `load`."""
    tree = read_tree(content, env)
    files.anchor(tree, path.parent)
    findings = list(tree.findings)
    config = None
    if () not in tree.unread:
        config, more = schema.validate(tree)
        findings += more
        findings += semantics.check(tree)
    if config is None or findings:
        raise ConfigError(schema.problems(tree, findings, str(path)))
    config.stamp(_digest(content, tree), tree.places(str(path)))
    return config


def load_admin(path: Path, env: Mapping[str, str]) -> Admin | None:
    """Read the `admin` section alone; None if there is none.

    Whoever asks a running proxy asks most when the rest of the file is wrong. Raises
    ConfigError if the file or that section cannot be read.
    """
    tree = read_tree(_content(path), env)
    if () in tree.unread or ("admin",) in tree.unread:
        raise ConfigError(schema.problems(tree, tree.findings, str(path)))
    section = tree.at("admin")
    if section is None:
        return None
    return Reader(Admin, tree.places(str(path)), ("admin",), strict=False).read(section)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        said = f"a file that cannot be read ({error.strerror or type(error).__name__})"
        wanted, hint = "a configuration file", "name it with --config"
        raise ConfigError([Problem(str(path), 1, 1, "", said, wanted, hint)]) from None


def _digest(content: bytes, tree: Tree) -> str:
    """Covers the text, the variables that were looked up, and the files that it names."""
    digest = hashlib.sha256(content)
    digest.update(json.dumps(sorted(tree.used.items())).encode())
    for file in sorted(files.named(tree)):
        digest.update(files.fingerprint(file))
    return digest.hexdigest()
