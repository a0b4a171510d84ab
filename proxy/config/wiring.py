"""Rules about names and references: routes, arms, upstreams."""

from collections.abc import Iterator

from proxy.config.models import implied_default
from proxy.config.tree import Tree
from proxy.config.upstream import Outlier
from proxy.settings import values
from proxy.settings.naming import undeclared
from proxy.settings.problems import Finding, Loc, listed, shown
from proxy.settings.values import EndpointUrl, UnfitError


def check_names(tree: Tree) -> Iterator[Finding]:
    """Whatever names an upstream or a rollout names one that exists."""
    upstreams, rollouts = tree.mapping("upstreams"), tree.mapping("rollouts")
    yield from _unknown(tree, ("default_upstream",), "upstream", upstreams)
    for i in range(len(tree.sequence("routes"))):
        route: Loc = ("routes", i)
        yield from _unknown(tree, (*route, "upstream"), "upstream", upstreams)
        yield from _unknown(tree, (*route, "rollout"), "rollout", rollouts)
        for arm in ("legacy", "new"):
            yield from _unknown(tree, (*route, "arms", arm, "upstream"), "upstream", upstreams)


def check_default_upstream(tree: Tree) -> Iterator[Finding]:
    """What no route matches must have somewhere to go."""
    upstreams = tree.mapping("upstreams")
    if "default_upstream" in tree.mapping() or not upstreams or implied_default(upstreams):
        return
    hint = "several upstreams and none is called legacy: say which answers what no route matches"
    yield Finding(("default_upstream",), f"one of {listed(upstreams)}", hint, "nothing")


def check_routes(tree: Tree) -> Iterator[Finding]:
    """Names are unique, and no header is asked for twice."""
    seen: dict[str, int] = {}
    for i in range(len(tree.sequence("routes"))):
        name = tree.string("routes", i, "name")
        if name and seen.setdefault(name, i) != i:
            said = f"{shown(name)}, the name of routes[{seen[name]}] too"
            yield Finding(("routes", i, "name"), "a name of its own", said=said)
        yield from _repeated_headers(tree, ("routes", i, "match", "headers"))


def check_upstreams(tree: Tree) -> Iterator[Finding]:
    """Each has one kind of address, one scheme, and settings that suit it."""
    for name in tree.mapping("upstreams"):
        loc: Loc = ("upstreams", name)
        declared = {key for key, value in tree.mapping(*loc).items() if value is not None}
        if not isinstance(tree.at(*loc), dict):
            continue
        if {"url", "endpoints"} <= declared:
            yield Finding(loc, "exactly one of url and endpoints", "leave one out", "both")
        elif not declared & {"url", "endpoints"}:
            yield Finding(loc, "exactly one of url and endpoints", "add url", "neither")
        yield from _endpoints(tree, loc, tls="tls" in declared)
        yield from _ejection(tree, (*loc, "outlier"))


def _unknown(tree: Tree, loc: Loc, kind: str, known: dict[str, object]) -> Iterator[Finding]:
    name = tree.string(*loc)
    if name and name not in known:
        yield undeclared(loc, kind, name, known)


def _repeated_headers(tree: Tree, loc: Loc) -> Iterator[Finding]:
    seen: dict[str, str] = {}
    for name in tree.mapping(*loc):
        first = seen.setdefault(name.lower(), name)
        if first != name:
            said = f"{shown(name)}, which is the same header as {shown(first)}"
            yield Finding((*loc, name), "each header once", said=said, at_key=True)


def _endpoints(tree: Tree, loc: Loc, *, tls: bool) -> Iterator[Finding]:
    count = len(tree.sequence(*loc, "endpoints"))
    places: list[Loc] = [(*loc, "endpoints", i) for i in range(count)] or [(*loc, "url")]
    found: list[EndpointUrl] = []
    for place in places:
        url = _url(tree.string(*place))
        if url is None:
            continue
        if found and url.scheme != found[0].scheme:
            yield Finding(place, f"{found[0].scheme}, as the first endpoint has it")
        elif url in found:
            yield Finding(place, "each endpoint once")
        found.append(url)
    if tls and found and all(url.scheme == "http" for url in found):
        yield Finding(
            (*loc, "tls"), "no tls for an http upstream", "write https:// or leave tls out"
        )


def _ejection(tree: Tree, loc: Loc) -> Iterator[Finding]:
    base = _seconds(tree, (*loc, "base"), Outlier().base)
    longest = _seconds(tree, (*loc, "max"), Outlier().max)
    if base > longest:
        key = "max" if tree.at(*loc, "max") is not None else "base"
        wanted = "a max that is not below base" if key == "max" else "a base that is not above max"
        yield Finding((*loc, key), wanted)


def _url(text: str | None) -> EndpointUrl | None:
    try:
        return values.url(text) if text else None
    except UnfitError:
        return None


def _seconds(tree: Tree, loc: Loc, default: float) -> float:
    text = tree.string(*loc)
    try:
        return values.duration(text) if text else default
    except UnfitError:
        return default
