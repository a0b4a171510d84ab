"""Following a ramp until it ends: through restarts of the proxy, to an exit code."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from yarl import URL

from proxy.cli.admin_client import FAILED, UnreachableError, attempt, fail, told
from proxy.cli.changes import path_of, refusal
from proxy.cli.rollout_text import Rollout

__all__ = ["BACK", "NEEDS_A_PERSON", "TIMED_OUT", "Display", "End", "Patience", "follow", "looking"]

BACK = 3
"""Exit code: everybody is back on legacy, by the brake or by somebody."""

NEEDS_A_PERSON = 4
"""Exit code: the ramp does not go on by itself."""

TIMED_OUT = 5
"""Exit code: the ramp was still under way when the time was over."""

OLDER_LOOKS = 10
"""So many looks in a row may show an older version than the change that was just made (another
replica answers, which has not heard of it); then it is taken as it is: the store was emptied."""

_CODES = {
    "complete": 0,
    "rolled_back": BACK,
    "killed": BACK,
    "held": NEEDS_A_PERSON,
    "paused": NEEDS_A_PERSON,
    "frozen": NEEDS_A_PERSON,
    "draft": NEEDS_A_PERSON,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to follow; in seconds."""

    interval: float = 1.0
    """Between two looks."""
    timeout: float = 0.0
    """Longest time over all; 0 for none."""
    unreachable: float = 600.0
    """Longest time without any answer."""


class Display(Protocol):
    """Where the ramp is shown."""

    def show(self, rollout: Rollout) -> None:
        """Show how the rollout stands; called at each look."""

    def lost(self, why: str) -> None:
        """Say that nobody answers; called at each look without an answer."""


class End(NamedTuple):
    """How it ended: the exit code, what was seen last (None: nothing), and why in words."""

    code: int
    rollout: Rollout | None
    why: str = ""


def looking(base: URL, name: str) -> Callable[[], Rollout]:
    """Return a function that asks how the rollout stands.

    It raises UnreachableError while nobody can tell, and exits with 1 where asking again
    would not help: no such rollout, or a token that is not known.
    """

    def look() -> Rollout:
        answer = attempt("GET", base, path_of(name), patience=10.0)
        if answer.status == 404:
            fail(FAILED, refusal(answer))
        if answer.status != 200:
            raise UnreachableError(f"{base} answered {answer.status}: {told(answer.body)}")
        return answer.body

    return look


def follow(
    look: Callable[[], Rollout],
    display: Display,
    patience: Patience,
    *,
    version: int = 0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> End:
    """Look again and again until the ramp has ended, and return how.

    `version` is the version of the change that began it: what is older is not believed at once.
    An answer that does not come (the proxy restarts, say) ends nothing before its time.
    """
    began = answered = clock()
    seen: Rollout | None = None
    older = 0
    while True:
        try:
            found = look()
        except UnreachableError as error:
            display.lost(str(error))
            if clock() - answered >= patience.unreachable:
                return End(FAILED, seen, f"{error}\nNobody has answered for too long.")
        else:
            answered = clock()
            older = older + 1 if found["version"] < version else 0
            if not 0 < older < OLDER_LOOKS:
                seen = found
                display.show(seen)
                if (code := _CODES.get(seen["standing"])) is not None:
                    return End(code, seen)
        if patience.timeout and clock() - began >= patience.timeout:
            return End(TIMED_OUT, seen)
        sleep(patience.interval)
