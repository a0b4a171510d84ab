"""Ids of workflows and attempts, sortable by time and not to be guessed; and of this process."""

import os
import platform
from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path

__all__ = ["attempt_id", "digests", "owner_of_process", "workflow_id"]


def workflow_id(now: float) -> str:
    """Return a new id; `now` in Unix seconds. Ids sort by time to the millisecond."""
    return f"wf_{int(now * 1000):012x}{os.urandom(10).hex()}"


def attempt_id(workflow: str, number: int) -> str:
    """Return a new id of a workflow's attempt, the first of which is 1.

    Numbers go on where the record ends. What was planned and never begun is in no record, but in
    the books of who meters: so the number alone would come twice.
    """
    return f"{workflow}-{number}-{os.urandom(4).hex()}"


def digests(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return what makes short digests, by a key out of these secrets.

    They are the same in every process that has them; of nobody else's can be told what was
    digested. Of nothing it is nothing.
    """
    key = blake2b("\0".join(sorted(secrets)).encode(), digest_size=32).digest()

    def digest(text: str) -> str:
        return blake2b(text.encode(), digest_size=8, key=key).hexdigest() if text else ""

    return digest


def owner_of_process() -> str:
    """Return what tells this process from every other, also after a reload of the plugin."""
    try:
        begun = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # not Linux: another process with this number is mistaken for ours
        begun = "0"
    return f"{platform.node()}:{os.getpid()}:{begun}"
