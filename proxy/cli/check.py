"""`crossfade check`: whether a configuration is one that would be served."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import typer

from proxy.cli.options import CONFIG, Json
from proxy.cli.options import Config as ConfigOption
from proxy.config import ConfigError
from proxy.controlplane.generations import rehearse
from proxy.controlplane.material import Material

OK = 0
UNUSABLE = 2


def command(config: ConfigOption = CONFIG, *, as_json: Json = False) -> None:
    """Check a configuration file with its plugins, and report every problem at once.

    Plugins are loaded and their settings read, but nothing is started. Exit
    codes: 0 the file is good, 2 it is not.
    """
    try:
        checked = rehearse(config, os.environ)
    except ConfigError as error:
        if as_json:
            typer.echo(_problems_json(config, error))
        else:
            typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from None
    except (OSError, ValueError) as error:
        typer.echo(f"{config}: {error}", err=True)
        raise typer.Exit(UNUSABLE) from None
    typer.echo(_counts_json(config, checked) if as_json else _summary(config, checked))


def _counts(material: Material) -> dict[str, int]:
    config = material.config
    return {
        "routes": len(config.routes),
        "rollouts": len(config.rollouts),
        "upstreams": len(config.upstreams),
        "plugins": len(material.sources),
        "listeners": len(config.listen),
    }


def _summary(path: Path, material: Material) -> str:
    counts = ", ".join(
        f"{count} {name.removesuffix('s') if count == 1 else name}"
        for name, count in _counts(material).items()
        if count or name != "plugins"
    )
    return f"{path}: ok ({counts})"


def _counts_json(path: Path, material: Material) -> str:
    found = {"file": str(path), "ok": True, "digest": material.digest, **_counts(material)}
    return json.dumps(found)


def _problems_json(path: Path, error: ConfigError) -> str:
    problems = [asdict(problem) for problem in error.problems]
    return json.dumps({"file": str(path), "ok": False, "problems": problems})
