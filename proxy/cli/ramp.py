"""`crossfade ramp`: walks a rollout up its steps, and waits for the end if it shall."""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Annotated, NoReturn, TypeVar

import typer
from yarl import URL

from proxy.cli.admin_client import FAILED, USAGE, admin_url, fail
from proxy.cli.asked import Name, tell
from proxy.cli.changes import act, rollout_of, stated
from proxy.cli.displays import Lines, Panel
from proxy.cli.following import BACK, NEEDS_A_PERSON, TIMED_OUT, End, Patience, follow, looking
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json, Reason
from proxy.cli.ramp_plan import Wanted, plan_of, steps_of
from proxy.cli.rollout_text import Rollout, notes, printable
from proxy.cli.tables import console, print_json
from proxy.core.rollout_limits import LONGEST_BAKE, LONGEST_SETTLE
from proxy.core.rollout_state import UNDER_WAY
from proxy.settings.values import UnfitError, duration, written_duration

INTERRUPTED = 130
"""Exit code: Ctrl-C. The ramp goes on."""

Read = TypeVar("Read")

_LONGEST = {"--settle": LONGEST_SETTLE, "--bake": LONGEST_BAKE, "--soak": LONGEST_BAKE}

_UNDER_WAY = frozenset(phase.value for phase in UNDER_WAY)


