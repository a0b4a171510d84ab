"""CPU per proxied request, requests per second and latency, in interleaved rounds."""

import json
import subprocess
import tempfile
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from scripts.benchmarks.processes import Server
from scripts.benchmarks.servers import START, json_origin, program, proxies

LOAD = Path(__file__).with_name("load.lua")
WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Sample:
    """One run of wrk against one proxy; CPU is per request."""

    cpu_us: float
    rps: float
    p50_ms: float
    p99_ms: float
    requests: int = 0


def wrk(port: int, seconds: int, path: str = "/", body: Path | None = None) -> dict[str, int]:
    """Send load with wrk; the numbers that its script prints. Raises RuntimeError on any error.

    The path `/` is the usual one of the benchmarks. With `body`, a file, JSON is posted:
    what the file has, with the number of the user in place of TURN.
    """
    command = [program("wrk") or "wrk", "-t1", "-c32", f"-d{seconds}s", "-s", str(LOAD)]
    command.append(f"http://127.0.0.1:{port}{path}")
    if body is not None:
        command += ["--", str(body)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, int] = json.loads(ran.stdout.splitlines()[-1])
    if said["refused"] or said["broken"] or not said["requests"]:
        raise RuntimeError(f"wrk saw errors on port {port}: {said}")
    return said


def measure(server: Server, seconds: int, path: str = "/", body: Path | None = None) -> Sample:
    """One run: the proxy's own CPU time divided by the requests that wrk counted."""
    before = server.cpu_seconds()
    said = wrk(server.port, seconds, path, body)
    cpu = server.cpu_seconds() - before
    return Sample(
        cpu_us=cpu * 1e6 / said["requests"],
        rps=said["requests"] * 1e6 / said["microseconds"],
        p50_ms=said["p50"] / 1000,
        p99_ms=said["p99"] / 1000,
        requests=said["requests"],
    )


def middle(samples: list[Sample]) -> dict[str, float]:
    """The median of each number."""
    rows = [asdict(sample) for sample in samples]
    return {name: round(median(row[name] for row in rows), 3) for name in rows[0]}


def ratios(result: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """CPU per request of each proxy against nginx and against the naive proxy."""
    return {
        base: {
            name: round(numbers["cpu_us"] / result[base]["cpu_us"], 3)
            for name, numbers in result.items()
        }
        for base in ("nginx", "naive")
        if base in result
    }


def run(rounds: int, seconds: int) -> dict[str, object]:
    """Measure all installed proxies, A B C D, A B C D, ...; medians over the rounds."""
    installed = proxies()
    names = [name for name, here in installed.items() if here]
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        origin = stack.enter_context(json_origin(folder))
        servers = {name: stack.enter_context(START[name](origin.port, folder)) for name in names}
        for server in servers.values():
            wrk(server.port, WARM_UP_SECONDS)
        for number in range(1, rounds + 1):
            for name, server in servers.items():
                sample = measure(server, seconds)
                samples[name].append(sample)
                print(f"round {number}: {name:<10} {sample.cpu_us:7.1f} us {sample.rps:8.0f} rps")
    proxies_result = {name: middle(taken) for name, taken in samples.items()}
    return {
        "rounds": rounds,
        "seconds": seconds,
        "skipped": [name for name, here in installed.items() if not here],
        "proxies": proxies_result,
        "cpu_ratio_to": ratios(proxies_result),
        "samples": {name: [asdict(one) for one in taken] for name, taken in samples.items()},
    }
