"""Which route a request takes: the first in file order whose conditions all hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from proxy.core.decide import Decision, Rollout
from proxy.core.path_pattern import PathPattern, decode_unreserved
from proxy.core.reason import Arm

Fields = Mapping[bytes, bytes]
"""Header name in lower case -> value; several lines of one name joined with ``, ``."""


class Host(NamedTuple):
    """A compiled host condition; made by `compile_host`."""

    text: str
    holds: Callable[[bytes], bool]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a route asks of a request. None and empty ask nothing."""

    path: PathPattern
    methods: frozenset[bytes] | None = None
    """Case counts (RFC 9110 section 9.1)."""
    host: Host | None = None
    headers: tuple[tuple[bytes, bytes | None], ...] = ()
    """Pairs of lower-case name and exact value; the value None asks for presence alone."""


class Goal(NamedTuple):
    """Where a route or an arm leads: to an upstream, or to a plugin that has `dispatch`."""

    upstream: str = ""
    plugin: str = ""
    timeout: float = 0.0
    """How long the plugin may take, in seconds."""

    def __str__(self) -> str:
        """Say it in words."""
        return f"plugin {self.plugin}" if self.plugin else self.upstream


@dataclass(frozen=True, slots=True)
class Route:
    """A compiled route."""

    index: int
    """Its place in the table, from 0; the generation binds pools by it."""
    name: str
    conditions: Conditions
    rollout: Rollout | None
    destinations: Mapping[Arm | None, Goal]
    """By arm; the key None where the route has no rollout."""
    fixed: Decision | None
    """The decision of a route without a rollout; None where the rollout has to be asked."""


_Rest = Callable[[bytes, Fields], bool]
_Candidate = tuple[frozenset[bytes] | None, _Rest | None, Route]
_Open = tuple[
    bytes, Callable[[bytes], object | None] | None, frozenset[bytes] | None, _Rest | None, Route
]


@dataclass(frozen=True, slots=True)
class RouteTable:
    """All routes, and two indexes over them; made by `compile_table`."""

    routes: tuple[Route, ...]
    """In file order; the last one takes what no other took."""
    literal: Mapping[bytes, tuple[_Candidate, ...]]
    """For each path that a route spells out: all routes that this path could take, in order."""
    open: tuple[_Open, ...]
    """For all other paths: the routes with a prefix or a regular expression, in order."""
    unmatched: Route


class Passed(NamedTuple):
    """A route that was looked at: why it was passed over, or None if it was taken."""

    route: Route
    mismatch: str | None


def match(table: RouteTable, method: bytes, host: bytes, path: bytes, fields: Fields) -> Route:
    """Return the first route whose conditions hold, at the latest the unmatched one.

    ``host`` is the value of the Host header (or the authority of an absolute
    target), ``path`` the target's path as it came, without the query.
    """
    if b"%" in path:
        path = decode_unreserved(path)
    candidates = table.literal.get(path)
    if candidates is not None:
        for methods, rest, route in candidates:
            if methods is not None and method not in methods:
                continue
            if rest is None or rest(host, fields):
                return route
        return table.unmatched
    for prefix, fullmatch, methods, rest, route in table.open:
        if not path.startswith(prefix) or (methods is not None and method not in methods):
            continue
        if fullmatch is not None and fullmatch(path) is None:
            continue
        if rest is None or rest(host, fields):
            return route
    return table.unmatched


def looked_at(
    table: RouteTable, method: bytes, host: bytes, path: bytes, fields: Fields
) -> tuple[Passed, ...]:
    """Return every route up to the one that `match` returns, with why it was passed over."""
    path = decode_unreserved(path)
    looked: list[Passed] = []
    for route in table.routes:
        mismatch = _mismatch(route.conditions, method, host, path, fields)
        looked.append(Passed(route, mismatch))
        if mismatch is None:
            break
    return tuple(looked)


