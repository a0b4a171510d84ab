"""The command ``crossfade costs reconcile``: brings a bill, compares it, perhaps corrects."""

import sys
from base64 import b64encode
from pathlib import Path
from secrets import token_hex
from typing import Any

from proxy.api import Commands

from ..printing import print_csv, print_json, print_line, print_table
from .uploads import LARGEST, LARGEST_PART

__all__ = ["DIFFERS", "reconciling"]

DIFFERS = 3
"""Exit code: the ledger and the bill differ."""

_USAGE = 2
_DRIFT = ("day", "provider", "model", "bookedUsd", "billedUsd", "driftUsd", "driftPercent")
_ATTEMPT = ("id", "line", "booked", "billed", "estimated")


def reconciling(cli: Commands) -> None:
    """Add it."""

    def reconcile(
        file: str,
        preset: str = "crossfade",
        columns: str = "",
        provider: str = "",
        model: list[str] | None = None,
        since: str = "",
        until: str = "",
        post: bool = False,  # noqa: FBT001, FBT002 (an option)
        why: str = "",
        json: bool = False,  # noqa: FBT001, FBT002
        csv: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Compare a provider's export (CSV) with the ledger; --post corrects the ledger.

        --since and --until are what the export covers, in UTC, where that is more or less than
        from its first line to its last. Exits with 3 where they differ and nothing was posted.
        """
        if post and not why:
            _fail("--post changes the ledger: say --why, such as 'invoice of October'")
        said = {"preset": preset, "columns": columns, "provider": provider, "why": why}
        said |= {"since": since, "until": until}
        asked = said | {"file": _brought(cli, file), "names": _names(model or [])}
        found = cli.ask("POST", "/reconcile/post" if post else "/reconcile", asked)
        if json:
            print_json(found)
        elif csv:
            by_attempt = found["byAttempt"]
            names: tuple[str, ...] = _ATTEMPT if by_attempt else _DRIFT
            print_csv(names, found["attempts" if by_attempt else "drifts"])
        else:
            _print(found)
        if found["differs"] and not post:
            raise SystemExit(DIFFERS)

    cli.add(reconcile)


def _brought(cli: Commands, file: str) -> str:
    """Bring a file to the proxy in parts; under which name."""
    try:
        data = Path(file).read_bytes() if file != "-" else sys.stdin.buffer.read(LARGEST + 1)
    except OSError as error:
        _fail(f"{file} cannot be read: {error.strerror}")
    if not data or len(data) > LARGEST:
        _fail(f"{file} is empty, or has more than {LARGEST // 2**20} MiB: bring it by months")
    name = token_hex(16)
    for number, begin in enumerate(range(0, len(data), LARGEST_PART)):
        part = b64encode(data[begin : begin + LARGEST_PART]).decode()
        cli.ask("POST", "/reconcile/part", {"file": name, "number": number, "data": part})
    return name


def _names(said: list[str]) -> dict[str, str]:
    found = dict(one.rpartition("=")[::2] for one in said)
    if "" in found or "" in found.values():
        _fail("--model is what the bill says and the model, such as --model 'Meter 7=gpt-4o'")
    return found


def _print(found: dict[str, Any]) -> None:
    print_line(f"{found['since']} to {found['until']}, {_counted(found['lines'], 'line')}")
    print_table({one: one for one in _DRIFT}, found["drifts"], "days and models that differ")
    print_table({one: one for one in _ATTEMPT}, found["attempts"], "attempts that differ")
    problems = ("line", "says")
    print_table({one: one for one in problems}, found["problems"], "lines that cannot be read")
    for name in found["unnamed"]:
        print_line(f"no model of the ledger is called {name}: say --model '{name}=MODEL'")
    billed = "what nobody can tell, since lines have no cost"
    if found["billedUsd"] is not None:
        billed = f"{found['billedUsd']} USD"
    print_line(
        f"\nbooked {found['bookedUsd']} USD, billed {billed}; "
        f"{found['daysDiffering']} of {found['days']} days and models differ, "
        f"{_counted(found['attemptsDiffering'], 'attempt')}"
    )
    if "written" in found:
        written = _counted(found["written"], "correction")
        print_line(f"{written} written, {found['correctedUsd']} USD in all")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _fail(text: str) -> Any:
    sys.stderr.write(f"crossfade: {text}\n")
    raise SystemExit(_USAGE)
