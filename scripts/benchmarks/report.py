"""The results as text: Markdown tables, and the budget they are held against."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

Results = dict[str, Any]


class Budget(NamedTuple):
    """A promise: a number of the results that must not be larger than `most`."""

    name: str
    path: tuple[str, ...]
    most: float


BUDGETS = (
    Budget("CPU per request against nginx", ("http", "cpu_ratio_to", "nginx", "crossfade"), 3.5),
    Budget("CPU per request against naive", ("http", "cpu_ratio_to", "naive", "crossfade"), 0.45),
    Budget("three plain hooks, us per request", ("plugins", "more_us", "three_hooks"), 1.5),
    Budget("1,000 idle connections, MiB", ("memory", "idle", "growth_mib"), 60),
    Budget("1 GiB down, MiB", ("memory", "body_growth_mib", "down"), 16),
    Budget("1 GiB up, MiB", ("memory", "body_growth_mib", "up"), 16),
    Budget("1 GiB down, slow client, MiB", ("memory", "body_growth_mib", "down_slow_reader"), 16),
    Budget("1 GiB up, slow upstream, MiB", ("memory", "body_growth_mib", "up_slow_reader"), 16),
    Budget("a workflow, us", ("dispatch", "cpu_us"), 1700),
    Budget("a chunk of a stream, us", ("stream", "chunk_us"), 25),
    Budget("a check in memory, 3 windows, us", ("limits", "memory_us", "3"), 10),
    Budget("an attempt in the journal of costs, us", ("ledger", "attempt_us"), 150),
    Budget("a metered dispatch in memory, us", ("metering", "memory_us", "16"), 150),
)

LITELLM_US = 17_300
"""CPU µs of LiteLLM proxy 1.106 per chat completion, measured once; see docs/performance.md."""


def number_at(results: Results, path: tuple[str, ...]) -> float | None:
    """The number at a path; None where that was not measured."""
    value: Any = results
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return float(value)


def over_budget(results: Results) -> list[str]:
    """The promises that the measured numbers do not keep."""
    found = [(budget, number_at(results, budget.path)) for budget in BUDGETS]
    return [
        f"{budget.name}: {number:g}, at most {budget.most:g}"
        for budget, number in found
        if number is not None and number > budget.most
    ]


def http_table(http: Results) -> Iterator[str]:
    """One line per proxy."""
    yield f"Medians of {http['rounds']} interleaved rounds of {http['seconds']} s."
    yield ""
    yield "| proxy | CPU µs per request | of nginx | of naive | requests/s | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for name, row in http["proxies"].items():
        ratio = [http["cpu_ratio_to"].get(base, {}).get(name) for base in ("nginx", "naive")]
        shown = ["" if one is None else f"{one:.2f}" for one in ratio]
        yield (
            f"| {name} | {row['cpu_us']:.1f} | {shown[0]} | {shown[1]} "
            f"| {row['rps']:,.0f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} |"
        )


def plugins_table(plugins: Results) -> Iterator[str]:
    """One line per list of plugins."""
    yield f"{plugins['rounds']} interleaved rounds of {plugins['seconds']} s; the differences are"
    yield "means of the middle half of those within the rounds."
    yield ""
    yield "| plugins of the route | CPU µs per request | more than without | at most |"
    yield "|---|---:|---:|---:|"
    for name, cpu in plugins["cpu_us"].items():
        most = "1.5" if name == "three_hooks" else ""
        yield f"| {name} | {cpu:.1f} | {plugins['more_us'][name]:.2f} | {most} |"


def memory_table(memory: Results) -> Iterator[str]:
    """One line per way to need memory."""
    idle, bodies = memory["idle"], memory["body_growth_mib"]
    yield "| what | growth of the resident size, MiB | at most |"
    yield "|---|---:|---:|"
    yield f"| {idle['connections']:,} idle client connections | {idle['growth_mib']} | 60 |"
    names = {
        "down": "1 GiB to the client",
        "up": "1 GiB to the upstream",
        "down_slow_reader": "1 GiB to a slow client",
        "up_slow_reader": "1 GiB to a slow upstream",
    }
    for key, name in names.items():
        yield f"| {name} | {bodies[key]} | 16 |"
    yield ""
    yield f"The process itself, idle: {idle['idle_mib']} MiB."


def websocket_table(websocket: Results) -> Iterator[str]:
    """One line per way to the echo."""
    yield f"One connection, {websocket['message_bytes']} bytes there and back, one after the other."
    yield ""
    yield "| echo | round trips/s | CPU µs of the proxy per round trip |"
    yield "|---|---:|---:|"
    for name, row in websocket["echo"].items():
        cpu = "" if name == "direct" else f"{row['cpu_us']:.1f}"
        yield f"| {name} | {row['round_trips_per_s']:,} | {cpu} |"


def dispatch_table(dispatch: Results) -> Iterator[str]:
    """The orchestrator, beside what others take to pass a chat completion on."""
    yield f"Medians of {dispatch['rounds']} rounds of {dispatch['seconds']} s."
    yield ""
    yield "| whole answers | CPU µs per workflow | requests/s | p50 ms | p99 ms | at most |"
    yield "|---|---:|---:|---:|---:|---:|"
    yield (
        f"| crossfade, orchestrator | {dispatch['cpu_us']:,.0f} | {dispatch['rps']:,.0f} "
        f"| {dispatch['p50_ms']:.1f} | {dispatch['p99_ms']:.1f} | 1700 |"
    )
    yield f"| LiteLLM proxy 1.106, measured earlier | {LITELLM_US:,} | | | | |"


def stream_table(stream: Results) -> Iterator[str]:
    """One line for all streams."""
    yield f"Medians of {stream['rounds']} rounds of {stream['streams']} streams,"
    yield f"{stream['at_once']} at once; a chunk costs what a longer stream costs more, for each."
    yield ""
    yield "| | CPU µs | at most |"
    yield "|---|---:|---:|"
    yield f"| a stream of {stream['few_chunks']} chunks | {stream['short_us']:,.0f} | |"
    yield f"| a stream of {stream['chunks']} chunks | {stream['stream_us']:,.0f} | |"
    yield f"| a chunk | {stream['chunk_us']:.1f} | 25 |"


def limits_table(limits: Results) -> Iterator[str]:
    """One line per number of windows."""
    many, few = limits["at_once"], limits["few_at_once"]
    yield f"Medians of {limits['rounds']} rounds, in one process. On Redis: checks per second with"
    yield f"{many} at a time; how long one takes with {few} at a time."
    yield ""
    yield "| a check of | µs in memory | at most | checks/s on Redis | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|---:|---:|"
    for windows, row in limits["redis"].items():
        most = "10" if windows == "3" else ""
        yield (
            f"| {windows} windows | {limits['memory_us'][windows]:.1f} | {most} "
            f"| {row['checks_per_s']:,.0f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} |"
        )


def queue_table(queue: Results) -> Iterator[str]:
    """One line per store."""
    yield f"Medians of {queue['rounds']} rounds of {queue['messages']:,} messages, in one process."
    yield ""
    yield "| the queue in | messages/s: put, claimed, begun, sent |"
    yield "|---|---:|"
    for name, title in (("sqlite", "SQLite"), ("redis", "Redis")):
        yield f"| {title} | {queue['per_s'][name]:,} |"


def ledger_table(ledger: Results) -> Iterator[str]:
    """One line for each way to write."""
    yield f"Medians of {ledger['rounds']} rounds of {ledger['attempts']:,} attempts, in one file."
    yield ""
    yield "| the journal of costs | CPU µs | at most | per second |"
    yield "|---|---:|---:|---:|"
    yield (
        f"| an attempt, planned and settled, {ledger['at_once']} at a time "
        f"| {ledger['attempt_us']:.1f} | 150 | |"
    )
    yield (
        f"| an end, as fast as they come | {ledger['settled_us']:.1f} | "
        f"| {ledger['settled_per_s']:,.0f} |"
    )


def metering_table(metering: Results) -> Iterator[str]:
    """One line per store of the budgets."""
    yield f"Medians of {metering['rounds']} rounds of {metering['attempts']:,} attempts."
    yield ""
    at_once = tuple(metering["memory_us"])
    heads = (f"{one} at a time" for one in at_once)
    yield f"| CPU µs of a dispatch more, two budgets in | {' | '.join(heads)} | at most, 16 |"
    yield f"|---|{'---:|' * len(at_once)}---:|"
    for store, title, most in (("memory", "memory", "150"), ("redis", "Redis", "")):
        numbers = (f"{metering[f'{store}_us'][one]:,.0f}" for one in at_once)
        yield f"| {title} | {' | '.join(numbers)} | {most} |"


def metered_table(metered: Results) -> Iterator[str]:
    """One line each for workflows with and without metering."""
    yield f"Medians of {metered['rounds']} interleaved rounds of {metered['seconds']} s, with 1,000"
    yield "users who have asked before. What"
    yield f"metering adds within a round: {metered['more_us']:,.0f} µs of CPU."
    yield ""
    yield "| whole answers | CPU µs per workflow | requests/s | p50 ms | p99 ms |"
    yield "|---|---:|---:|---:|---:|"
    for name, title in (("plain", "without metering"), ("metered", "with metering")):
        row = metered[name]
        yield (
            f"| {title} | {row['cpu_us']:,.0f} | {row['rps']:,.0f} "
            f"| {row['p50_ms']:.1f} | {row['p99_ms']:.1f} |"
        )


def markdown(results: Results) -> str:
    """All measured parts as Markdown."""
    machine = results["machine"]
    lines = [
        f"Measured on {results['date']}: {machine['cpus']} processors, {machine['system']},",
        f"Python {machine['python']}, Crossfade {results['version']}.",
    ]
    parts = {
        "http": http_table,
        "plugins": plugins_table,
        "memory": memory_table,
        "websocket": websocket_table,
        "dispatch": dispatch_table,
        "stream": stream_table,
        "limits": limits_table,
        "queue": queue_table,
        "ledger": ledger_table,
        "metering": metering_table,
        "metered": metered_table,
    }
    titles = {
        "http": "Requests",
        "plugins": "Plugins",
        "memory": "Memory",
        "websocket": "WebSocket",
        "dispatch": "Workflows",
        "stream": "Streams",
        "limits": "Limits",
        "queue": "The queue of messages",
        "ledger": "The ledger of costs",
        "metering": "Metering",
        "metered": "Workflows with metering",
    }
    for part, table in parts.items():
        if part in results:
            lines += ["", f"### {titles[part]}", "", *table(results[part])]
    return "\n".join(lines)


def write(results: Results) -> None:
    """Put the tables between the markers of docs/performance.md."""
    page = PAGE.read_text(encoding="utf-8")
    fresh = f"{BEGIN}\n{markdown(results)}\n{END}"
    replaced, count = re.subn(f"{BEGIN}.*?{END}", lambda _: fresh, page, flags=re.DOTALL)
    if count != 1:
        raise RuntimeError(f"{PAGE} does not hold the markers {BEGIN} and {END} once")
    PAGE.write_text(replaced, encoding="utf-8")
