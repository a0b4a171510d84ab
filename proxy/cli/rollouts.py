"""`crossfade rollouts`: how rollouts stand, and everything that operators may do with one."""

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from proxy.cli import rollout_lists
from proxy.cli.admin_client import USAGE, admin_url, fail
from proxy.cli.asked import Asked, IfVersion, Name, changing
from proxy.cli.changes import rollout_of, shown
from proxy.cli.displays import panel
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import Rollout, notes, position, printable
from proxy.cli.tables import console, print_json, print_table
from proxy.core.by_hand import LONGEST_OVERRIDE
from proxy.settings.values import UnfitError, duration, three_decimals, written_duration

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True,
    help="""Show the rollouts of a running proxy; move them, stop them, send them back.

    Every change wants a reason, which is kept in the audit. Exits with 0 when it
    is done, 1 when it is refused or the proxy cannot be reached, 2 on bad usage.
    """,
)
app.add_typer(rollout_lists.app, name="lists")

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


class SignedCommand(TyperCommand):
    """A command whose argument is a percentage: one below zero is not taken for an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments. Exits with 2 where a number begins with a dash."""
        said = tuple(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            option = str(getattr(error, "option_name", ""))
            if option[:1] != "-" or option[1:2] not in {*"0123456789."}:
                raise
            number = next((word for word in said if word.startswith(option)), option)
            fail(USAGE, f"PERCENTAGE {printable(number)}: wanted {_PERCENTAGE}")


_PERCENTAGE = "a number from 0 to 100 with at most three decimals"


@changing(app, "set", cls=SignedCommand)
def set_percentage(
    asked: Asked,
    percentage: Annotated[float, typer.Argument(help="Of the callers on new, 0 to 100.")],
    if_version: IfVersion = None,
) -> Rollout:
    """Set the percentage by hand. A ramp under way is paused by it.

    Exits with 0 when it is set, 1 when it is refused, somebody else has changed
    the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    if not 0 <= percentage <= 100 or not three_decimals(percentage):
        fail(USAGE, f"PERCENTAGE {percentage:.12g}: wanted {_PERCENTAGE}")
    return asked.edit("", {"percentage": percentage}, version=asked.version(if_version))


@changing(app, "start")
def start(
    asked: Asked,
    if_version: IfVersion = None,
    *,
    insist: Insist = False,
) -> Rollout:
    """Start the ramp, at the first step after a rollback. `crossfade ramp` can also wait for it.

    Exits with 0 when it is started, 1 when it is refused (cooldown, latch, kill)
    or the proxy cannot be reached, 2 on bad usage.
    """
    fields = {"insist": True} if insist else {}
    return asked.act("start", fields, version=if_version)


@changing(app, "pause")
def pause(asked: Asked) -> Rollout:
    """Stop the ramp where it is: the percentage stays, the brake goes on watching.

    Exits with 0 when it is paused, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("pause")


@changing(app, "resume")
def resume(asked: Asked, if_version: IfVersion = None) -> Rollout:
    """Go on after a pause or a hold, with the same step.

    Exits with 0 when it goes on, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("resume", version=if_version)


@changing(app, "promote")
def promote(
    asked: Asked,
    if_version: IfVersion = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="To the last step at once.")] = False,
) -> Rollout:
    """Take the next step now, without waiting for its time and its gates. The brake stays on.

    Exits with 0 when it is taken, 1 when it is refused, somebody else has changed
    the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    # Two who promote at the same time shall not take two steps.
    fields = {"full": True} if full else {}
    return asked.act("promote", fields, version=asked.version(if_version))


@changing(app, "approve")
def approve(asked: Asked, if_version: IfVersion = None) -> Rollout:
    """Say yes to leaving the step in force, where its gates want an approval.

    Exits with 0 when it is approved, 1 when it is refused, somebody else has
    changed the rollout meanwhile, or the proxy cannot be reached, 2 on bad usage.
    """
    # What is approved is what was seen, not the step after it.
    return asked.act("approve", version=asked.version(if_version))


@changing(app, "rollback")
def rollback(asked: Asked, route: Route = "", cohort: Cohort = "") -> Rollout:
    """Send everybody back to legacy and hold them there; or only a route or a cohort.

    Exits with 0 when they are back, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("rollback", _scope(route, cohort))


@changing(app, "kill")
def kill(asked: Asked) -> Rollout:
    """Send everybody to legacy, whatever else is said: whitelist and overrides too.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("kill")


@changing(app, "unkill")
def unkill(asked: Asked, if_version: IfVersion = None) -> Rollout:
    """Take a kill back; for admins. A ramp that was under way is paused then.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("unkill", version=if_version)


@changing(app, "acknowledge")
def acknowledge(asked: Asked) -> Rollout:
    """Take an automatic rollback off, with its cooldown and the latch; for admins.

    It leaves a draft at 0 %, from which a ramp can begin again.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    return asked.act("acknowledge")


@changing(app, "override-safety")
def override_safety(
    asked: Asked,
    time: Annotated[str, typer.Argument(help="How long, such as 10m; at most 1h.")],
) -> Rollout:
    """Let the brake only watch for a while; for admins.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    try:
        seconds = duration(time)
        if not 0 < seconds <= LONGEST_OVERRIDE:
            raise UnfitError(f"more than 0s and at most {written_duration(LONGEST_OVERRIDE)}")
    except UnfitError as error:
        hint = f"; {error.hint}" if error.hint else ""
        fail(USAGE, f"TIME {printable(time)}: wanted {error.wanted}{hint}")
    return asked.act("override_safety", {"seconds": seconds})


@changing(app, "release")
def release(asked: Asked, route: Route = "", cohort: Cohort = "") -> Rollout:
    """Let a route or a cohort take part again that was sent back by itself.

    Exits with 0 when it is done, 1 when it is refused or the proxy cannot be
    reached, 2 on bad usage.
    """
    scope = _scope(route, cohort)
    if not scope:
        fail(USAGE, "name what was sent back: --route, --cohort, or both")
    return asked.act("release", scope)


def _scope(route: str, cohort: str) -> dict[str, str]:
    return {word: value for word, value in (("route", route), ("cohort", cohort)) if value}
