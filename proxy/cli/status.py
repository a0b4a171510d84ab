"""`crossfade status`: how a running proxy is doing."""

import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from proxy.cli.admin_client import FAILED, admin_url, ask, fail


def command(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="Configuration file; says where admin listens.")
    ] = Path("config.yaml"),
    admin: Annotated[
        str | None, typer.Option("--admin", help="URL of the admin listener, instead of --config.")
    ] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")] = False,
) -> None:
    """Show what a running proxy serves, and how it is doing.

    Exits with 0 when the proxy is ready, 1 when it is not or cannot be
    reached, 2 on bad usage or configuration.
    """
    base = admin_url(admin, config)
    answer = ask("GET", base, "status")
    if answer.status != 200:
        fail(FAILED, f"{base} answered {answer.status}: {answer.body.get('detail', '')}")
    if as_json:
        sys.stdout.write(orjson.dumps(answer.body, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print(answer.body, Console(width=None if sys.stdout.isatty() else 160))
    if not answer.body["ready"]:
        raise typer.Exit(FAILED)


def _print(status: dict[str, Any], console: Console) -> None:
    _print_summary(status, console)
    if status["rollouts"]:
        table = _table("rollout", "enabled", "percentage", "routes")
        for one in status["rollouts"]:
            enabled = "yes" if one["enabled"] else "no"
            _row(table, one["name"], enabled, f"{one['percentage']:g} %", ", ".join(one["routes"]))
        console.print(table)
    if status["endpoints"]:
        table = _table("upstream", "endpoint", "state", "outstanding", "idle", "waiting")
        for one in status["endpoints"]:
            _row(table, *(one[name] for name in _ENDPOINT))
        console.print(table)
    if status["requests"]["routes"]:
        table = _table("route", "arm", "requests", "errors", "p50 ms", "p99 ms")
        for one in status["requests"]["routes"]:
            route = one["route"] or "(none matched)"
            _row(table, route, *(one[name] for name in _ROUTE))
        console.print(table)


_ENDPOINT = ("upstream", "endpoint", "state", "outstanding", "idle", "waiting")
_ROUTE = ("arm", "requests", "errors", "p50_ms", "p99_ms")


def _print_summary(status: dict[str, Any], console: Console) -> None:
    requests, config = status["requests"], status["config"]
    style = "green" if status["ready"] else "red"
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("state", Text(status["reason"], style=style))
    _row(table, "version", f"{status['version']}, up {_duration(status['uptime_seconds'])}")
    _row(table, "listens", ", ".join(status["listeners"]))
    _row(table, "config", f"{config['file']} ({config['digest'][:12]})")
    _row(table, "generation", status["generation"])
    _row(
        table,
        "requests",
        f"{requests['total']} done, {requests['in_flight']} in flight, "
        f"{requests['connections_open']} connections, {requests['tunnels_open']} tunnels",
    )
    if requests["faults"]:
        _row(table, "faults", ", ".join(f"{name} {n}" for name, n in requests["faults"].items()))
    console.print(table)
    if config["stale"]:
        console.print(Text("The file has changed and was refused; it does not serve:", style="red"))
        for problem in config["problems"]:
            console.print(Text(f"  {problem}"))


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, title=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def _row(table: Table, *cells: object) -> None:
    # As text: what a name holds is never read as markup.
    table.add_row(*(Text("-" if cell is None else str(cell)) for cell in cells))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    shown = [f"{amount}{unit}" for amount, unit in parts if amount][:2]
    return " ".join(shown) or "0s"
