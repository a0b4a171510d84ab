"""Asks the applications that have the hook `explain` what they know of a request."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from proxy.api.events import Note
from proxy.pluginhost.guard import CATCHABLE, WrongResultError
from proxy.pluginhost.instances import ApplicationInstance

__all__ = ["EXPLAIN_SECONDS", "Explained", "explained"]

EXPLAIN_SECONDS = 2.0
"""So long the hook `explain` of one application may take."""

_NOTES_MOST = 1000


class Explained(NamedTuple):
    """What one plugin knows of a request."""

    plugin: str
    notes: tuple[Note, ...]
    trouble: str
    """Why it could not say; empty if it could."""


async def explained(
    applications: Iterable[ApplicationInstance], request_id: str
) -> tuple[Explained, ...]:
    """Return what each of them knows, without those that know nothing."""
    asked = [_ask(one, request_id) for one in applications if "explain" in one.calls]
    found = await asyncio.gather(*asked)
    return tuple(one for one in found if one.notes or one.trouble)


async def _ask(one: ApplicationInstance, request_id: str) -> Explained:
    name, guard = one.code.name, one.guard
    if guard.quarantined:
        return Explained(name, (), "it is quarantined; see crossfade plugins")
    guard.calls += 1
    try:
        async with asyncio.timeout(EXPLAIN_SECONDS):
            notes = await one.calls["explain"](request_id)
        if not isinstance(notes, tuple) or not all(isinstance(note, Note) for note in notes):
            raise WrongResultError("explain returned something else than a tuple of Notes")
    except CATCHABLE as error:
        guard.fault("explain", error)
        return Explained(name, (), "it failed to say; see crossfade plugins")
    return Explained(name, notes[:_NOTES_MOST], "")
