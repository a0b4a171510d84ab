"""`crossfade explain`: what the proxy would do with a request, and why, step by step."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote

import typer

from proxy.cli.admin_client import USAGE, fail
from proxy.cli.explain_plugins import ExplainedPlugins, head_of, request_of
from proxy.cli.options import CONFIG, Json
from proxy.cli.options import Config as ConfigOption
from proxy.cli.tables import print_json
from proxy.cli.unstarted import unstarted
from proxy.config import ConfigError, load
from proxy.config.models import Config
from proxy.core.decide import Pin, explain
from proxy.core.identity import Identity
from proxy.core.key import normalise_value
from proxy.core.match import Goal, Route, looked_at
from proxy.core.reason import DECISIONS
from proxy.dataplane.compile import compile_routes
from proxy.dataplane.identify import Identifier


@dataclass(frozen=True, slots=True)
class Question:
    """A request that nobody sent."""

    method: str
    path: str
    """With or without a query."""
    user: str | None
    """The key, taken as verified; None to find it as a request's key is found."""
    fields: Mapping[bytes, bytes]
    attributes: Mapping[str, str]
    """Attributes that replace what the header fields say."""


def command(
    method: Annotated[str, typer.Argument(help="The request's method, in upper case.")],
    path: Annotated[str, typer.Argument(help="The request's path.")],
    config: ConfigOption = CONFIG,
    user: Annotated[
        str | None, typer.Option("--user", "-u", help="The key, as if it had been verified.")
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option("--header", "-H", help="'Name: value', as from a trusted proxy. Repeatable."),
    ] = None,
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", help="name=value for conditions. Repeatable."),
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Show where a request would go and why: route, identity, every rule looked at, arm.

    Nothing is sent anywhere, and no running proxy is asked. Plugins that may pin
    the arm are asked without being started; one that cannot answer so is named.
    Exits with 0, or with 2 on bad usage or configuration.
    """
    if not path.startswith("/"):
        fail(USAGE, "PATH begins with /")
    attributes = dict(_pair(text, "=", "--attribute wants name=value") for text in attribute or ())
    question = Question(method, path, user, _fields(header or ()), attributes)
    try:
        declared = load(config, os.environ)
        plugins = ExplainedPlugins(unstarted(declared))
        answer = derive(declared, question, time.time(), plugins)
    except (ConfigError, ValueError) as error:
        fail(USAGE, str(error))
    if as_json:
        print_json(answer)
    else:
        sys.stdout.write("\n".join(_lines(answer)) + "\n")


def derive(
    config: Config, question: Question, now: float, plugins: ExplainedPlugins
) -> dict[str, Any]:
    """Return the whole derivation as plain values.

    ``now`` is in unix seconds, for the dates in tokens. Raises ValueError if
    the configuration cannot be compiled or the question is none.
    """
    table = compile_routes(config, assigned=plugins.assigned, endpoints=plugins.endpoints)
    identity = _identity(config, question, now)
    path = quote(question.path.partition("?")[0], safe=_ASCII).encode()
    host = question.fields.get(b"host", b"")
    looked = looked_at(table, question.method.encode(), host, path, question.fields)
    route = looked[-1].route
    said: list[str] = []
    pin: Pin | None = None
    if route.name in plugins.assigned:
        target = quote(question.path, safe=_ASCII).encode()
        head = head_of(question.method, target, question.fields)
        pin = partial(plugins.pin, request_of(head, route.name, identity), said)

    answer: dict[str, Any] = {
        "request": {"method": question.method, "path": question.path},
        "routes": [
            {"name": passed.route.name, "taken": passed.mismatch is None, "saw": passed.mismatch}
            for passed in looked
        ],
        "route": route.name,
        "identity": _identity_values(identity, question),
        "plugins": plugins.on_route(route.name),
        "unknown": list(plugins.unknown),
    }
    return answer | _decision_values(route, identity, pin, said)


_ASCII = bytes(range(0x21, 0x7F)).decode()


def _identity(config: Config, question: Question, now: float) -> Identity:
    """Return who asks: by the header fields, unless the question says so itself."""
    identity = Identifier(config.identity).identify(question.fields, now, trusted=True)
    attributes = {**identity.attributes, **question.attributes}
    if question.user is None:
        return identity._replace(attributes=attributes)
    key = normalise_value(question.user, lower=config.identity.lower)
    if key is None:
        raise ValueError("--user is no key: it is empty or not Unicode")
    return Identity(key, "--user", verified=True, attributes=attributes)


def _identity_values(identity: Identity, question: Question) -> dict[str, Any]:
    key = question.user
    if key is None and identity.key is not None:
        key = identity.key.decode()
    return {
        "key": key,
        "source": identity.source,
        "verified": identity.verified,
        "attributes": dict(identity.attributes),
    }


def _decision_values(
    route: Route, identity: Identity, pin: Pin | None, said: list[str]
) -> dict[str, Any]:
    found: dict[str, Any] = {"rollout": None, "rules": [], "bucket": None, "threshold": None}
    decision = route.fixed
    if route.rollout is not None:
        explanation = explain(route.rollout, identity, pin)
        decision = explanation.decision
        looks = (
            look._replace(saw="; ".join(said)) if look.rule == "assign" and said else look
            for look in explanation.looks
        )
        found = {
            "rollout": route.rollout.name,
            "rules": [look._asdict() for look in looks],
            "bucket": explanation.bucket,
            "threshold": explanation.threshold,
        }
    assert decision is not None  # noqa: S101 - a route has a rollout or a fixed decision
    goal = Goal() if decision.rejected else route.destinations[decision.arm]
    return found | {
        "arm": decision.arm,
        "reason": decision.reason,
        "because": DECISIONS[decision.reason],
        "rejected": decision.rejected,
        "upstream": goal.upstream or None,
        "plugin": goal.plugin.removeprefix("plugin:") or None,
    }


def _lines(answer: Mapping[str, Any]) -> Iterator[str]:
    """Yield the derivation for a person to read."""
    request, identity = answer["request"], answer["identity"]
    yield f"request   {request['method']} {request['path']}"
    yield ""
    yield "routes"
    for route in answer["routes"]:
        yield _row(route["name"], "taken" if route["taken"] else "passed", route["saw"] or "")
    yield ""
    yield "identity"
    if identity["key"] is None:
        yield "  no key"
    else:
        vouched = "verified" if identity["verified"] else "not verified"
        yield f"  key {identity['key']} ({identity['source']}, {vouched})"
    for name, value in identity["attributes"].items():
        yield f"  {name} = {value}"
    if answer["plugins"]:
        yield ""
        yield "plugins"
        for use in answer["plugins"]:
            yield f"  {use['plugin']:<20} {_role(use):<13} {', '.join(use['hooks'])}"
    if answer["rollout"] is not None:
        yield ""
        yield f"rules of {answer['rollout']}"
        for look in answer["rules"]:
            yield _row(look["rule"], "decided" if look["hit"] else "passed", look["saw"])
    yield from _decision_lines(answer)


def _role(use: Mapping[str, Any]) -> str:
    if not use["destination"]:
        return "on the way"
    return f"as arm {use['arm']}" if use["arm"] else "answers"


def _decision_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield "decision"
    if answer["bucket"] is not None:
        yield f"  bucket     {answer['bucket']} (new is below {answer['threshold']})"
    yield f"  arm        {answer['arm'] or 'none'}"
    yield f"  reason     {answer['reason']}: {answer['because']}"
    if answer["plugin"] is not None:
        yield f"  plugin     {answer['plugin']}"
    else:
        refused = "none: the request is refused with 400"
        yield f"  upstream   {refused if answer['rejected'] else answer['upstream']}"
    if any("admit" in use["hooks"] for use in answer["plugins"]):
        yield "  A plugin with the hook admit may answer before there is a decision."
    for problem in answer["unknown"]:
        yield f"  Not known without starting the plugin, what it answers itself: {problem}"


def _row(name: str, outcome: str, saw: str) -> str:
    return f"  {name:<20} {outcome:<8} {saw}".rstrip()


def _fields(headers: Iterable[str]) -> dict[bytes, bytes]:
    """Return the header fields as the proxy indexes them: lower-case name, lines joined."""
    fields: dict[bytes, bytes] = {}
    for text in headers:
        name, value = _pair(text, ":", "--header wants 'Name: value'")
        key, added = name.lower().encode(), value.encode()
        separator = b"; " if key == b"cookie" else b", "
        fields[key] = fields[key] + separator + added if key in fields else added
    return fields


def _pair(text: str, separator: str, wanted: str) -> tuple[str, str]:
    """Split an option's text in two; leaves with 2, without repeating it, if that cannot be."""
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        fail(USAGE, wanted)
    return name.strip(), value.strip()
