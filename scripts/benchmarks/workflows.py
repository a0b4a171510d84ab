"""What the orchestrator costs: CPU of the proxy per whole workflow, and per chunk of a stream.

Everything is on: the profile of the legacy API (whole answers), workflows in SQLite, breakers,
scores, the cache. The provider is the stand-in of the tests, in a process of its own.
"""

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from scripts.benchmarks import streams
from scripts.benchmarks.processes import Server, free_port, serving
from scripts.benchmarks.requests import measure, middle, wrk
from tests.kit.provider import answer
from tests.kit.provider.process import ProviderProcess

CHUNKS = 250
PAUSE = 0.002
"""Seconds between chunks, so that each one comes by itself."""
WARM_UP_SECONDS = 2
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
    workflows: "sqlite://{folder}/workflows.db"
log: {{format: json, level: warning}}
"""

CAMPAIGN = """{"userId": "user-TURN", "action": "content_planning",
 "platforms": ["instagram", "tiktok"],
 "payload": {"theme": "spring sale", "goal": "engagement", "tone": "warm"}}"""
INTENT = """{"type": "message_generation", "userId": "user-TURN", "stream": true,
 "platforms": ["instagram"], "data": {"theme": "spring sale", "tone": "warm"}}"""
"""What is posted; TURN becomes the number of the user."""


@contextmanager
def orchestrating(folder: Path, provider: ProviderProcess) -> Iterator[Server]:
    """Run Crossfade with the orchestrator on its new arm; nothing goes to legacy."""
    port, path = free_port(), folder / "orchestrating.yaml"
    text = CONFIG.format(
        port=port,
        admin=free_port(),
        azure=provider.url_azure,
        openai=provider.url_openai,
        folder=folder,
    )
    path.write_text(text)
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(path)]
    with serving("orchestrating", port, command, folder) as server:
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
                before = provider.counts()["executed"]
                sample = measure(server, seconds, "/api/campaigns", body)
                executed = provider.counts()["executed"] - before
                if executed < sample.requests:
                    raise RuntimeError(f"{sample.requests} workflows, but {executed} were executed")
                samples.append(sample)
                print(f"round {number}: {sample.cpu_us:.0f} us a workflow, {sample.rps:.0f}/s")
    return {"rounds": rounds, "seconds": seconds, **middle(samples)}


def stream(rounds: int) -> dict[str, object]:
    """Measure streams; CPU per chunk is all that a stream takes, divided by its chunks."""
    taken = []
    with (
        tempfile.TemporaryDirectory(prefix="crossfade-bench-") as folder,
        stage(Path(folder)) as (server, _),
    ):
        streams.read(server.port, "/streams", INTENT, connections=STREAMS_AT_ONCE, each=1)
        for number in range(1, rounds + 1):
            before, began = server.cpu_seconds(), time.monotonic()
            chunks = streams.read(
                server.port, "/streams", INTENT, connections=STREAMS_AT_ONCE, each=STREAMS_EACH
            )
            if chunks != CHUNKS * STREAMS_AT_ONCE * STREAMS_EACH:
                raise RuntimeError(f"{chunks} chunks came; some are missing")
            taken.append((server.cpu_seconds() - before) * 1e6 / chunks)
            passed = time.monotonic() - began
            print(f"round {number}: {taken[-1]:.1f} us a chunk, {chunks / passed:.0f}/s")
    cpu = median(taken)
    return {
        "rounds": rounds,
        "streams": STREAMS_AT_ONCE * STREAMS_EACH,
        "at_once": STREAMS_AT_ONCE,
        "chunks": CHUNKS,
        "stream_us": round(cpu * CHUNKS, 1),
        "chunk_us": round(cpu, 2),
    }
