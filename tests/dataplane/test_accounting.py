"""The counters agree with a list of everything that happened."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.accounting import NO_ARM, NO_ROUTE, Accounting

Finished = tuple[str, str, int, Reason, float, int, int]

FINISHED = st.lists(
    st.tuples(
        st.sampled_from(["campaigns", "everything-else", NO_ROUTE]),
        st.sampled_from(["legacy", "new", NO_ARM]),
        st.sampled_from([0, 101, 200, 204, 301, 404, 431, 500, 503, 599]),
        st.sampled_from(list(Reason)),
        st.floats(0, 120),
        st.integers(0, 10**12),
        st.integers(0, 10**12),
    ),
    max_size=60,
)


def counted(requests: list[Finished]) -> Accounting:
    accounting = Accounting()
    for request in requests:
        accounting.started()
        accounting.finished(*request)
    return accounting


@given(FINISHED)
def test_every_request_is_counted_once_under_what_it_was(requests: list[Finished]) -> None:
    expected = Counter((r[0], r[1], r[2] // 100, r[3]) for r in requests)
    assert {tuple(key): n for key, n in counted(requests).series()} == dict(expected)


@given(FINISHED)
def test_every_request_but_a_tunnel_is_timed_under_its_route_and_arm(
    requests: list[Finished],
) -> None:
    expected = Counter((r[0], r[1]) for r in requests if r[2] != 101)
    timed = {(route, arm): h.count for route, arm, h in counted(requests).latencies()}
    assert timed == dict(expected)


@given(FINISHED)
def test_bytes_and_faults_are_sums_of_the_requests(requests: list[Finished]) -> None:
    accounting = counted(requests)
    assert accounting.bytes_in == sum(r[5] for r in requests)
    assert accounting.bytes_out == sum(r[6] for r in requests)
    assert accounting.faults() == dict(Counter(r[3] for r in requests if r[3] in FAULTS))


@given(FINISHED)
def test_nothing_is_in_flight_when_all_have_finished(requests: list[Finished]) -> None:
    assert counted(requests).in_flight == 0


def test_a_begun_request_is_in_flight_until_it_finishes() -> None:
    accounting = Accounting()
    accounting.started()
    accounting.started()
    accounting.finished("campaigns", "new", 200, Reason.PERCENTAGE, 0.01, 1, 2)
    assert accounting.in_flight == 1


def test_a_head_that_was_not_taken_is_counted_without_being_in_flight_or_timed() -> None:
    accounting = Accounting()
    accounting.refused(Reason.BAD_REQUEST, 400, bytes_out=120)
    accounting.refused(Reason.BAD_REQUEST, 400, bytes_out=120)
    assert list(accounting.series()) == [((NO_ROUTE, NO_ARM, 4, Reason.BAD_REQUEST), 2)]
    assert accounting.bytes_out == 240
    assert accounting.in_flight == 0
    assert list(accounting.latencies()) == []


def test_connections_are_counted_as_open_accepted_and_refused() -> None:
    accounting = Accounting()
    accounting.connection_opened()
    accounting.connection_opened()
    accounting.connection_closed()
    accounting.connection_refused()
    assert accounting.connections_open == 1
    assert accounting.connections_accepted == 2
    assert accounting.connections_refused == 1


def test_retries_are_counted_per_upstream_and_reloads_by_what_came_of_them() -> None:
    accounting = Accounting()
    accounting.retried("legacy")
    accounting.retried("legacy")
    accounting.retried("new")
    accounting.reloaded(done=True)
    accounting.reloaded(done=False)
    assert accounting.retries == {"legacy": 2, "new": 1}
    assert (accounting.reloads_done, accounting.reloads_failed) == (1, 1)
