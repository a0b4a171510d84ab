"""What a call to a provider says of the trace that it belongs to."""

import pytest

from plugins.orchestrator.trace_context import parent_of, span_id_of, traceparent_of

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("given", "flags"),
    [(PARENT, "01"), (PARENT[:-2] + "00", "00"), (PARENT[:-2] + "03-x", "01"), ("", "00")],
)
def test_a_call_goes_on_with_the_trace_of_its_request(given: str, flags: str) -> None:
    assert traceparent_of(TRACE, "a-1", given) == f"00-{TRACE}-{span_id_of('a-1'):016x}-{flags}"


def test_each_attempt_has_a_span_of_its_own_and_without_a_trace_there_is_none() -> None:
    assert traceparent_of(TRACE, "a-1") != traceparent_of(TRACE, "a-2")
    assert traceparent_of("", "a-1") == ""
    assert traceparent_of("G" * 32, "a-1") == ""


@pytest.mark.parametrize(
    "given", ["", "x", f"00-{TRACE}", f"00-{TRACE}-zz-01", f"00-{'1' * 32}-{'2' * 16}-01", "-" * 60]
)
def test_what_is_no_parent_of_this_trace_is_none(given: str) -> None:
    assert parent_of(given, TRACE) is None
