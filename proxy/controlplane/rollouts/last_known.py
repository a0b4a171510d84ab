"""A copy of the states on this machine's disk, for a start while Redis cannot be reached.

Kept only where the store's URL asks for it: `redis://host:6379/0?copy=/var/lib/crossfade.json`.
"""

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.core.rollout_json import state_from_json, state_to_json
from proxy.core.rollout_state import RolloutState

__all__ = ["LastKnown"]

_LARGEST = 64 * 1024 * 1024
_log: FilteringBoundLogger = structlog.get_logger()


class LastKnown:
    """See the module. Without a path it keeps nothing. Blocks: not for the loop's own thread."""

    def __init__(self, path: Path | None) -> None:
        """Keep the copy at `path`, in a folder that exists."""
        self.path = path
        self._failed = False

    @classmethod
    def of(cls, url: str) -> "LastKnown":
        """Return the copy that a store's URL asks for."""
        asked = parse_qs(urlsplit(url).query).get("copy", [""])[-1]
        return cls(Path(asked) if asked else None)

    def read(self) -> dict[str, RolloutState]:
        """Return the states by name; nothing where there is no copy that can be read."""
        if self.path is None:
            return {}
        try:
            with self.path.open("rb") as file:
                found = json.loads(file.read(_LARGEST))
            if not isinstance(found, list):
                raise TypeError("no list of states")
            states = [state_from_json(one) for one in found]
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError) as error:
            _log.error("state_copy_unreadable", path=str(self.path), reason=_said(error))
            return {}
        return {state.name: state for state in states}

    def write(self, states: Mapping[str, RolloutState]) -> None:
        """Replace the copy as a whole. A disk that refuses is logged once, and no fault."""
        if self.path is None:
            return
        try:
            self._replace(json.dumps([state_to_json(state) for state in states.values()]))
        except OSError as error:
            if not self._failed:
                _log.error("state_copy_not_written", path=str(self.path), reason=_said(error))
            self._failed = True
        else:
            self._failed = False

    def _replace(self, text: str) -> None:
        assert self.path is not None  # noqa: S101 - asked by `write`
        # It holds users' keys: a temporary file of this kind is for its owner alone.
        number, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            with os.fdopen(number, "w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self.path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise


def _said(error: Exception) -> str:
    # The text of a ValueError may hold what was read.
    return error.strerror or "not readable" if isinstance(error, OSError) else type(error).__name__