def command(
    name: Name,
    steps: Annotated[
        str, typer.Option("--steps", help="Percentages, such as 5,25,50,100, for this ramp.")
    ] = "",
    bake: Annotated[
        str, typer.Option("--bake", help="Time that each step must be well, such as 10m.")
    ] = "",
    settle: Annotated[
        str, typer.Option("--settle", help="Time after each step that does not count.")
    ] = "",
    soak: Annotated[
        str, typer.Option("--soak", help="Time that the last step is watched before the end.")
    ] = "",
    min_requests: Annotated[
        int | None,
        typer.Option("--min-requests", min=0, help="So many of each arm before a step is left."),
    ] = None,
    reason: Reason = "",
    timeout: Annotated[
        str, typer.Option("--timeout", help="With --wait: at most so long, such as 2h; 0s: ever.")
    ] = "0s",
    interval: Annotated[
        str, typer.Option("--interval", help="With --wait: time between two looks.")
    ] = "1s",
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Show the ramp until it ends.")] = False,
    insist: Annotated[
        bool, typer.Option("--insist", help="In spite of cooldown and latch; for admins.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Start the ramp of a rollout, or go on with one that is paused or held.

    Steps and times are those of the configuration, as far as the options do not
    say otherwise. One that is under way is only shown. With --wait it is followed
    through restarts of the proxy; Ctrl-C ends the watching, not the ramp.

    Exits with 0 when it has begun, with --wait when it is complete; 3 when it was
    rolled back or killed; 4 when it does not go on by itself (paused, held,
    frozen); 5 when --timeout is over and the ramp goes on; 1 when it is refused or
    the proxy cannot be reached; 2 on bad usage; 130 after Ctrl-C.
    """
    wanted = _wanted(steps, (settle, bake, soak), min_requests)
    patience = Patience(
        _read("--interval", interval, duration), _read("--timeout", timeout, duration)
    )
    base = admin_url(admin, config)
    rollout = _begun(base, name, wanted, reason, insist=insist)
    if not wait:
        tell(rollout, as_json=as_json)
        return
    end = _followed(base, rollout, patience, as_json=as_json)
    if as_json and end.rollout is not None:
        print_json(end.rollout)
    _leave(name, end, patience)


def _begun(base: URL, name: str, wanted: Wanted, reason: str, *, insist: bool) -> Rollout:
    """Start or resume the ramp, unless it is under way or over; return how it stands."""
    rollout = rollout_of(base, name)
    planned = plan_of(wanted, rollout["next_plan"]) if wanted != Wanted() else None
    if _goes_on(rollout, planned):
        return rollout
    version = rollout["version"]
    stopped = rollout["standing"] in {"paused", "held"} and rollout["phase"] in _UNDER_WAY
    if stopped and planned in (None, rollout["plan"]):
        return act(base, name, "resume", stated(reason), version=version)
    fields: dict[str, object] = {} if planned is None else {"plan": planned}
    if insist:
        fields["insist"] = True
    return act(base, name, "start", stated(reason), fields, version=version)


def _goes_on(rollout: Rollout, planned: object) -> bool:
    """Return whether there is nothing to do but to look: so the same command may be given again."""
    if planned not in (None, rollout.get("plan")):
        return False
    over = rollout["standing"] == "complete" and rollout["share"] >= 100
    return over or rollout["standing"] in _UNDER_WAY | {"frozen"}


def _followed(base: URL, rollout: Rollout, patience: Patience, *, as_json: bool) -> End:
    """Follow the ramp on what there is to show it: a terminal, or lines."""
    name, version = rollout["name"], rollout["version"]
    out = sys.stderr if as_json else sys.stdout
    live = Panel(console()) if out.isatty() and not as_json else None
    try:
        with live or nullcontext():
            display = live or Lines(out)
            return follow(looking(base, name), display, patience, version=version)
    except KeyboardInterrupt:
        return End(INTERRUPTED, None)


def _leave(name: str, end: End, patience: Patience) -> NoReturn:
    """Say how it ended and what can be done, and leave with the code."""
    name = printable(name)
    if end.code == 0:
        print(f"{name} is complete.", file=sys.stderr)
        raise typer.Exit(0)
    follow_it = f"Follow it: crossfade ramp {name} --wait"
    standing = end.rollout["standing"] if end.rollout else ""
    said = list(notes(end.rollout)) if end.rollout else []
    texts = {
        BACK: [f"{name} is back on legacy.", *said],
        NEEDS_A_PERSON: [f"{name} does not go on by itself.", *said],
        TIMED_OUT: [
            f"{name} is not there after {written_duration(patience.timeout)}; the ramp goes on.",
            *said,
            follow_it,
        ],
        INTERRUPTED: [
            f"The ramp of {name} goes on. {follow_it}",
            f"Stop it where it is: crossfade rollouts pause {name}",
        ],
        FAILED: [end.why, "The ramp is in the proxies' hands and may go on.", follow_it],
    }
    what_next = _NEXT.get(standing, "") if end.code in {BACK, NEEDS_A_PERSON} else ""
    fail(end.code, "\n".join([*texts[end.code], *([what_next.format(name)] if what_next else [])]))


_NEXT = {
    "rolled_back": "When the cause is mended: crossfade ramp {} --wait",
    "killed": "When the cause is mended, as an admin: crossfade rollouts unkill {}",
    "paused": "Go on: crossfade ramp {} --wait",
    "held": "Look at it: crossfade rollouts show {0}; go on: crossfade ramp {0} --wait",
    "frozen": "Legacy fails too. When it is well the ramp goes on: crossfade ramp {} --wait",
    "draft": "No ramp is under way any more. Begin one: crossfade ramp {} --wait",
}


def _wanted(steps: str, times: tuple[str, str, str], min_requests: int | None) -> Wanted:
    """Return what the options say of the plan. Exits with 2 where one cannot be read."""
    settle, bake, soak = (
        _read(option, text, partial(_time, longest=longest)) if text else None
        for (option, longest), text in zip(_LONGEST.items(), times, strict=True)
    )
    found = _read("--steps", steps, steps_of) if steps else ()
    return Wanted(found, settle, bake, soak, min_requests)


def _time(text: str, longest: float) -> float:
    """Read a time of a plan, in seconds. Raises UnfitError, also when it is too long."""
    seconds = duration(text)
    if seconds > longest:
        raise UnfitError(f"a duration from 0s to {written_duration(longest)}")
    return seconds


def _read(option: str, text: str, read: Callable[[str], Read]) -> Read:
    try:
        return read(text)
    except UnfitError as error:
        hint = f"; {error.hint}" if error.hint else ""
        fail(USAGE, f"{option} {printable(text)}: wanted {error.wanted}{hint}")
