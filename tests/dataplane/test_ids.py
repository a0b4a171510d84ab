"""Names of requests."""

import subprocess
import sys

import pytest

from proxy.core.trace import format_traceparent, parse_traceparent
from proxy.dataplane.ids import new_trace, usable_id


def test_new_traces_are_valid_and_differ() -> None:
    traces = [new_trace() for _ in range(1000)]
    assert len({trace.trace_id for trace in traces}) == 1000
    assert all(parse_traceparent(format_traceparent(trace)) == trace for trace in traces)


def test_two_processes_do_not_name_requests_alike() -> None:
    code = "from proxy.dataplane.ids import new_trace; print(new_trace().trace_id)"
    said = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
        for _ in range(2)
    }
    assert len(said) == 2


@pytest.mark.parametrize("value", [b"a", b"x" * 128, b'~!"<>', b"0190-uuid"])
def test_a_usable_id_is_taken_as_it_is(value: bytes) -> None:
    assert usable_id(value) == value.decode()


@pytest.mark.parametrize("value", [None, b"", b"x" * 129, b"a b", b"\xe4", b"a\x7f", b"a\n"])
def test_what_cannot_be_an_id_is_none(value: bytes | None) -> None:
    assert usable_id(value) is None
