"""`crossfade rollouts`: how rollouts stand, and everything that operators may do with one."""

from typing import Annotated

import typer

from proxy.cli import rollout_lists
from proxy.cli.admin_client import USAGE, admin_url, fail
from proxy.cli.changes import act, edit, rollout_of, shown, stated
from proxy.cli.displays import panel
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json, Reason
from proxy.cli.rollout_text import Rollout, headline, notes, position, printable
from proxy.cli.tables import console, print_json, print_table
from proxy.settings.values import UnfitError, duration, three_decimals

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""Show the rollouts of a running proxy; move them, stop them, send them back.

    Every change wants a reason, which is kept in the audit. Exits with 0 when it
    is done, 1 when it is refused or the proxy cannot be reached, 2 on bad usage.
    """,
)
app.add_typer(rollout_lists.app, name="lists")

_LONGEST_OVERRIDE = 3600.0
"""Seconds that the brake may only watch, before somebody has to say so again."""

Name = Annotated[str, typer.Argument(help="The rollout, as `rollouts list` names it.")]
IfVersion = Annotated[
    int | None,
    typer.Option("--if-version", help="Only if it still is at this version, as `show` says."),
]
Insist = Annotated[
    bool, typer.Option("--insist", help="In spite of cooldown and latch; for admins.")
]
Route = Annotated[str, typer.Option("--route", help="Only callers of this route.")]
Cohort = Annotated[str, typer.Option("--cohort", help="Only callers of this cohort.")]


@app.command("list")
def list_rollouts(
    config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False
) -> None:
    """List the rollouts: share of callers on new, standing, routes, and what holds them.

    Exits with 0, with 1 when the proxy cannot be reached, 2 on bad usage.
    """
    body = shown(admin_url(admin, config), "v1/rollouts")
    if as_json:
        print_json(body)
        return
    found = body["rollouts"]
    if not found:
        print("The configuration has no rollouts.")
    rows = (
        (
            printable(one["name"]),
            f"{one['share']:g} %",
            position(one) if one["enabled"] else "disabled",
            printable(", ".join(one["routes"])) or None,
            next(notes(one), None),
        )
        for one in found
    )
    print_table(console(), ("rollout", "on new", "standing", "routes", "to know"), rows)


@app.command("show")
def show(
    name: Name, config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False
) -> None:
    """Show a rollout: plan, phase, both arms in the last minute, evidence, who holds it and why.

    Exits with 0, with 1 when there is no such rollout or the proxy cannot be
    reached, 2 on bad usage.
    """
    rollout = rollout_of(admin_url(admin, config), name)
    if as_json:
        print_json(rollout)
        return
    out = console()
    out.print(panel(rollout))
    lists = f"{rollout['whitelist']} always on new, {rollout['blacklist']} always on legacy"
    print(f"\nversion {rollout['version']}; lists: {lists}")


@app.command("set")
def set_percentage(
    name: Name,
    percentage: Annotated[float, typer.Argument(help="Of the callers on new, 0 to 100.")],
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Set the percentage by hand. A ramp under way is paused by it.

    Exits with 0 when it is set, 1 when it is refused, somebody else has changed
    the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    if not 0 <= percentage <= 100 or not three_decimals(percentage):
        wanted = "a number from 0 to 100 with at most three decimals"
        fail(USAGE, f"PERCENTAGE {percentage:.12g}: wanted {wanted}")
    base = admin_url(admin, config)
    version = rollout_of(base, name)["version"] if if_version is None else if_version
    fields = {"percentage": percentage}
    _told(edit(base, name, "", stated(reason), fields, version=version), as_json=as_json)


@app.command("start")
def start(
    name: Name,
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    insist: Insist = False,
    as_json: Json = False,
) -> None:
    """Start the ramp, at the first step after a rollback. `crossfade ramp` can also wait for it.

    Exits with 0 when it is started, 1 when it is refused (cooldown, latch, kill)
    or the proxy cannot be reached, 2 on bad usage.
    """
    fields = {"insist": True} if insist else {}
    base = admin_url(admin, config)
    _told(act(base, name, "start", stated(reason), fields, version=if_version), as_json=as_json)


@app.command("pause")
def pause(
    name: Name,
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Stop the ramp where it is: the percentage stays, the brake goes on watching.

    Exits with 0 when it is paused, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    _told(act(admin_url(admin, config), name, "pause", stated(reason)), as_json=as_json)


@app.command("resume")
def resume(
    name: Name,
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Go on after a pause or a hold, with the same step.

    Exits with 0 when it goes on, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    _told(act(base, name, "resume", stated(reason), version=if_version), as_json=as_json)


@app.command("promote")
def promote(
    name: Name,
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="To the last step at once.")] = False,
    as_json: Json = False,
) -> None:
    """Take the next step now, without waiting for its time and its gates. The brake stays on.

    Exits with 0 when it is taken, 1 when it is refused, somebody else has changed
    the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    # Two who promote at the same time shall not take two steps.
    version = rollout_of(base, name)["version"] if if_version is None else if_version
    fields = {"full": True} if full else {}
    _told(act(base, name, "promote", stated(reason), fields, version=version), as_json=as_json)


