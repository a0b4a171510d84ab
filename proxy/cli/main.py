"""The `crossfade` command: one file per subcommand, joined here."""

import typer

from proxy.cli import (
    audit,
    check,
    config,
    decide,
    explain,
    migrate,
    plugins,
    ramp,
    reload,
    replay,
    rollouts,
    serve,
    status,
    version,
    why,
)
from proxy.cli.plugin_commands import RootGroup

__all__ = ["app", "main"]

app = typer.Typer(
    name="crossfade",
    cls=RootGroup,
    help="Fades HTTP traffic from a legacy system to its replacement.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("serve")(serve.command)
app.command("check")(check.command)
app.command("explain")(explain.command)
app.command("status")(status.command)
app.command("reload")(reload.command)
app.add_typer(plugins.app, name="plugins")
app.add_typer(config.app, name="config")
app.add_typer(rollouts.app, name="rollouts")
app.command("ramp")(ramp.command)
app.command("audit")(audit.command)
app.command("decide")(decide.command)
app.command("replay")(replay.command)
app.command("migrate")(migrate.command)
app.command("why")(why.command)
app.command("version")(version.command)


def main() -> None:
    """Run the command line."""
    app()
