"""What a plugin raised, told to its author: where in the plugin, and without secrets.

The text of an exception may hold what a request held; it is shown only for what runs
before any request comes (constructing, startup, saying endpoints). For the rest, the
traceback's lines of code and the exception's type have to do.
"""

import traceback
from collections.abc import Coroutine
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from proxy.pluginhost.shown import without_secrets
from proxy.pluginhost.verify import PluginCode
from proxy.settings.problems import Problem
from proxy.settings.section import Section

__all__ = ["failure", "frames_of", "late_startup", "message_of"]

_MOST_FRAMES = 20
_DEEPEST = 100


def failure(
    code: PluginCode, error: BaseException, doing: str, settings: Section | None = None
) -> Problem:
    """Return the problem for what a plugin raised while `doing`, at its last line that ran."""
    file, line = _where(error, code) or (str(code.source.place), 1)
    said = f"{doing} raised {message_of(error, settings)}"
    return Problem(file, line, 1, f"plugin {code.name}", said, f"{doing} to succeed", "")


def late_startup(
    code: PluginCode, work: Coroutine[Any, Any, Any], seconds: float
) -> tuple[str, int, str]:
    """Return file, line and hint for a `startup` that did not end in time.

    Call it before the startup is cancelled: it looks where it waits.
    """
    waiting = _waiting_at(work, code)
    if waiting is not None:
        return *waiting, "it waits in this line; begin what takes longer with services.spawn"
    start = getattr(code.application, "startup", None)
    made: CodeType | None = getattr(start, "__code__", None)
    file, line = (_file(made), made.co_firstlineno) if made else (str(code.source.place), 1)
    return file, line, f"begin what takes longer than {seconds:g} s with services.spawn"


def message_of(error: BaseException, settings: Section | None = None) -> str:
    """Return the exception's type and text in one line, the settings' secrets hidden."""
    text = without_secrets(str(error), settings)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def frames_of(error: BaseException) -> str:
    """Return the traceback and the exception's type, but not its text."""
    lines = traceback.format_tb(error.__traceback__, limit=-_MOST_FRAMES)
    notes = [f"{note}\n" for note in getattr(error, "__notes__", ())]
    return "".join([*lines, f"{type(error).__name__}\n", *notes]).rstrip("\n")


def _where(error: BaseException, code: PluginCode) -> tuple[str, int] | None:
    found = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        if _of_plugin(frame, code):
            found = (_file(frame.f_code), line)
    return found


def _waiting_at(work: Coroutine[Any, Any, Any], code: PluginCode) -> tuple[str, int] | None:
    found = None
    waiting: Any = work
    for _ in range(_DEEPEST):
        frame = getattr(waiting, "cr_frame", None)
        if frame is None:
            break
        if _of_plugin(frame, code):
            found = (_file(frame.f_code), frame.f_lineno)
        waiting = waiting.cr_await
    return found


def _file(code: CodeType) -> str:
    return str(Path(code.co_filename))  # without the dots by which versions are told apart


def _of_plugin(frame: FrameType, code: PluginCode) -> bool:
    name = str(frame.f_globals.get("__name__", ""))
    return name == code.module or name.startswith(f"{code.module}.")
