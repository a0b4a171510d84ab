"""Has plugins create and upgrade their tables: for ``crossfade migrate``, without a proxy."""

from collections.abc import Iterable
from typing import NamedTuple

from proxy.pluginhost.guard import CATCHABLE, WrongResultError
from proxy.pluginhost.instances import ApplicationInstance
from proxy.pluginhost.running import within
from proxy.pluginhost.services import PluginServices, Surroundings

__all__ = ["MIGRATE_SECONDS", "Migrated", "migrated"]

MIGRATE_SECONDS = 300.0
"""So long the hook `migrate` of one application may take: tables in a cloud take their time."""

_END_SECONDS = 5.0


class Migrated(NamedTuple):
    """What became of one plugin's tables."""

    plugin: str
    done: tuple[str, ...]
    """In words; nothing where all was as it should be."""
    trouble: str
    """Why it failed; empty if it did not."""


async def migrated(
    applications: Iterable[ApplicationInstance],
    around: Surroundings,
    *,
    dry_run: bool,
    seconds: float = MIGRATE_SECONDS,
) -> tuple[Migrated, ...]:
    """Ask each application that has the hook, one after another; one that fails stops no other."""
    asked = [one for one in applications if "migrate" in one.calls]
    return tuple([await _migrated(one, around, seconds, dry_run=dry_run) for one in asked])


async def _migrated(
    one: ApplicationInstance, around: Surroundings, seconds: float, *, dry_run: bool
) -> Migrated:
    services = PluginServices(one.guard, around)
    done: list[str] = []

    async def asking() -> None:
        said = await one.calls["migrate"](services, dry_run)
        if not isinstance(said, tuple) or not all(isinstance(text, str) for text in said):
            raise WrongResultError("migrate returned something else than a tuple of texts")
        done.extend(said)

    try:
        await within(seconds, asking())
    except CATCHABLE as error:
        return Migrated(one.code.name, (), str(error) or type(error).__name__)
    finally:
        await services.end(_END_SECONDS)
    return Migrated(one.code.name, tuple(done), "")
