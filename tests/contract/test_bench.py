"""The benchmark's own arithmetic, and that its pages and budgets fit together."""

import json
import urllib.request
from pathlib import Path

import pytest

from scripts.benchmarks import ledger, limits, metering, queue, report, streams, workflows
from scripts.benchmarks.__main__ import PARTS
from scripts.benchmarks.plugins import difference
from scripts.benchmarks.requests import Sample, middle, ratios
from scripts.benchmarks.servers import ANSWER, ANSWER_BYTES
from scripts.benchmarks.websocket import ECHO, FRAME, MASK, MESSAGE
from tests.kit.answering import AnsweringUpstream
from tests.kit.provider import answer

WITHIN: report.Results = {
    "http": {"cpu_ratio_to": {"nginx": {"crossfade": 3.5}, "naive": {"crossfade": 0.2}}},
    "memory": {"idle": {"growth_mib": 60}, "body_growth_mib": {"down": 1.5, "up": 16}},
}


def test_a_number_on_its_budget_is_within_it_and_one_above_is_not() -> None:
    assert report.over_budget(WITHIN) == []
    WITHIN["memory"]["idle"]["growth_mib"] = 60.01
    assert report.over_budget(WITHIN) == ["1,000 idle connections, MiB: 60.01, at most 60"]


def test_what_was_not_measured_breaks_no_budget() -> None:
    assert report.over_budget({"http": {"cpu_ratio_to": {}}}) == []


def test_a_result_is_the_median_of_its_rounds_and_a_ratio_that_of_medians() -> None:
    rounds = [Sample(cpu_us=cpu, rps=1, p50_ms=1, p99_ms=1) for cpu in (30.0, 90.0, 40.0)]
    numbers = {"nginx": middle([Sample(20, 1, 1, 1)]), "crossfade": middle(rounds)}
    assert numbers["crossfade"]["cpu_us"] == 40.0
    assert ratios(numbers) == {"nginx": {"nginx": 1.0, "crossfade": 2.0}}


def test_what_plugins_cost_is_the_mean_of_the_middle_differences_within_the_rounds() -> None:
    assert difference([31.0, 52.0, 33.0, 99.0], [30.0, 50.0, 32.0, 9.0]) == 1.5


def test_the_origin_answers_814_bytes() -> None:
    assert len(ANSWER.encode()) == ANSWER_BYTES == 814


def test_the_echo_is_the_unmasked_frame() -> None:
    payload = bytes(byte ^ MASK[place % 4] for place, byte in enumerate(FRAME[6:]))
    assert payload == MESSAGE == ECHO[2:]


def test_the_performance_page_has_the_markers_and_states_each_budget() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.count(report.BEGIN) == page.count(report.END) == 1
    for most in {f"{budget.most:g}" for budget in report.BUDGETS}:
        assert most in page


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_was_not_measured_has_no_table(part: str) -> None:
    machine = {"cpus": 2, "system": "Linux", "python": "3.11"}
    text = report.markdown({"date": "2026-01-01", "version": "1", "machine": machine})
    assert "###" not in text, part


PIECE = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'


