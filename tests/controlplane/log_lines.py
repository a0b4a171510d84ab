"""Logs into a string, with everything as it was afterwards."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from proxy.config.models import Log
from proxy.controlplane.logs import set_up_logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@contextmanager
def logging_into(
    out: io.StringIO, log_format: str = "json", level: str = "info"
) -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, least = root.handlers[:], root.level
    try:
        set_up_logs(Log.model_validate({"format": log_format, "level": level}), out)
        yield out
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(least)
        structlog.reset_defaults()
