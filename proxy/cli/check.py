"""`crossfade check`: whether a configuration is one that would be served."""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from proxy.config import Config, ConfigError, load
from proxy.controlplane.generations import GenerationBuilder
from proxy.dataplane.access_log import KeyHash

OK = 0
UNUSABLE = 2


def rehearse(config: Path, env: Mapping[str, str]) -> Config:
    """The road of a reload up to the swap, with nothing opened and nobody asked.

    Raises ConfigError, OSError or ValueError where a reload would be refused.
    """
    checked = load(config, env)
    GenerationBuilder(time.monotonic, KeyHash(b"")).build(checked)
    return checked


def command(
    config: Annotated[Path, typer.Option("--config", "-c", help="The configuration file.")] = Path(
        "config.yaml"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for machines.")] = False,  # noqa: FBT002
) -> None:
    """Check a configuration file and report every problem at once.

    Exit codes: 0 the file is good, 2 it is not.
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


def _counts(config: Config) -> dict[str, int]:
    return {
        "routes": len(config.routes),
        "rollouts": len(config.rollouts),
        "upstreams": len(config.upstreams),
        "listeners": len(config.listen),
    }


def _summary(path: Path, config: Config) -> str:
    counts = ", ".join(
        f"{count} {name.removesuffix('s') if count == 1 else name}"
        for name, count in _counts(config).items()
    )
    return f"{path}: ok ({counts})"


def _counts_json(path: Path, config: Config) -> str:
    found = {"file": str(path), "ok": True, "digest": config.digest, **_counts(config)}
    return json.dumps(found)


def _problems_json(path: Path, error: ConfigError) -> str:
    problems = [asdict(problem) for problem in error.problems]
    return json.dumps({"file": str(path), "ok": False, "problems": problems})
