"""What logs say of attempts, and what counts for one that has no end."""

import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.ledger.entries import Ended, Never, Planned, line_of
from plugins.cost_meter.ledger.leftovers import left_in, lost
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row

NAMES = st.sampled_from("abcdef")
TOLD = st.lists(
    st.one_of(
        NAMES.map(lambda name: Planned(row(name), NOON + 60)),
        NAMES.map(lambda name: Ended(row(name))),
        NAMES.map(Never),
    ),
    max_size=12,
)


def test_a_log_says_what_is_open_and_what_has_ended(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_bytes(
        b"".join(line_of(Planned(row(name), NOON + 60)) + b"\n" for name in "abc")
        + line_of(Ended(row("a")))
        + b"\n"
    )
    second.write_bytes(line_of(Never("b")) + b"\n")
    left = left_in([first, second, tmp_path / "another was faster"])
    assert [one.row.id for one in left.planned] == ["c"]
    assert left.ended == (row("a"),)


def test_a_line_that_was_cut_off_counts_as_not_there(tmp_path: Path) -> None:
    log = tmp_path / "log"
    whole = line_of(Planned(row("a"), NOON + 60)) + b"\n"
    log.write_bytes(whole + whole[:50] + b"\n" + line_of(Ended(row("b"))))
    left = left_in([log])
    assert ([one.row.id for one in left.planned], [one.id for one in left.ended]) == (["a"], ["b"])


def test_what_is_lost_counts_as_was_planned_and_says_that_it_is_an_estimate() -> None:
    assert lost(row("a"), NOON + 99) == row(
        "a",
        settled=NOON + 99,
        outcome="unknown",
        failure="lost",
        usage_source="estimate",
        estimated=True,
    )


@given(told=TOLD, cut=st.integers(0, 12))
@examples(60)
def test_each_attempt_is_open_or_ended_and_never_both(
    tmp_path_factory: object, told: list[Planned | Ended | Never], cut: int
) -> None:
    folder = tmp_path_factory.mktemp("logs")  # type: ignore[attr-defined]
    logs = [folder / "1", folder / "2"]
    for path, part in zip(logs, (told[:cut], told[cut:]), strict=True):
        path.write_bytes(b"".join(line_of(one) + b"\n" for one in part))
    left = left_in(logs)
    planned = {one.row.id for one in told if isinstance(one, Planned)}
    ended = {one.row.id for one in told if isinstance(one, Ended)}
    never = {one.id for one in told if isinstance(one, Never)}
    assert {one.row.id for one in left.planned} == planned - ended - never
    assert {one.id for one in left.ended} == ended


def test_a_line_without_an_end_is_not_read_as_a_whole(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * (3 << 20) + b"\n" + line_of(Ended(row("a"))) + b"\n")
    before = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        left = left_in([log])
        _, most = tracemalloc.get_traced_memory()
    finally:
        if not before:
            tracemalloc.stop()
    assert left.ended == (row("a"),)
    assert most < 3 << 20
