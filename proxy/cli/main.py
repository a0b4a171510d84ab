"""The `crossfade` command: one file per subcommand, joined here."""

import typer

from proxy.cli import check, explain, reload, serve, status, version

__all__ = ["app", "main"]

app = typer.Typer(
    name="crossfade",
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
app.command("version")(version.command)


def main() -> None:
    """Run the command line."""
    app()
