"""Waits grow, by chance, and are never shorter than what the other side asks for."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.waiting import LONGEST, again_in
from tests.kit.properties import examples

CHANCE = st.floats(0, 1, exclude_max=True)


@examples(60)
@given(st.integers(1, 10_000), CHANCE, st.one_of(st.none(), st.floats(0, 3600)))
def test_no_wait_is_longer_than_it_may_be_or_shorter_than_asked(
    tries: int, chance: float, asked: float | None
) -> None:
    wait = again_in(tries, chance, asked)
    assert (asked or 0.0) <= wait <= LONGEST
    assert again_in(tries, chance) <= again_in(tries + 1, chance)


def test_the_span_doubles_up_to_an_hour() -> None:
    most = [again_in(tries, 0.999_999_999) for tries in (1, 2, 3, 11, 99)]
    assert [round(one) for one in most] == [5, 10, 20, 3600, 3600]
    assert again_in(9, 0.0) == 0.0
