"""What the orchestrator costs: CPU of the proxy per whole workflow, and per chunk of a stream.

Everything is on: the profile of the legacy API (whole answers), workflows in SQLite, breakers,
scores, the cache. The provider is the stand-in of the tests, in a process of its own.
"""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from scripts.benchmarks import streams
from scripts.benchmarks.processes import Server, free_port, serving
from scripts.benchmarks.requests import Sample, measure, middle, wrk
from tests.kit.provider import answer
from tests.kit.provider.process import ProviderProcess

CHUNKS = 250
FEW_CHUNKS = 10
"""Of the short streams: what these cost is what it takes to begin and end one."""
PAUSE = 0.002
"""Seconds between chunks, so that each one comes by itself."""
WARM_UP_SECONDS = 2
METERED_WARM_UP_SECONDS = 5
"""So long that all 1,000 users have asked: at the first time it is read what they have spent."""
STREAMS_AT_ONCE = 64
STREAMS_EACH = 4
"""Streams on each connection, one after the other, in a round."""

CONFIG = """
listen: 127.0.0.1:{port}
admin: {{listen: "127.0.0.1:{admin}"}}
upstreams:
  legacy: {{url: "{azure}"}}
identity:
  key: ["header:X-User-Id"]
  trusted_proxies: [127.0.0.1/32]
rollouts:
  everyone: {{enabled: true, percentage: 100}}
routes:
  - name: campaigns
    match: {{path: /api/campaigns}}
    rollout: everyone
    arms: {{legacy: {{upstream: legacy}}, new: {{plugin: orchestrator}}}}
    plugins: [{{transform: {{profile: huntaze-campaigns}}}}]
  - name: streams
    match: {{path: /streams}}
    rollout: everyone
    arms: {{legacy: {{upstream: legacy}}, new: {{plugin: orchestrator}}}}
plugins:
  orchestrator:
    providers:
      azure: {{kind: azure, endpoint: "{azure}", key: of-the-benchmark, connections: 1000}}
      openai: {{kind: openai, endpoint: "{openai}", key: of-the-benchmark, connections: 1000}}
    deployments:
      azure-4o: {{provider: azure, model: gpt-4o, price: {{input: "2.50", output: "10"}}}}
      openai-4o: {{provider: openai, model: gpt-4o, price: {{input: "2.50", output: "10"}}}}
      openai-mini: {{provider: openai, model: gpt-4o-mini, price: {{input: "0.15", output: "0.6"}}}}
    cache: {{use: last_resort}}
    workflows: "sqlite://{folder}/var/workflows.db"
{metering}log: {{format: json, level: warning}}
"""
METERING = """  cost_meter:
    journal: "sqlite://{folder}/var/costs.db"
    budgets:
      user-day: {{of: user, limit: "4000000", per: day}}
      month: {{of: everyone, limit: "4000000", per: month}}
"""
"""What is spent is written and held to two budgets; by them nothing is refused."""

CAMPAIGN = """{"userId": "user-TURN", "action": "content_planning",
 "platforms": ["instagram", "tiktok"],
 "payload": {"theme": "spring sale", "goal": "engagement", "tone": "warm"}}"""
INTENT = """{"type": "message_generation", "userId": "user-TURN", "stream": true,
 "platforms": ["instagram"], "data": {"theme": "spring sale", "tone": "warm"}}"""
"""What is posted; TURN becomes the number of the user."""


@contextmanager
def orchestrating(
    folder: Path, provider: ProviderProcess, *, metered: bool = False
) -> Iterator[Server]:
    """Run Crossfade with the orchestrator on its new arm; nothing goes to legacy."""
    name = "metering" if metered else "orchestrating"
    port, path = free_port(), folder / f"{name}.yaml"
    text = CONFIG.format(
        port=port,
        admin=free_port(),
        azure=provider.url_azure,
        openai=provider.url_openai,
        folder=folder,
        metering=METERING.format(folder=folder) if metered else "",
    )
    path.write_text(text)
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(path)]
    with serving(name, port, command, folder) as server:
        yield server


@contextmanager
def stage(folder: Path) -> Iterator[tuple[Server, ProviderProcess]]:
    """Run both processes."""
    with ProviderProcess() as provider, orchestrating(folder, provider) as server:
        provider.stand("*", answer(chunks=CHUNKS, pause=PAUSE))
        yield server, provider


