"""Long campaigns, bounded and seeded; the suite has a short version of each."""

import argparse
import asyncio
import sys
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, TypeVar

_T = TypeVar("_T")


async def within(seconds: float, campaign: Coroutine[Any, Any, _T]) -> _T:
    """Run a campaign. Raises TimeoutError if it takes longer."""
    async with asyncio.timeout(seconds):
        return await campaign


def show(number: int) -> None:
    """Tell a person that so many changes are made."""
    if sys.stderr.isatty():
        print(f"\r{number}", end="", file=sys.stderr, flush=True)


def kills_asked(says: str | None, seconds: float) -> argparse.Namespace:
    """Read what a campaign of kills is asked for: `count`, at most `seconds`, and a `seed`."""
    parser = argparse.ArgumentParser(description=says)
    parser.add_argument("--count", type=int, default=200, help="how often the process is killed")
    parser.add_argument("--seconds", type=float, default=seconds, help="the most that it may take")
    parser.add_argument("--seed", type=int, default=1, help="for all that is random")
    return parser.parse_args()


def told(figures: Mapping[str, object], wrong: Sequence[str]) -> None:
    """Print what a campaign has found."""
    for name, value in {**figures, "wrong afterwards": len(wrong)}.items():
        print(f"{name:<38} {value}")
    for said in wrong[:20]:
        print(f"! {said}")
