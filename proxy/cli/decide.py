"""`crossfade decide`: where a running proxy sends a key at this moment, and why."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from proxy.cli.admin_client import FAILED, USAGE, admin_url, ask, fail
from proxy.cli.changes import refusal
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import printable
from proxy.cli.tables import print_json

_FACTS = ("rollout", "route", "version", "generation")


def command(
    rollout: Annotated[str, typer.Argument(help="The rollout, as `rollouts list` names it.")],
    key: Annotated[str, typer.Argument(help="The key, as if it had been verified.")],
    attribute: Annotated[
        list[str] | None,
        typer.Option("--attribute", "-a", help="name=value for conditions. Repeatable."),
    ] = None,
    route: Annotated[
        str, typer.Option("--route", help="A route of the rollout; its holds count then.")
    ] = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Ask a running proxy where it would send a key now, with every rule it looks at.

    It counts what the file says and what was learned since: ramp, rollbacks,
    kills, lists. Nothing is sent to any upstream, and plugins are not asked.
    `crossfade explain` tells the same of a file, without a proxy. Exits with 0, with
    1 when there is no such rollout or the proxy cannot be reached, 2 on bad usage.
    """
    attributes: dict[str, str] = {}
    for text in attribute or ():
        name, found, value = text.partition("=")
        if not found or not name.strip():
            fail(USAGE, "--attribute wants name=value")
        attributes[name.strip()] = value.strip()
    body: dict[str, object] = {"rollout": rollout, "key": key, "attributes": attributes}
    body |= {"route": route} if route else {}
    answer = ask("POST", admin_url(admin, config), "v1/decide", body=body)
    if answer.status != 200:
        fail(FAILED, refusal(answer))
    if as_json:
        print_json(answer.body)
        return
    print("\n".join(derivation_lines(answer.body)))


def derivation_lines(derived: Mapping[str, Any]) -> Iterator[str]:
    """Yield a decision with how it was derived, for a person to read."""
    for name in _FACTS:
        if derived.get(name) not in (None, ""):
            yield _row(name, derived[name])
    yield _row("percentage", f"{derived['percentage']:g} %")
    for rule in derived["rules"]:
        outcome = "decided" if rule["hit"] else "passed"
        yield f"  {printable(rule['rule']):<20} {outcome:<8} {printable(rule['saw'])}".rstrip()
    if derived["bucket"] is not None:
        below = round(derived["percentage"] * 1000)
        yield _row("bucket", f"{derived['bucket']} (new is below {below})")
    yield _row("arm", derived["arm"] or "none: the request is refused with 400")
    yield _row("reason", f"{derived['reason']}: {derived['because']}")
    if derived.get("ignored"):
        yield f"Nobody asks for {', '.join(map(printable, derived['ignored']))}."
    if derived.get("stale"):
        yield "The store is lost: what was learned may be old."


def _row(name: str, value: object) -> str:
    return f"{name:<11}{printable(value)}"
