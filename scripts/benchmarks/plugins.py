"""What plugins cost a request: routes of one process with and without them, in interleaved rounds.

Two processes differ by more than what is measured here, by where their memory happens to
lie; so one process has all the routes. The machine's mood changes within seconds, so the
rounds are short and many, every other one in reverse order, and the differences are
taken within them.
"""

import tempfile
from pathlib import Path
from statistics import fmean, median

from scripts.benchmarks.requests import WARM_UP_SECONDS, measure, wrk
from scripts.benchmarks.servers import USES, crossfade_with_plugins, json_origin

PLAIN = "no plugins"
PATHS = {PLAIN: "/api/campaigns", **{name: f"/{name}/campaigns" for name in USES}}


SECONDS = 1


def run(rounds: int) -> dict[str, object]:
    """Measure; CPU per request in µs, and the differences to a route without plugins."""
    taken: dict[str, list[float]] = {name: [] for name in PATHS}
    with (
        tempfile.TemporaryDirectory(prefix="crossfade-bench-") as temporary,
        json_origin(Path(temporary)) as origin,
        crossfade_with_plugins(origin.port, Path(temporary)) as server,
    ):
        for path in PATHS.values():
            wrk(server.port, WARM_UP_SECONDS, path)
        for number in range(1, rounds + 1):
            turn = list(PATHS.items())
            for name, path in turn if number % 2 else reversed(turn):
                taken[name].append(measure(server, SECONDS, path).cpu_us)
            print(f"round {number}: " + ", ".join(f"{n} {t[-1]:.1f} us" for n, t in taken.items()))
    plain = taken[PLAIN]
    return {
        "rounds": rounds,
        "seconds": SECONDS,
        "cpu_us": {name: round(median(samples), 2) for name, samples in taken.items()},
        "more_us": {name: round(difference(samples, plain), 2) for name, samples in taken.items()},
        "samples": taken,
    }


def difference(samples: list[float], plain: list[float]) -> float:
    """The mean over the rounds of what a request costs more than without plugins.

    Of the middle half of them: a round in which the machine was busy says nothing.
    """
    found = sorted(one - other for one, other in zip(samples, plain, strict=True))
    quarter = len(found) // 4
    return fmean(found[quarter : len(found) - quarter])
