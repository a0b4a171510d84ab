"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["CONFIG", "Admin", "AskedConfig", "Config", "Json", "Reason"]

CONFIG = Path("config.yaml")
"""The configuration file when none is named."""

Config = Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")]

AskedConfig = Annotated[
    Path, typer.Option("--config", "-c", help="Configuration file; says where admin listens.")
]

Admin = Annotated[
    str | None, typer.Option("--admin", help="URL of the admin listener, instead of --config.")
]

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a machine.")]

Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why, for the audit. A terminal is asked for it.")
]
