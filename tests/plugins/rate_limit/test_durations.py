"""How times are written."""

import pytest

from plugins.rate_limit.durations import in_words, micros, shortly


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(60, "1m"), (90, "90s"), (3600, "1h"), (86_400, "24h"), (0.25, "250ms"), (0.00025, "250us")],
)
def test_a_time_is_written_in_the_largest_unit_that_fits(seconds: float, said: str) -> None:
    assert shortly(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.2, "1 second"),
        (60, "1 minute"),
        (61, "61 seconds"),
        (7200, "2 hours"),
        (18, "18 seconds"),
    ],
)
def test_a_time_is_told_to_people_rounded_up(seconds: float, said: str) -> None:
    assert in_words(seconds) == said


def test_microseconds_are_whole() -> None:
    assert micros(0.1) == 100_000
