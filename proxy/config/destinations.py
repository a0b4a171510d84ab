"""Rules about where routes and arms lead: exactly one place each."""

from collections.abc import Iterator

from proxy.config.tree import Tree
from proxy.settings.problems import Finding, Loc

_OF_ROUTE = "exactly one of upstream, plugin, or rollout and arms"
_OF_ARM = "exactly one of upstream and plugin"
_ARMS_HINT = "add arms: {legacy: {upstream: ...}, new: {upstream: ...}}"


def check_destinations(tree: Tree) -> Iterator[Finding]:
    """Each route and each arm has one destination; a timeout is for plugins alone."""
    for i in range(len(tree.sequence("routes"))):
        loc: Loc = ("routes", i)
        if tree.mapping(*loc):
            yield from _route(loc, _declared(tree, loc))
            yield from _timeout(tree, loc)
        for arm in ("legacy", "new"):
            below: Loc = (*loc, "arms", arm)
            if isinstance(tree.at(*below), dict):
                yield from _arm(below, _declared(tree, below))
                yield from _timeout(tree, below)


def _declared(tree: Tree, loc: Loc) -> set[str]:
    return {key for key, value in tree.mapping(*loc).items() if value is not None}


def _route(loc: Loc, declared: set[str]) -> Iterator[Finding]:
    chosen = [key for key in ("upstream", "plugin", "rollout", "arms") if key in declared]
    if len(chosen) > 1 and chosen != ["rollout", "arms"]:
        said = f"{chosen[0]} together with {' and '.join(chosen[1:])}"
        yield Finding(loc, _OF_ROUTE, "leave one side out", said)
    elif chosen == ["rollout"]:
        yield Finding(loc, _OF_ROUTE, _ARMS_HINT, "rollout without arms")
    elif chosen == ["arms"]:
        yield Finding(loc, _OF_ROUTE, "add rollout", "arms without rollout")
    elif not chosen:
        yield Finding(loc, _OF_ROUTE, "add upstream", "no destination")


def _arm(loc: Loc, declared: set[str]) -> Iterator[Finding]:
    if {"upstream", "plugin"} <= declared:
        yield Finding(loc, _OF_ARM, "leave one out", "both")
    elif not declared & {"upstream", "plugin"}:
        yield Finding(loc, _OF_ARM, "add upstream", "neither")


def _timeout(tree: Tree, loc: Loc) -> Iterator[Finding]:
    declared = _declared(tree, loc)
    if "timeout" in declared and "plugin" not in declared:
        hint = "leave it out"
        if "upstream" in declared:
            hint = f"{hint}; an upstream's are under upstreams.<name>.timeouts"
        wanted = "a timeout only beside plugin"
        yield Finding((*loc, "timeout"), wanted, hint, "timeout without plugin", at_key=True)
