"""`crossfade status`: how a running proxy is doing."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console
from rich.text import Text

from proxy.cli.admin_client import FAILED, admin_url, ask
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.plugins import quarantine_lines
from proxy.cli.tables import add_row, console, duration, new_table, print_json, print_table


def command(config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False) -> None:
    """Show what a running proxy serves, and how it is doing.

    Exits with 0 when the proxy is ready, 1 when it is not or cannot be
    reached, 2 on bad usage or configuration.
    """
    status = ask("GET", admin_url(admin, config), "status", expect=200).body
    if as_json:
        print_json(status)
    else:
        _print(status, console())
    if not status["ready"]:
        raise typer.Exit(FAILED)


def _print(status: dict[str, Any], out: Console) -> None:
    _print_summary(status, out)
    for trouble in _troubles(status):
        out.print(Text(trouble, style="red"))
    rollouts = (
        (
            one["name"],
            "yes" if one["enabled"] else "no",
            f"{one['percentage']:g} %",
            one["standing"].replace("_", " "),
            ", ".join(one["routes"]),
        )
        for one in status["rollouts"]
    )
    print_table(out, ("rollout", "enabled", "percentage", "standing", "routes"), rollouts)
    endpoints = ([one[name] for name in _ENDPOINT] for one in status["endpoints"])
    print_table(out, _ENDPOINT, endpoints)
    routes = (
        (one["route"] or "(none matched)", *(one[name] for name in _ROUTE))
        for one in status["requests"]["routes"]
    )
    print_table(out, ("route", "arm", "requests", "errors", "p50 ms", "p99 ms"), routes)


_ENDPOINT = ("upstream", "endpoint", "state", "outstanding", "idle", "waiting")
_ROUTE = ("arm", "requests", "errors", "p50_ms", "p99_ms")


def _print_summary(status: dict[str, Any], out: Console) -> None:
    requests, config = status["requests"], status["config"]
    style = "green" if status["ready"] else "red"
    table = new_table()
    table.add_row("state", Text(status["reason"], style=style))
    add_row(table, "version", f"{status['version']}, up {duration(status['uptime_seconds'])}")
    add_row(table, "listens", ", ".join(status["listeners"]))
    add_row(table, "config", f"{config['file']} ({config['digest'][:12]})")
    add_row(table, "generation", _generation(status))
    add_row(
        table,
        "requests",
        f"{requests['total']} done, {requests['in_flight']} in flight, "
        f"{requests['connections_open']} connections, {requests['tunnels_open']} tunnels",
    )
    if requests["faults"]:
        told = ", ".join(f"{name} {n}" for name, n in requests["faults"].items())
        add_row(table, "faults", told)
    if status["plugins"]:
        add_row(table, "plugins", ", ".join(plugin["name"] for plugin in status["plugins"]))
    out.print(table)


def _generation(status: dict[str, Any]) -> str:
    draining = ", ".join(
        f"{one['number']} ({one['in_flight']} in flight)" for one in status["draining"]
    )
    return f"{status['generation']}{f', draining {draining}' if draining else ''}"


def _troubles(status: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each thing that somebody has to look after."""
    config = status["config"]
    if config["stale"]:
        refused = "What the file and the plugins hold now was refused; it does not serve:"
        yield "What serves is not what the file holds:" if config["brought_back"] else refused
        yield from (f"  {problem}" for problem in config["problems"])
    for plugin in status["plugins"]:
        if plugin["health"] and not plugin["quarantined"]:
            yield f"The plugin {plugin['name']} is not well: {plugin['health']}"
    yield from quarantine_lines(status["plugins"])
