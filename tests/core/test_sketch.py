"""How many different keys there were: exact while they are few, close when they are many."""

import random

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sketch import KEPT, TAG_BITS, Sketch, estimate, united

TAGS = st.lists(st.integers(0, 2**TAG_BITS - 1), max_size=60)


def sketched(tags: list[int]) -> Sketch:
    sketch = Sketch()
    for tag in tags:
        sketch.add(tag)
    return sketch


@given(TAGS)
def test_few_keys_are_counted_exactly_however_often_they_come(tags: list[int]) -> None:
    assert sketched(tags + tags).count() == len(set(tags))


def test_many_keys_are_estimated_in_bounded_memory() -> None:
    draw = random.Random(1)
    for number in (600, 5_000, 100_000):
        sketch = sketched([draw.getrandbits(TAG_BITS) for _ in range(number)])
        assert len(sketch.tags) == KEPT
        assert abs(sketch.count() / number - 1) < 0.15


def test_a_tag_that_cannot_matter_is_told_by_the_limit() -> None:
    sketch = sketched(list(range(KEPT + 10)))
    assert sketch.limit == KEPT - 1 == max(sketch.tags)
    sketch.add(KEPT + 100)
    assert sketch.limit == KEPT - 1


@given(TAGS, TAGS)
def test_a_union_is_the_sketch_of_all(one: list[int], other: list[int]) -> None:
    both = united([sketched(one).tags, sketched(other).tags])
    assert both == sketched(one + other).tags


def test_a_union_of_full_sketches_is_the_sketch_of_all() -> None:
    draw = random.Random(2)
    one, other = ([draw.getrandbits(TAG_BITS) for _ in range(2_000)] for _ in range(2))
    both = united([sketched(one).tags, sketched(other).tags])
    assert both == sketched(one + other).tags
    assert estimate(both) == sketched(one + other).count()
