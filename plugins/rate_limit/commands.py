"""The commands ``crossfade rate_limit …``: they ask the admin listener of a running proxy."""

import sys
from typing import Any
from urllib.parse import urlencode

from proxy.api import Commands

__all__ = ["provide_commands"]


def provide_commands(cli: Commands) -> None:
    """The same by hand."""

    def rules() -> None:
        """List the rules."""
        for one in cli.ask("GET", "/rules")["rules"]:
            _print_rule(one)

    def user(id: str, recipient: str = "", message_type: str = "") -> None:  # noqa: A002
        """Show how the limits of a user stand; those of a recipient and a type if asked."""
        more = {"recipient": recipient, "message_type": message_type}
        asked = {"id": id} | {name: value for name, value in more.items() if value}
        _print_windows(cli.ask("GET", f"/user?{urlencode(asked)}"))

    def everybody() -> None:
        """Show how those limits stand that all share."""
        _print_windows(cli.ask("GET", "/global"))

    def violations(limit: int = 50) -> None:
        """List who was refused, the latest first: in this minute, hour and day, here."""
        _print_violations(cli.ask("GET", f"/violations?limit={limit}")["violations"])

    def clear(rule: str, user: str = "", recipient: str = "") -> None:
        """Forget what a rule has counted, of a user or of a recipient."""
        said = {"user": user, "recipient": recipient}
        facts = {name: value for name, value in said.items() if value}
        cleared = cli.ask("POST", "/clear", {"rule": rule, "facts": facts})["cleared"]
        sys.stdout.write(f"cleared: {cleared}\n")

    cli.add(rules)
    cli.add(user)
    cli.add(everybody, name="global")
    cli.add(violations)
    cli.add(clear)


def _print_rule(one: dict[str, Any]) -> None:
    by = " and ".join(one["scope"]) or "everybody together"
    windows = one.get("windows") or [{"limit": one["concurrency"], "per": "any moment"}]
    allowed = ", ".join(f"{window['limit']} in {window['per']}" for window in windows)
    sys.stdout.write(
        f"{one['rule']:28} {one['counts']:9} {allowed} {one['unit']} by {by}: {one['action']}\n"
    )


def _print_windows(found: dict[str, Any]) -> None:
    if "degraded" in found:
        sys.stdout.write(f"without the store: {found['degraded']}\n")
    for one in found["windows"]:
        more = f", more in {one['reset']} s" if one["reset"] else ""
        sys.stdout.write(
            f"{one['policy']:28} {one['remaining']} of {one['limit']} {one['unit']} left{more}\n"
        )


def _print_violations(found: list[dict[str, Any]]) -> None:
    for one in found:
        sys.stdout.write(
            f"{one['rule']:28} {one['user'] or '(nobody known)':32} {one['minute']} this minute, "
            f"{one['hour']} this hour, {one['day']} today; last {one['last']}\n"
        )
