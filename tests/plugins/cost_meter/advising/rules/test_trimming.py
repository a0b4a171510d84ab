"""Answers are to be as long as they are: what is reserved beyond that helps nobody."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.cost_meter.advising.rules.trimming import trimming
from proxy.api import Change, Usage
from tests.plugins.cost_meter.advising.advised import attempts, missing, recommended, view

PATH = ("plugins", "orchestrator", "max_tokens")


def test_a_bound_that_is_never_reached_is_lowered_with_room_to_spare() -> None:
    one = recommended(trimming(view(attempts(1000, usage=Usage(600, 0, 200)))))
    assert one.changes == (Change(PATH, 256, 1024),)  # 250 in steps of 64
    assert (one.p10, one.p50, one.p90) == (0, 0, 0)
    assert "saves no money by itself" in one.says


def test_a_bound_that_is_not_written_is_written() -> None:
    rows = attempts(1000, usage=Usage(600, 0, 200))
    found = trimming(view(rows, max_tokens_written=False))
    assert recommended(found).changes == (Change(PATH, 256, None),)


def test_answers_that_are_cut_now_are_no_reason_to_cut_them_earlier() -> None:
    rows = attempts(900) + attempts(100, deployment="x", usage=Usage(600, 0, 1024))
    assert "some are cut at 1024 tokens" in missing(trimming(view(rows)))


def test_a_bound_that_is_nearly_right_is_left_alone() -> None:
    assert not list(trimming(view(attempts(1000, usage=Usage(600, 0, 700)))))


def test_few_answers_tell_no_99th_percentile() -> None:
    assert missing(trimming(view(attempts(400)))).startswith("400 answers of known length; 500")


def test_guessed_lengths_do_not_count() -> None:
    assert "0 answers" in missing(trimming(view(attempts(1000, estimated=True))))


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=600, max_size=700))
def test_hardly_any_answer_that_was_seen_would_have_been_cut(lengths: list[int]) -> None:
    rows = [
        one._replace(usage=Usage(10, 0, length))
        for one, length in zip(attempts(len(lengths)), lengths, strict=True)
    ]
    for one in trimming(view(rows)):
        [change] = one.changes  # type: ignore[union-attr]
        assert sum(length > change.value for length in lengths) <= len(lengths) // 100
