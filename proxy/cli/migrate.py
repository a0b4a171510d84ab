"""`crossfade migrate`: creates and upgrades the tables that plugins keep things in."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry

from proxy.api import Alert
from proxy.cli.options import CONFIG, Json
from proxy.cli.options import Config as ConfigOption
from proxy.cli.unstarted import unstarted
from proxy.config import ConfigError, load
from proxy.pluginhost.instances import ApplicationInstance
from proxy.pluginhost.metrics import PluginMetrics
from proxy.pluginhost.migrating import Migrated, migrated
from proxy.pluginhost.services import Surroundings
from proxy.stores.for_plugins import StoresForPlugins

OK = 0
FAILED = 1
UNUSABLE = 2

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]


def command(
    config: ConfigOption = CONFIG, *, dry_run: DryRun = False, as_json: Json = False
) -> None:
    """Create the tables that plugins want, and bring those that are there up to date.

    Nothing is ever removed; running it again changes nothing. Run it with the rights to create
    tables, before the first start and before each new version. Exit codes: 0 all tables
    are as they should be, 1 some are not, 2 the configuration cannot be used.
    """
    try:
        applications = unstarted(load(config, os.environ)).applications
    except ConfigError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(UNUSABLE) from None
    found = asyncio.run(_migrated(applications, config, dry_run=dry_run))
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, "plugins": [one._asdict() for one in found]}))
    else:
        _tell(found, dry_run=dry_run)
    raise typer.Exit(FAILED if any(one.trouble for one in found) else OK)


async def _migrated(
    applications: tuple[ApplicationInstance, ...], config: Path, *, dry_run: bool
) -> tuple[Migrated, ...]:
    around = Surroundings(
        PluginMetrics(CollectorRegistry()),
        _alerted,
        time.monotonic,
        time.time,
        StoresForPlugins(config.parent),
    )
    return await migrated(applications, around, dry_run=dry_run)


def _alerted(alert: Alert) -> None:
    typer.echo(f"{alert.subject}: {alert.text}", err=True)


def _tell(found: tuple[Migrated, ...], *, dry_run: bool) -> None:
    for one in found:
        for said in one.done:
            typer.echo(f"{one.plugin}: {said}")
        if one.trouble:
            typer.echo(f"{one.plugin}: {one.trouble}", err=True)
        elif not one.done:
            typer.echo(f"{one.plugin}: nothing to do")
    if not found:
        typer.echo("no plugin of this configuration has tables of its own")
    if dry_run:
        typer.echo("nothing was changed: this was a dry run")
