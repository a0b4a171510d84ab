"""Lets requests in or refuses them by address, method, path and header; the first rule decides.

Who is to be kept out writes things in another way than the rule does. So a rule that
denies takes a request if *any* reading of it fits, and one that allows takes it only if
*all* of them do; what cannot be known fits every denial and no allowance.
"""

import re
from collections.abc import Callable, Collection
from functools import lru_cache
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, SecretStr

from proxy.api import Reply, Request, Settings, Use, hook, path_readings, problem_reply, setting

Action = Literal["allow", "deny"]


@lru_cache(4096)
def _network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    if getattr(network.network_address, "ipv4_mapped", None):
        raise ValueError("IPv4 within IPv6 is read as IPv4; write the IPv4 network")
    return network


@lru_cache(4096)
def _matcher(pattern: str, action: Action = "deny") -> Callable[[str], object]:
    """Return the test for a text that is another (or below it: ``/**``), or fits a ``~regex``."""
    denies = action == "deny"
    stem = pattern.removesuffix("/**")
    if pattern.startswith("~"):
        text = pattern[1:]
    elif stem != pattern:
        text = f"{re.escape(stem)}(?:/.*)?" if stem else ".*"
    else:
        text = f"{re.escape(stem.rstrip('/'))}/*" if denies else re.escape(stem)
    try:
        return re.compile(text, re.DOTALL | re.IGNORECASE if denies else re.DOTALL).fullmatch
    except re.error as error:
        raise ValueError(f"what follows the ~ is no regular expression: {error}") from None


def _path(pattern: str) -> str:
    _matcher(pattern)
    wild = set("*?#") & set(pattern.removesuffix("/**"))
    plain = pattern.startswith("/") and path_readings(pattern) == frozenset([pattern]) and not wild
    if not plain and not pattern.startswith("~"):
        raise ValueError("a path is /exact, /prefix/** or ~regex, the first two in plain letters")
    return pattern


def _value(pattern: SecretStr) -> SecretStr:
    _matcher(pattern.get_secret_value())
    return pattern


class Rule(Settings):
    """Takes the requests that meet all its conditions, each by one of the entries."""

    action: Action
    networks: tuple[Annotated[str, AfterValidator(lambda said: str(_network(said)))], ...] = ()
    methods: tuple[Annotated[str, setting(pattern="^[A-Z-]+$")], ...] = ()
    paths: tuple[Annotated[str, AfterValidator(_path)], ...] = ()
    headers: dict[str, Annotated[SecretStr, AfterValidator(_value)]] = setting(default={})

    def takes(self, request: Request, clients: Collection[Any], paths: Collection[str]) -> bool:
        """Tell whether the request is this rule's; `clients` and `paths` are its readings."""
        asked: list[tuple[list[Callable[[Any], object]], Collection[Any]]] = [
            ([_network(block).__contains__ for block in self.networks], clients),
            ([method.__eq__ for method in self.methods], {request.method, request.method.upper()}),
            ([_matcher(path, self.action) for path in self.paths], paths),
        ]
        for name, said in self.headers.items():
            asked.append(([_matcher(said.get_secret_value(), self.action)], _values(request, name)))
        return all(not tests or self._fits(tests, readings) for tests, readings in asked)

    def _fits(self, tests: list[Callable[[Any], object]], readings: Collection[Any]) -> bool:
        if not readings:
            return self.action == "deny"
        fitting = [any(test(reading) for test in tests) for reading in readings]
        return any(fitting) if self.action == "deny" else all(fitting)


def _values(request: Request, name: str) -> list[str]:
    # Some servers read _ in a name as -. A header that is not there is an empty one.
    wanted = name.lower().replace("_", "-")
    pairs = request.headers.items()
    return [value for said, value in pairs if said.lower().replace("_", "-") == wanted] or [""]


def _clients(request: Request, header: str) -> list[Any]:
    """Return who asks; nobody if what the trusted proxy wrote is no address."""
    told = request.headers.get(header) if request.trusted else None
    try:
        address = ip_address(request.client if told is None else told.split(",")[-1].strip())
    except ValueError:
        return []
    return [getattr(address, "ipv4_mapped", None) or address]


def _paths(request: Request) -> set[str]:
    """Return the readings of the path and of what some frameworks take for it; none if unknown."""
    more = [*_values(request, "X-Original-URL"), *_values(request, "X-Rewrite-URL")]
    every = set[str]()
    for url in (request.path, *filter(None, more)):
        readings = path_readings(re.sub(r"^\w+://[^/]*|[?#].*", "", url) or "/")
        if readings is None:
            return set()
        every |= readings
    return every


class AccessSettings(Settings):
    """The rules, and what is done with a request that none of them takes."""

    rules: tuple[Rule, ...] = ()
    default: Action = "deny"
    status: Literal[401, 403, 404, 410, 429, 451] = 403
    client_from: Annotated[str, setting(pattern="^[A-Za-z0-9-]*$")] = ""


class AccessControl(Use):
    """One use on a route."""

    settings: AccessSettings

    @hook
    def admit(self, request: Request) -> Reply | None:
        """Refuse the request, or let it in."""
        given = self.settings
        clients, paths = _clients(request, given.client_from), _paths(request)
        action = next((r.action for r in given.rules if r.takes(request, clients, paths)), None)
        if (action or given.default) == "allow":
            return None
        headers = {"WWW-Authenticate": "Bearer"} if given.status == 401 else None
        return problem_reply(given.status, HTTPStatus(given.status).description, headers)
