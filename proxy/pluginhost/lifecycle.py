"""Begins and ends applications: startup, and at the end shutdown, tasks, metrics."""

from collections.abc import Coroutine, Iterable
from typing import Any

from proxy.pluginhost.failures import failure, late_startup
from proxy.pluginhost.guard import CATCHABLE
from proxy.pluginhost.instances import ApplicationInstance
from proxy.pluginhost.running import within
from proxy.pluginhost.services import PluginServices, Surroundings
from proxy.settings.problems import ConfigError, Problem

__all__ = ["SHUTDOWN_SECONDS", "STARTUP_SECONDS", "start", "stop"]

STARTUP_SECONDS = 10.0
"""So long the hook `startup` of one application may take."""

SHUTDOWN_SECONDS = 5.0
"""So long the hook `shutdown` may take, and after it the end of background tasks."""


async def start(one: ApplicationInstance, around: Surroundings, seconds: float) -> None:
    """Start an application. Raises ConfigError when it fails or is late; then `stop` it."""
    one.services = PluginServices(one.guard, around)
    startup = one.calls.get("startup")
    if startup is None:
        return
    late: list[Problem] = []
    try:
        work = startup(one.services)
        await within(seconds, work, lambda: late.append(_late(one, work, seconds)))
        return
    except CATCHABLE as error:
        problem = late[0] if late else failure(one.code, error, "startup", one.settings)
    # Out here, so that no traceback hangs on it, and with that the plugin's objects.
    raise ConfigError([problem])


async def stop(applications: Iterable[ApplicationInstance], seconds: float) -> None:
    """End applications one after another, whatever they do; their faults are counted."""
    for one in applications:
        if one.services is not None:
            one.services.withdraw()  # what is shut down serves nobody
        shutdown = one.calls.get("shutdown")
        if shutdown is not None:
            try:
                await within(seconds, shutdown())
            except CATCHABLE as error:
                one.guard.fault("shutdown", error)
        if one.services is not None:
            await one.services.end(seconds)


def _late(one: ApplicationInstance, work: Coroutine[Any, Any, Any], seconds: float) -> Problem:
    file, line, hint = late_startup(one.code, work, seconds)
    said = f"a startup that was not ready within {seconds:g} s"
    where = f"plugin {one.code.name}"
    return Problem(file, line, 1, where, said, "a startup that ends in time", hint)