def dispatch(rounds: int, seconds: int) -> dict[str, object]:
    """Measure whole workflows through the legacy API.

    Raises RuntimeError where an answer came from elsewhere than the provider.
    """
    samples = []
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder:
        body = Path(folder) / "body"
        body.write_text(CAMPAIGN)
        with stage(Path(folder)) as (server, provider):
            wrk(server.port, WARM_UP_SECONDS, "/api/campaigns", body)
            for number in range(1, rounds + 1):
                sample = _executed(server, provider, seconds, body)
                samples.append(sample)
                print(f"round {number}: {sample.cpu_us:.0f} us a workflow, {sample.rps:.0f}/s")
    return {"rounds": rounds, "seconds": seconds, **middle(samples)}


def metered(rounds: int, seconds: int) -> dict[str, object]:
    """Measure the same with and without metering, by turns.

    Raises RuntimeError where an answer came from elsewhere than the provider.
    """
    with (
        tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder,
        tempfile.TemporaryDirectory(prefix="crossfade-bench-") as other,
        ProviderProcess() as provider,
        orchestrating(Path(folder), provider) as plain,
        orchestrating(Path(other), provider, metered=True) as metering,
    ):
        body = Path(folder) / "body"
        body.write_text(CAMPAIGN)
        samples: dict[str, list[Sample]] = {"plain": [], "metered": []}
        for server in (plain, metering):
            wrk(server.port, METERED_WARM_UP_SECONDS, "/api/campaigns", body)
        for number in range(1, rounds + 1):
            for name, server in (("plain", plain), ("metered", metering)):
                sample = _executed(server, provider, seconds, body)
                samples[name].append(sample)
                print(f"round {number}: {sample.cpu_us:.0f} us a workflow, {name}")
    more = (
        with_it.cpu_us - without.cpu_us
        for with_it, without in zip(samples["metered"], samples["plain"], strict=True)
    )
    return {
        "rounds": rounds,
        "seconds": seconds,
        "more_us": round(median(more), 1),
        **{name: middle(some) for name, some in samples.items()},
    }


def _executed(server: Server, provider: ProviderProcess, seconds: int, body: Path) -> Sample:
    before = provider.counts()["executed"]
    sample = measure(server, seconds, "/api/campaigns", body)
    executed = provider.counts()["executed"] - before
    if executed < sample.requests:
        raise RuntimeError(f"{sample.requests} workflows, but {executed} were executed")
    return sample


def stream(rounds: int) -> dict[str, object]:
    """Measure long and short streams; a chunk costs what a longer stream costs more, for each."""
    long, short = [], []
    with (
        tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder,
        stage(Path(folder)) as (server, provider),
    ):
        _streamed(server, provider, CHUNKS, each=1)
        for number in range(1, rounds + 1):
            long.append(_streamed(server, provider, CHUNKS, STREAMS_EACH))
            short.append(_streamed(server, provider, FEW_CHUNKS, STREAMS_EACH))
            print(f"round {number}: {_per_chunk(long[-1], short[-1]):.1f} us a chunk")
    return {
        "rounds": rounds,
        "streams": STREAMS_AT_ONCE * STREAMS_EACH,
        "at_once": STREAMS_AT_ONCE,
        "chunks": CHUNKS,
        "few_chunks": FEW_CHUNKS,
        "stream_us": round(median(long), 1),
        "short_us": round(median(short), 1),
        "chunk_us": round(median(map(_per_chunk, long, short)), 2),
    }


def _per_chunk(long: float, short: float) -> float:
    return (long - short) / (CHUNKS - FEW_CHUNKS)


def _streamed(server: Server, provider: ProviderProcess, chunks: int, each: int) -> float:
    """Return the CPU µs of one stream with so many chunks. Raises RuntimeError if some are lost."""
    provider.stand("*", answer(chunks=chunks, pause=PAUSE))
    before = server.cpu_seconds()
    came = streams.read(server.port, "/streams", INTENT, connections=STREAMS_AT_ONCE, each=each)
    if came != chunks * STREAMS_AT_ONCE * each:
        raise RuntimeError(f"{came} chunks came; some are missing")
    return (server.cpu_seconds() - before) * 1e6 / (STREAMS_AT_ONCE * each)
