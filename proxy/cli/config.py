"""`crossfade config`: the generations that have served, and the way back to one of them."""

from typing import Annotated

import typer

from proxy.cli.admin_client import admin_url, ask
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.reload import PATIENCE_SECONDS, report
from proxy.cli.tables import console, print_json, print_table, when

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="Show the generations that served; bring one back.")


@app.command("history")
def history(config: AskedConfig = CONFIG, admin: Admin = None, *, as_json: Json = False) -> None:
    """List the last generations of a running proxy: those that can be brought back.

    Exits with 0, with 1 when the proxy cannot be reached, 2 on bad usage.
    """
    answer = ask("GET", admin_url(admin, config), "config/history", expect=200)
    if as_json:
        print_json(answer.body)
        return
    rows = (
        (one["number"], when(one["since"]), one["digest"][:12], one["note"])
        for one in answer.body["generations"]
    )
    print_table(console(), ("generation", "since", "digest", "note"), rows)


@app.command("rollback")
def rollback(
    generation: Annotated[int, typer.Argument(help="Its number, as `config history` says.")],
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Serve what an earlier generation was made of, configuration and plugins.

    The file is not written: it serves again when it is changed or reloaded.
    Exits with 0 when the generation serves, 1 when it cannot be brought back
    or the proxy cannot be reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    wanted = {"generation": generation}
    answer = ask("POST", base, "config/rollback", body=wanted, patience=PATIENCE_SECONDS)
    report(answer, f"What generation {generation} was made of", as_json=as_json)