@app.command("approve")
def approve(
    name: Name,
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Say yes to leaving the step in force, where its gates want an approval.

    Exits with 0 when it is approved, 1 when it is refused, somebody else has
    changed the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    # What is approved is what was seen, not the step after it.
    version = rollout_of(base, name)["version"] if if_version is None else if_version
    _told(act(base, name, "approve", stated(reason), version=version), as_json=as_json)


@app.command("rollback")
def rollback(
    name: Name,
    reason: Reason = "",
    route: Route = "",
    cohort: Cohort = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Send everybody back to legacy and hold them there; or only a route or a cohort.

    Exits with 0 when they are back, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    _told(act(base, name, "rollback", stated(reason), _scope(route, cohort)), as_json=as_json)


@app.command("kill")
def kill(
    name: Name,
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Send everybody to legacy, whatever else is said: whitelist and overrides too.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    _told(act(admin_url(admin, config), name, "kill", stated(reason)), as_json=as_json)


@app.command("unkill")
def unkill(
    name: Name,
    reason: Reason = "",
    if_version: IfVersion = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Take a kill back; for admins. A ramp that was under way is paused then.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    _told(act(base, name, "unkill", stated(reason), version=if_version), as_json=as_json)


@app.command("acknowledge")
def acknowledge(
    name: Name,
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Take the latch off after repeated automatic rollbacks, and end the cooldown; for admins.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    _told(act(admin_url(admin, config), name, "acknowledge", stated(reason)), as_json=as_json)


@app.command("override-safety")
def override_safety(
    name: Name,
    time: Annotated[str, typer.Argument(help="How long, such as 10m; at most 1h.")],
    reason: Reason = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Let the brake only watch for a while; for admins.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    try:
        seconds = duration(time)
        if not 0 < seconds <= _LONGEST_OVERRIDE:
            raise UnfitError("more than 0s and at most 1h")
    except UnfitError as error:
        hint = f"; {error.hint}" if error.hint else ""
        fail(USAGE, f"TIME {printable(time)}: wanted {error.wanted}{hint}")
    base = admin_url(admin, config)
    _told(act(base, name, "override_safety", stated(reason), {"seconds": seconds}), as_json=as_json)


@app.command("release")
def release(
    name: Name,
    reason: Reason = "",
    route: Route = "",
    cohort: Cohort = "",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Let a route or a cohort take part again that was sent back by itself.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    scope = _scope(route, cohort)
    if not scope:
        fail(USAGE, "name what was sent back: --route, --cohort, or both")
    _told(act(admin_url(admin, config), name, "release", stated(reason), scope), as_json=as_json)


def _scope(route: str, cohort: str) -> dict[str, str]:
    return {word: value for word, value in (("route", route), ("cohort", cohort)) if value}


def _told(rollout: Rollout, *, as_json: bool) -> None:
    if as_json:
        print_json(rollout)
        return
    print(f"{printable(rollout['name'])}: {headline(rollout)}")
    for note in notes(rollout):
        print(f"  {note}")