def chunked(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return b"%b%x\r\n%b\r\n0\r\n\r\n" % (head, len(body), body)


def test_streams_are_read_one_after_the_other_and_their_content_is_counted() -> None:
    upstream = AnsweringUpstream(lambda _: chunked(PIECE * 5 + b"data: [DONE]\n\n"))
    try:
        came = streams.read(upstream.port, "/streams", "user-TURN", connections=2, each=3)
        assert came == 2 * 3 * 5
        assert sorted(one.body for one in upstream.requests) == [b"user-1"] * 3 + [b"user-2"] * 3
    finally:
        upstream.close()


def test_a_stream_without_its_end_is_no_measurement() -> None:
    upstream = AnsweringUpstream(lambda _: chunked(PIECE))
    try:
        with pytest.raises(RuntimeError, match="not complete"):
            streams.read(upstream.port, "/streams", "", connections=1, each=1)
    finally:
        upstream.close()


def test_what_is_measured_of_the_orchestrator_comes_from_the_provider(tmp_path: Path) -> None:
    with workflows.stage(tmp_path) as (server, provider):
        asked = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/api/campaigns",
            data=workflows.CAMPAIGN.encode(),
            headers={"Content-Type": "application/json", "X-User-Id": "user-1"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answered:
            assert json.loads(answered.read())["status"] == "success"
        provider.stand("*", answer(chunks=3))
        intent = workflows.INTENT
        assert streams.read(server.port, "/streams", intent, connections=1, each=1) == 3
        assert provider.counts()["executed"] == 2
    assert (tmp_path / "var" / "workflows.db").exists()


def test_the_orchestrator_has_its_tables() -> None:
    text = report.markdown(
        {
            "date": "2026-01-01",
            "version": "1",
            "machine": {"cpus": 2, "system": "Linux", "python": "3.11"},
            "dispatch": {
                "rounds": 3,
                "seconds": 4,
                "cpu_us": 1234.0,
                "rps": 700.0,
                "p50_ms": 40.0,
                "p99_ms": 90.0,
            },
            "stream": {
                "rounds": 3,
                "streams": 256,
                "at_once": 64,
                "chunks": 250,
                "few_chunks": 10,
                "stream_us": 5000.0,
                "short_us": 1400.0,
                "chunk_us": 20.0,
            },
        }
    )
    assert "| crossfade, orchestrator | 1,234 |" in text
    assert "| a stream of 250 chunks | 5,000 | |" in text
    assert "| a chunk | 20.0 | 25 |" in text
    assert "17,300" in text


def test_limits_and_the_queue_have_their_tables() -> None:
    row = {"checks_per_s": 6543.2, "p50_ms": 1.25, "p99_ms": 3.0}
    text = report.markdown(
        {
            "date": "2026-01-01",
            "version": "1",
            "machine": {"cpus": 2, "system": "Linux", "python": "3.11"},
            "limits": {
                "rounds": 3,
                "at_once": 64,
                "few_at_once": 8,
                "memory_us": {"3": 6.54, "8": 12.0},
                "redis": {"3": row, "8": row},
            },
            "queue": {"rounds": 3, "messages": 4000, "per_s": {"sqlite": 3210, "redis": 1234}},
        }
    )
    assert "| 3 windows | 6.5 | 10 | 6,543 | 1.25 | 3.00 |" in text
    assert "| 8 windows | 12.0 |  | 6,543 | 1.25 | 3.00 |" in text
    assert "| SQLite | 3,210 |" in text
    assert "| Redis | 1,234 |" in text


def test_what_is_measured_of_limits_is_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "IN_MEMORY", 200)
    found = limits.run(1)
    assert found["memory_us"].keys() == found["redis"].keys() == {"3", "8"}
    assert all(row["checks_per_s"] > 0 for row in found["redis"].values())


def test_what_is_measured_of_the_queue_goes_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "MESSAGES", 40)
    found = queue.run(1)
    assert found["per_s"].keys() == {"sqlite", "redis"}
    assert all(found["per_s"].values())


def test_metering_has_its_tables() -> None:
    row = {"cpu_us": 1234.0, "rps": 700.0, "p50_ms": 40.0, "p99_ms": 90.0}
    text = report.markdown(
        {
            "date": "2026-01-01",
            "version": "1",
            "machine": {"cpus": 2, "system": "Linux", "python": "3.11"},
            "metering": {
                "rounds": 3,
                "attempts": 6000,
                "memory_us": {"1": 250.4, "16": 120.0, "64": 110.0},
                "redis_us": {"1": 900.0, "16": 300.0, "64": 280.0},
            },
            "metered": {"rounds": 3, "seconds": 4, "more_us": 141.0, "plain": row, "metered": row},
        }
    )
    assert "| memory | 250 | 120 | 110 | 150 |" in text
    assert "| Redis | 900 | 300 | 280 |  |" in text
    assert "metering adds within a round: 141 µs" in text
    assert "| with metering | 1,234 | 700 | 40.0 | 90.0 |" in text


def test_what_is_measured_of_metering_is_planned_written_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metering, "ATTEMPTS", 40)
    monkeypatch.setattr(ledger, "ATTEMPTS", 40)
    found = metering.run(1)
    assert found["memory_us"].keys() == found["redis_us"].keys() == {"1", "16", "64"}
    assert all(took > 0 for some in ("memory_us", "redis_us") for took in found[some].values())
    assert ledger.run(1)["settled_per_s"] > 0
