"""The commands ``crossfade orchestrator …``: they ask the admin listener of a running proxy."""

import sys
from typing import Any
from urllib.parse import urlencode

import orjson

from proxy.api import Commands

__all__ = ["provide_commands"]


def provide_commands(cli: Commands) -> None:
    """The same by hand."""

    def deployments() -> None:
        """Show the deployments and their breakers."""
        _print_deployments(cli.ask("GET", "/deployments"))

    def force(deployment: str, mode: str) -> None:
        """Force a breaker: forced_open, forced_closed, metrics_only; closed: it decides again."""
        wanted = {"deployment": deployment, "mode": mode}
        _print_deployments(cli.ask("POST", "/deployments/force", wanted))

    def workflows(status: str = "", limit: int = 20, id: str = "") -> None:  # noqa: A002
        """List the newest workflows, or show the one with an id."""
        asked = (
            {"id": id} if id else {"limit": str(limit), **({"status": status} if status else {})}
        )
        for one in cli.ask("GET", f"/workflows?{urlencode(asked)}")["workflows"]:
            _print_workflow(one, whole=bool(id))

    cli.add(deployments)
    cli.add(force)
    cli.add(workflows)


def _print_deployments(found: dict[str, Any]) -> None:
    for one in found["deployments"]:
        throttled = ", throttled" if one["throttled"] else ""
        why = f" ({one['why']})" if one["why"] else ""
        sys.stdout.write(
            f"{one['deployment']:24} {one['provider']:8} {one['state']}{throttled}{why}\n"
        )


def _print_workflow(one: dict[str, Any], *, whole: bool) -> None:
    if whole:
        sys.stdout.write(orjson.dumps(one, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write(
            f"{one['workflowId']}  {one['type']:20} {one['status']:12} {one['attempts']} attempts\n"
        )
