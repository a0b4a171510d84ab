"""Logs: one JSON object per line on standard error, or coloured text on a terminal.

Everything goes through one renderer, the libraries' standard logging included.
No request can break out of its line: JSON escapes control characters, and for
the text format they are escaped here before anything is printed.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import Any, TextIO, cast

import orjson
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from proxy.config.models import Log
from proxy.dataplane.access_log import KeyHash

KEY_VARIABLE = "CROSSFADE_LOG_KEY"
"""Environment variable with the secret that user keys are hashed with in logs."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_OF_MANY_LINES = frozenset({"exception", "stack"})


def set_up_logs(settings: Log, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (standard error) as the settings say.

    May be called again, after a reload: a logger that was made by
    `structlog.get_logger` and not bound follows the new settings.
    """
    out = sys.stderr if stream is None else stream
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    plain = settings.format == "json" or (settings.format == "auto" and not out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _first_things_first,
    ]
    ending: list[Processor] = (
        [structlog.processors.JSONRenderer(serializer=_to_json)]
        if plain
        else [escape_controls, structlog.dev.ConsoleRenderer(colors=out.isatty())]
    )
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", _Lines(out))),
        cache_logger_on_first_use=False,
    )
    _take_standard_logging(level, out, shared, ending)


def key_hash(env: Mapping[str, str]) -> KeyHash:
    """Make the hash for user keys in logs: keyed with CROSSFADE_LOG_KEY, else for this process.

    Without the variable the hashes differ from process to process and from
    start to start: call it once and keep what it returns.
    """
    secret = env.get(KEY_VARIABLE, "")
    return KeyHash(secret.encode() if secret else os.urandom(32))


def escape_controls(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Escape what a terminal would obey, or show in another order, in every text of an event.

    A traceback keeps its lines, indented, so that none can pass for an event.
    """
    for name, value in event.items():
        if name in _OF_MANY_LINES:
            lines = str(value).split("\n")
            event[name] = "\n".join("    " + _CONTROL.sub(_escaped, line) for line in lines)
        elif isinstance(value, str):
            event[name] = _CONTROL.sub(_escaped, value)
    return event


def _first_things_first(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    first = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return {**first, **event}


def _take_standard_logging(
    level: int, out: TextIO, shared: list[Processor], ending: list[Processor]
) -> None:
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(), structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *shared,
                *ending,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(capture=True)
    # Its lines say that a file changed; ours say what came of it.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)


class _Lines:
    """A text stream on which a line that cannot be written is lost, and never a request.

    Standard error may be a closed pipe, or a file on a full disk.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, text: str) -> None:
        try:
            self._out.write(text)
        except (OSError, ValueError):
            return

    def flush(self) -> None:
        try:
            self._out.flush()
        except (OSError, ValueError):
            return


def _to_json(event: EventDict, **_: Any) -> str:
    try:
        text = orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, an integer above 64 bits
        text = json.dumps(event, default=repr, ensure_ascii=True)
    # JSON allows some line ends (U+0085, U+2028) and terminal controls as they are.
    return text if text.isprintable() else _CONTROL.sub(_json_escaped, text)


def _json_escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()
