"""Where a ramp is shown while it is followed: a panel on a terminal, else one line per change."""

import sys
import time
from collections.abc import Callable
from typing import Self, TextIO

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from proxy.cli.rollout_text import (
    ARM_COLUMNS,
    EVIDENCE_COLUMNS,
    Rollout,
    arm_rows,
    bar,
    evidence_rows,
    headline,
    notes,
    phase_text,
    plan_text,
    printable,
    undecided,
)
from proxy.cli.tables import add_row, new_table

__all__ = ["QUIET_SECONDS", "Lines", "Panel", "panel"]

QUIET_SECONDS = 300.0
"""A line is written after so long even without a change: many pipelines end what is silent."""

_AGAIN = "Asking again: the ramp goes on with the proxy."

_STYLES = {"rolled_back": "bold red", "killed": "bold red", "complete": "bold green"}


class Lines:
    """A line for each change, with the time of day in UTC."""

    def __init__(
        self,
        out: TextIO | None = None,
        clock: Callable[[], float] = time.time,
        quiet: float = QUIET_SECONDS,
    ) -> None:
        """Write to `out`, by default standard output; `clock` gives unix seconds."""
        self._out = out or sys.stdout
        self._clock = clock
        self._quiet = quiet
        self._said: object = None
        self._at = 0.0

    def show(self, rollout: Rollout) -> None:
        """Write a line if something has changed, or nothing was written for long."""
        now = self._clock()
        if (shape := _shape(rollout)) != self._said or now - self._at >= self._quiet:
            self._write(shape, f"{printable(rollout['name'])}: {_line(rollout)}")

    def lost(self, why: str) -> None:
        """Write once that nobody answers."""
        if self._said != "lost" or self._clock() - self._at >= self._quiet:
            self._write("lost", f"{_first_line(why)} {_AGAIN}")

    def _write(self, said: object, text: str) -> None:
        self._said, self._at = said, self._clock()
        stamp = time.strftime("%H:%M:%S", time.gmtime(self._at))
        print(stamp, text, file=self._out, flush=True)


class Panel:
    """A panel that is drawn anew at each look; use it as a context."""

    def __init__(self, console: Console) -> None:
        """Draw on `console`."""
        self._live = Live(console=console, auto_refresh=False)
        self._last: RenderableType = Text("")

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave what was drawn last."""
        self._live.__exit__(None, None, None)

    def show(self, rollout: Rollout) -> None:
        """Draw the rollout."""
        self._last = panel(rollout)
        self._live.update(self._last, refresh=True)

    def lost(self, why: str) -> None:
        """Draw below what was seen last that nobody answers."""
        said = Text(f"{_first_line(why)} {_AGAIN}", style="red")
        self._live.update(Group(self._last, said), refresh=True)


def panel(rollout: Rollout) -> RenderableType:
    """Return everything about a rollout, to be printed or drawn."""
    name = Text(printable(rollout["name"]), style="bold")
    style = _STYLES.get(rollout["standing"], "bold")
    parts: list[RenderableType] = [Text.assemble(name, "  ", (headline(rollout), style))]
    if steps := plan_text(rollout):
        parts.append(Text(f"steps  {steps}"))
    if phase := phase_text(rollout):
        parts.append(Text(f"phase  {_phase_bar(rollout)}{phase}"))
    for columns, rows in (
        (ARM_COLUMNS, list(arm_rows(rollout))),
        (EVIDENCE_COLUMNS, list(evidence_rows(rollout))),
    ):
        if rows:
            table = new_table(*columns)
            for row in rows:
                add_row(table, *row)
            parts += [Text(""), table]
    said = [Text(note, style="yellow") for note in notes(rollout)]
    if waits := undecided(rollout):
        said.append(Text(waits))
    return Group(*parts, *([Text(""), *said] if said else []))


def _first_line(text: str) -> str:
    return printable(text.partition("\n")[0])


def _phase_bar(rollout: Rollout) -> str:
    healthy, remaining = rollout.get("healthy") or 0.0, rollout.get("remaining")
    if remaining is None or healthy + remaining <= 0:
        return ""
    return f"[{bar(healthy / (healthy + remaining))}] "


def _shape(rollout: Rollout) -> object:
    """Return what of a rollout makes a new line when it differs."""
    # The figures behind the colon of a gate change at each look; which gates wait does not.
    waiting = tuple(str(one).partition(":")[0] for one in rollout.get("waiting_for") or ())
    keys = ("share", "standing", "step", "enabled", "latched", "stale", "approved")
    return (*(rollout.get(key) for key in keys), waiting, len(rollout.get("holds") or ()))


def _line(rollout: Rollout) -> str:
    arms = [
        f"{arm} {printable(rate)}/s" + (f" {errors} errors" if errors else "")
        for arm, rate, errors, *_ in arm_rows(rollout)
    ]
    said = [headline(rollout), phase_text(rollout), ", ".join(arms), *notes(rollout)]
    return "; ".join(part.rstrip(".") for part in said if part)
