"""`crossfade plugins`: what a running proxy's plugins are, do, and did wrong."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import orjson
import typer

from proxy.cli.admin_client import FAILED, USAGE, admin_url, ask, fail
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.reload import PATIENCE_SECONDS, report
from proxy.cli.tables import console, print_json, print_table

__all__ = ["app"]

app = typer.Typer(
    invoke_without_command=True,
    help="List the plugins of a running proxy; reload them, release them from quarantine.",
)

Plugin = Mapping[str, Any]


@app.callback()
def bare(
    context: typer.Context,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """List the plugins of a running proxy; reload them, release them from quarantine.

    Without a command it is `crossfade plugins list`.
    """
    if context.invoked_subcommand is None:
        list_plugins(config, admin, as_json=as_json)
    elif config != CONFIG or admin is not None or as_json:
        fail(USAGE, f"write the options behind `crossfade plugins {context.invoked_subcommand}`")


@app.command("list")
def list_plugins(
    config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False
) -> None:
    """List the plugins with version, hooks, uses, settings, faults and quarantine.

    Secrets among the settings are not shown. Exits with 0, with 1 when the
    proxy cannot be reached, 2 on bad usage.
    """
    answer = ask("GET", admin_url(admin, config), "plugins", expect=200)
    if as_json:
        print_json(answer.body)
        return
    found = answer.body["plugins"]
    out = console()
    if not found:
        print("No plugin is in use.")
    columns = ("plugin", "version", "from", "code", "hooks", "health")
    print_table(out, columns, (_plugin_row(one) for one in found))
    used = ("plugin", "used on", "settings", "on_error", "calls", "faults", "last fault")
    print_table(out, used, (row for one in found for row in _use_rows(one)))
    for line in quarantine_lines(found):
        print(line)


@app.command("reload")
def reload(config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False) -> None:
    """Make a running proxy read its plugins and its configuration file now.

    The same as `crossfade reload`: exits with 0 when they serve, 1 when they
    were refused (the old ones go on serving) or the proxy cannot be reached,
    2 on bad usage.
    """
    base = admin_url(admin, config)
    answer = ask("POST", base, "plugins/reload", patience=PATIENCE_SECONDS)
    report(answer, "The configuration with its plugins", as_json=as_json)


@app.command("release")
def release(
    plugin: Annotated[str | None, typer.Argument(help="Its name. Default: all.")] = None,
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Let what is quarantined serve again.

    Exits with 0 (also when nothing was quarantined), with 1 when there is no
    such plugin or the proxy cannot be reached, 2 on bad usage.
    """
    body = {} if plugin is None else {"plugin": plugin}
    answer = ask("POST", admin_url(admin, config), "plugins/release", body=body)
    if as_json:
        print_json(answer.body)
        raise typer.Exit(0 if answer.status == 200 else FAILED)
    if answer.status != 200:
        fail(FAILED, f"{answer.body.get('detail', '')} {answer.body.get('hint', '')}".strip())
    released = ", ".join(answer.body["released"])
    print(f"Released from quarantine: {released}." if released else "Nothing was quarantined.")


def quarantine_lines(plugins: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a sentence for each use, or application, that is quarantined."""
    for plugin in plugins:
        name = plugin["name"]
        if plugin["quarantined"]:
            yield f"{name} is quarantined: {plugin['quarantined']}."
        for use in plugin["uses"]:
            if use["quarantined"]:
                yield f"{name} on {where(use)} is quarantined: {use['quarantined']}."


def where(use: Plugin) -> str:
    """Return where a use stands, in words."""
    if use["arm"]:
        return f"{use['route']} as arm {use['arm']}"
    return f"{use['route']} as destination" if use["destination"] else str(use["route"])


def _plugin_row(plugin: Plugin) -> tuple[object, ...]:
    return (
        plugin["name"],
        plugin["version"] or None,
        plugin["kind"],
        plugin["digest"][:12],
        ", ".join(plugin["hooks"]),
        "quarantined" if plugin["quarantined"] else plugin["health"] or "well",
    )


def _use_rows(plugin: Plugin) -> Iterator[tuple[object, ...]]:
    """Yield a row for the application, if there is one, and one for each use."""
    name = plugin["name"]
    if plugin["settings"] is not None:
        settings, fault = _settings(plugin["settings"]), plugin["last_fault"] or None
        yield name, "the whole process", settings, None, None, plugin["faults"], fault
    for use in plugin["uses"]:
        yield (
            name,
            where(use),
            _settings(use["settings"]),
            use["on_error"] or None,
            use["calls"],
            use["faults"],
            use["last_fault"] or None,
        )


def _settings(settings: Mapping[str, Any] | None) -> str | None:
    if not settings:
        return None
    return ", ".join(f"{name}: {_value(value)}" for name, value in settings.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
