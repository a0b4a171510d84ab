"""What plugins cost a request: routes of one process with and without them, in interleaved rounds.

Two processes differ by more than what is measured here, by where their memory happens to
lie; so one process has all the routes. The differences are taken within the rounds.
"""

import tempfile
from pathlib import Path
from statistics import median

from scripts.benchmarks.requests import WARM_UP_SECONDS, measure, wrk
from scripts.benchmarks.servers import USES, crossfade_with_plugins, json_origin

PLAIN = "no plugins"
PATHS = {PLAIN: "/api/campaigns", **{name: f"/{name}/campaigns" for name in USES}}


def run(rounds: int, seconds: int) -> dict[str, object]:
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
            for name, path in PATHS.items():
                taken[name].append(measure(server, seconds, path).cpu_us)
            print(f"round {number}: " + ", ".join(f"{n} {t[-1]:.1f} us" for n, t in taken.items()))
    plain = taken[PLAIN]
    return {
        "rounds": rounds,
        "seconds": seconds,
        "cpu_us": {name: round(median(samples), 2) for name, samples in taken.items()},
        "more_us": {name: round(difference(samples, plain), 2) for name, samples in taken.items()},
        "samples": taken,
    }


def difference(samples: list[float], plain: list[float]) -> float:
    """The median over the rounds of what a request costs more than without plugins."""
    return median(one - other for one, other in zip(samples, plain, strict=True))
