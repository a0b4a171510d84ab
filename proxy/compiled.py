"""The compiled hot path, if there is one, and if it is made from these very sources.

`scripts/compile.py` turns the modules of the hot path into machine code with mypyc, next
to their sources. Python would import that in preference to the sources, also after
they were changed; therefore the compiled modules carry a list of what they were made
from, and they are passed over as soon as one source differs.
"""

import hashlib
import json
import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from pathlib import Path

__all__ = ["MODULES", "STAMP", "choose", "made_from", "stamped"]

HOME = Path(__file__).parent
STAMP = HOME / "compiled.json"
"""Written by `scripts/compile.py`: what the compiled modules were made from."""

MODULES = (
    "api/events",
    "api/headers",
    "api/reply",
    "api/request",
    "core/affinity",
    "core/bucket",
    "core/decide",
    "core/decision",
    "core/endpoint_health",
    "core/field",
    "core/forwarding",
    "core/framing",
    "core/histogram",
    "core/identity",
    "core/key",
    "core/log_linear",
    "core/match",
    "core/message",
    "core/rules",
    "core/sketch",
    "core/trace",
    "core/window",
    "dataplane/accounting",
    "dataplane/answer",
    "dataplane/client_connection",
    "dataplane/exchange",
    "dataplane/decided",
    "dataplane/generation",
    "dataplane/hook_calls",
    "dataplane/ids",
    "dataplane/outgoing",
    "dataplane/plugged_exchange",
    "dataplane/pool",
    "dataplane/problem",
    "dataplane/record",
    "dataplane/request_body",
    "dataplane/rewriting",
    "dataplane/split_exchange",
    "dataplane/upstream",
    "dataplane/upstream_connection",
    "pluginhost/chains",
    "pluginhost/guard",
)
"""What is worth compiling: everything that a request meets, without `.py`."""


def made_from(home: Path = HOME) -> dict[str, str]:
    """What a compilation now would be made from: the Python, and each source's SHA-256."""
    sources = {
        module: hashlib.sha256((home / f"{module}.py").read_bytes()).hexdigest()
        for module in MODULES
    }
    return {"python": sys.implementation.cache_tag or "", **sources}


def stamped(stamp: Path = STAMP) -> dict[str, str] | None:
    """What the compiled modules were made from; None without any."""
    try:
        found = json.loads(stamp.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def choose() -> str:
    """Decide what to import, before anything is: "compiled", "source" or "outdated".

    CROSSFADE_PURE=1 asks for the sources (to debug, to measure coverage). Outdated:
    there is a compiled hot path, but of other sources, so these are taken.
    """
    stamp = None if os.environ.get("CROSSFADE_PURE") == "1" else stamped()
    if stamp is not None and stamp == made_from():
        return "compiled"
    for folder in {HOME / Path(module).parent for module in MODULES}:
        finder = FileFinder(str(folder), (SourceFileLoader, SOURCE_SUFFIXES))
        sys.path_importer_cache[str(folder)] = finder
    return "source" if stamp is None else "outdated"
