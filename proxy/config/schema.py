"""Validates the tree of a file against the models of the configuration."""

from collections.abc import Iterable

from proxy.config.models import Config
from proxy.config.tree import Tree
from proxy.settings.problems import Finding, Loc, Problem
from proxy.settings.reading import Reader


def validate(tree: Tree) -> tuple[Config | None, list[Finding]]:
    """The configuration, or what the models have against it."""
    config, findings = _reader(tree).validate(tree.data)
    return config, [finding for finding in findings if not _known(tree, finding.loc)]


def problems(tree: Tree, findings: Iterable[Finding], file: str) -> list[Problem]:
    """All findings with their places."""
    reader = _reader(tree, file)
    return [reader.problem(finding) for finding in findings]


def _reader(tree: Tree, file: str = "") -> Reader[Config]:
    """Every scalar of our own sections says how it is read: nothing has to be strict."""
    return Reader(Config, tree.places(file), strict=False)


def _known(tree: Tree, loc: Loc) -> bool:
    """Whether something at this place, or at what encloses it, could not be read at all."""
    walked, _ = tree.places().locate(loc)
    return any(walked[:length] in tree.unread for length in range(len(walked) + 1))
