"""`crossfade reload`: makes a running proxy read its configuration file now."""

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

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
    """Make a running proxy read its configuration file now.

    Exits with 0 when the file serves, 1 when it was refused (the old one goes
    on serving) or the proxy cannot be reached, 2 on bad usage.
    """
    base = admin_url(admin, config)
    answer = ask("POST", base, "reload")
    if as_json:
        sys.stdout.write(orjson.dumps(answer.body, option=orjson.OPT_INDENT_2).decode() + "\n")
        raise typer.Exit(0 if answer.status == 200 else FAILED)
    if answer.status == 200:
        change = "now serves" if answer.body["changed"] else "has not changed; still serving"
        print(f"The configuration {change} (generation {answer.body['generation']}).")
        return
    problems = [f"  {one}" for one in answer.body.get("problems", ())]
    fail(FAILED, "\n".join([str(answer.body.get("detail", "")), *problems]))