def compile_table(routes: Sequence[Route]) -> RouteTable:
    """Return the table for routes in file order, the last of which takes everything.

    Raises ValueError if the last one asks anything of a request or an index is
    not its route's place.
    """
    if not routes or not _unconditional(routes[-1]) or not _takes_all(routes[-1]):
        raise ValueError("the last route must take every request")
    if [route.index for route in routes] != list(range(len(routes))):
        raise ValueError("a route's index is its place in the table")
    by_path: dict[bytes, list[Route]] = {}
    open_routes = [route for route in routes[:-1] if route.conditions.path.prefix is not None]
    for route in routes[:-1]:
        path = route.conditions.path
        if path.literal is not None:
            found = by_path.setdefault(path.literal, [])
            if path.prefix is None:
                found.append(route)
    for path_text, found in by_path.items():
        found.extend(r for r in open_routes if r.conditions.path.matches(path_text))
        found.sort(key=lambda route: route.index)
    return RouteTable(
        tuple(routes),
        {path: _candidates(found) for path, found in by_path.items()},
        _open(open_routes),
        routes[-1],
    )


def compile_host(text: str) -> Host:
    """Return the test for ``api.example.com``, ``*.example.com`` or either with ``:port``.

    Case does not count (RFC 3986 section 3.2.2), nor a dot at the end. Without
    a port any port will do; with one, the request must name it. ``*.`` stands
    for one or more labels. Raises ValueError for a ``*`` anywhere else.
    """
    name, port = _split_host(text.encode().lower())
    wildcard = name.startswith(b"*.")
    wanted = name[1:] if wildcard else name
    if b"*" in wanted or not wanted.strip(b"."):
        raise ValueError(f"{text}: a host is a name, or *. and a name")

    def holds(host: bytes) -> bool:
        given, given_port = _split_host(host.lower())
        if port is not None and given_port != port:
            return False
        if wildcard:
            return given.endswith(wanted) and len(given) > len(wanted)
        return given == wanted

    return Host(text, holds)


def _split_host(host: bytes) -> tuple[bytes, bytes | None]:
    name, colon, port = host.rpartition(b":")
    if not colon or b"]" in port:
        name, port = host, b""
    return name.removesuffix(b"."), port or None


def _mismatch(
    conditions: Conditions, method: bytes, host: bytes, path: bytes, fields: Fields
) -> str | None:
    if not conditions.path.matches(path):
        return f"the path is not {conditions.path.text}"
    if conditions.methods is not None and method not in conditions.methods:
        return f"the method is not {b' or '.join(sorted(conditions.methods)).decode()}"
    if conditions.host is not None and not conditions.host.holds(host):
        return f"the host is not {conditions.host.text}"
    for name, wanted in conditions.headers:
        if not _header_holds(fields, name, wanted):
            value = "present" if wanted is None else repr(wanted.decode(errors="replace"))
            return f"the header {name.decode()} is not {value}"
    return None


def _header_holds(fields: Fields, name: bytes, wanted: bytes | None) -> bool:
    value = fields.get(name)
    return value is not None and (wanted is None or value == wanted)


def _rest(conditions: Conditions) -> _Rest | None:
    """Return the test of host and headers in one, or None where neither is asked."""
    host, headers = conditions.host, conditions.headers
    if host is None and not headers:
        return None

    def rest(given: bytes, fields: Fields) -> bool:
        if host is not None and not host.holds(given):
            return False
        return all(_header_holds(fields, name, wanted) for name, wanted in headers)

    return rest


def _unconditional(route: Route) -> bool:
    return route.conditions.methods is None and _rest(route.conditions) is None


def _takes_all(route: Route) -> bool:
    return route.conditions.path.matches_everything


def _candidates(routes: Iterable[Route]) -> tuple[_Candidate, ...]:
    """Return what to test for one known path, up to the first route that asks nothing more."""
    found: list[_Candidate] = []
    for route in routes:
        found.append((route.conditions.methods, _rest(route.conditions), route))
        if _unconditional(route):
            break
    return tuple(found)


def _open(routes: Iterable[Route]) -> tuple[_Open, ...]:
    found: list[_Open] = []
    for route in routes:
        path, methods = route.conditions.path, route.conditions.methods
        found.append((path.prefix or b"", path.fullmatch, methods, _rest(route.conditions), route))
        if _unconditional(route) and _takes_all(route):
            break
    return tuple(found)
