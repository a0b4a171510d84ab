"""Ids of messages are UUIDs that sort by time."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from plugins.message_queue.identifiers import MessageIds, is_message_id, message_id

TIMES = st.floats(0, 10_000_000_000)


@given(TIMES)
def test_an_id_is_a_uuid_of_version_7_with_its_time(now: float) -> None:
    made = message_id(now)
    uuid = UUID(made)
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert uuid.int >> 80 == int(now * 1000)
    assert is_message_id(made)


@given(TIMES, st.floats(0.001, 1e6))
def test_a_later_id_sorts_later(now: float, later: float) -> None:
    assert message_id(now)[:13] <= message_id(now + later)[:13]


@given(TIMES)
def test_ids_of_one_moment_are_in_the_order_in_which_they_were_made(now: float) -> None:
    made = [message_id(now) for _ in range(20)]
    assert made == sorted(set(made))


def test_ids_of_one_moment_cannot_be_told_from_each_other() -> None:
    ids = MessageIds()
    first, *others = (UUID(ids(1.0)).int for _ in range(20))
    assert all(b - a > 1 for a, b in zip([first, *others], others, strict=False))


def test_what_is_no_id_is_seen() -> None:
    others = ("", "1", "0" * 36, "018f0000-0000-4000-8000-000000000000", message_id(1) + "0")
    assert not any(map(is_message_id, others))
