"""Rewrite a plugin many times under steady load: `python -m scripts.soak.reload_code_under_load`.

Ends with 1 if a request failed, if two versions of the plugin had a hand in one answer, if
a generation is left draining, or if modules or memory pile up.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path

from scripts.soak import show, within
from tests.story.code_reloading import CodeReloading, Judgement

MEBIBYTE = 1024 * 1024
MOST_GROWTH = 8 * MEBIBYTE
"""From the tenth reload to the last. A leaked version would be a quarter of a MiB each time."""


def main() -> int:
    """Read the arguments, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="how often the plugin is rewritten")
    parser.add_argument("--seconds", type=float, default=300, help="the most that it may take")
    parser.add_argument("--rate", type=float, default=600, help="requests per second")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="crossfade-soak-") as folder:
        soak = CodeReloading(asked.count, asked.rate, Path(folder))
        found = asyncio.run(within(asked.seconds, soak.run(show)))
    _report(found)
    return 1 if wrong(found) else 0


def wrong(found: Judgement) -> list[str]:
    """What did not go as promised, in words."""
    said = [*found.failures, *found.mixed]
    if found.draining:
        said.append(f"{found.draining} requests are left in draining generations")
    if len(set(found.modules)) > 1:
        said.append(f"the count of modules is not flat: {found.modules}")
    if found.resident and found.resident[-1] - found.resident[0] > MOST_GROWTH:
        said.append(f"the memory is not flat: {found.resident}")
    return said


def _report(found: Judgement) -> None:
    rows = {
        "reloads": found.reloads,
        "requests": found.requests,
        "requests per second": f"{found.rate:.0f}",
        "answered by version": ", ".join(f"{v}: {n}" for v, n in sorted(found.by_version.items())),
        "failed": len(found.failures),
        "by two versions": len(found.mixed),
        "left draining": found.draining,
        "plugin modules": ", ".join(map(str, found.modules)),
        "resident MiB": ", ".join(f"{size / MEBIBYTE:.1f}" for size in found.resident),
        "in effect after, median and max in s": (
            f"{statistics.median(found.in_effect_after):.2f}, {max(found.in_effect_after):.2f}"
        ),
    }
    for name, value in rows.items():
        print(f"{name:<38} {value}")
    for said in wrong(found)[:20]:
        print(f"! {said}")


if __name__ == "__main__":
    sys.exit(main())
