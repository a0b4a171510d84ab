"""Ids of workflows and attempts, sortable by time and not to be guessed; and of this process."""

import os
import platform
from pathlib import Path

__all__ = ["attempt_id", "owner_of_process", "workflow_id"]


def workflow_id(now: float) -> str:
    """Return a new id; `now` in Unix seconds. Ids sort by time to the millisecond."""
    return f"wf_{int(now * 1000):012x}{os.urandom(10).hex()}"


def attempt_id(workflow: str, number: int) -> str:
    """Return the id of a workflow's attempt, the first of which is 1; never given twice.

    The same number after a crash would be the same call, so numbers go on where the record ends.
    """
    return f"{workflow}-{number}"


def owner_of_process() -> str:
    """Return what tells this process from every other, also after a reload of the plugin."""
    try:
        begun = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # not Linux: another process with this number is mistaken for ours
        begun = "0"
    return f"{platform.node()}:{os.getpid()}:{begun}"
