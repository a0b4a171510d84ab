"""Hook calls in the log, for whoever writes a plugin: `CROSSFADE_TRACE_HOOKS=1`.

Without it nothing is wrapped and nothing is paid. A line says which hook of which plugin
was called, for how long, and in a word what came of it; never what it was given.
"""

import os
import time
from collections.abc import Callable
from typing import Any

import structlog

from proxy.api.reply import ReplyHead
from proxy.api.request import Body

__all__ = ["VARIABLE", "traced", "wanted", "word"]

VARIABLE = "CROSSFADE_TRACE_HOOKS"
"""The environment variable that asks for it, by the value 1."""

_ARMS = ("legacy", "new")
_log = structlog.get_logger()


def wanted() -> bool:
    """Return whether the environment asks for hook calls in the log."""
    return os.environ.get(VARIABLE) == "1"


def traced(
    call: Callable[..., Any], hook: str, plugin: str, route: str, *, waits: bool
) -> Callable[..., Any]:
    """Return `call` with a line `hook` in the log (level info) after each call of it."""

    def note(begun: float, result: str) -> None:
        _log.info(
            "hook",
            hook=hook,
            plugin=plugin,
            route=route,
            microseconds=round((time.perf_counter() - begun) * 1e6),
            result=result,
        )

    def now(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            result = call(*arguments)
        except BaseException as error:
            note(begun, f"raised {type(error).__name__}")
            raise
        note(begun, word(hook, result))
        return result

    async def later(*arguments: Any) -> Any:
        begun = time.perf_counter()
        try:
            result = await call(*arguments)
        except BaseException as error:
            note(begun, f"raised {type(error).__name__}")
            raise
        note(begun, word(hook, result))
        return result

    return later if waits else now


def word(hook: str, result: object) -> str:
    """Return in a word or two what a hook returned, without anything of a request."""
    if result is None:
        return "none"
    if isinstance(result, ReplyHead):
        return f"reply {result.status}"
    if isinstance(result, Body):
        return f"body of {len(result.data)} bytes"
    if hook == "assign":
        return f"arm {result if result in _ARMS else 'unknown'}"
    return type(result).__name__
