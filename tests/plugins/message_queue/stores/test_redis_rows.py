"""Messages as Redis keeps them: nothing is lost on the way, and what is forgotten is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.message_queue.message import Approval, Message, Priority
from plugins.message_queue.stores.redis_rows import Texts, claimed_of, readable, record_of, texts_of
from proxy.api.stores import StoreError
from tests.kit.properties import examples
from tests.plugins.message_queue.stores.bench import NOW, message

TEXT = st.text(max_size=20)
TIMES = st.floats(0, 1e11)
APPROVALS = st.builds(
    Approval,
    approved_by=st.text(min_size=1, max_size=9),
    approved_at=TIMES,
    was_modified=st.booleans(),
    original_suggestion=st.none() | TEXT,
)
MESSAGES = st.builds(
    message,
    st.just(1),
    content=TEXT,
    media_urls=st.lists(TEXT, max_size=2).map(tuple),
    approval=st.none() | APPROVALS,
    priority=st.sampled_from(Priority),
    enqueued_at=TIMES,
    due_at=TIMES,
    account=TEXT,
    workflow_id=TEXT,
)


def row_of(texts: Texts, new: Message) -> list[bytes | None]:
    """As a script returns a message that was leased."""
    counts = (new.due_at, 1, 2, 3, NOW, "p-1", "E", "why", NOW + 5)
    said = (*texts, repr(new.expires_at), "leased", *counts)
    return [None if part is None else str(part).encode() for part in said]


@given(new=MESSAGES)
@examples(100)
def test_a_message_comes_back_as_it_was(new: Message) -> None:
    texts = texts_of(new)
    row = row_of(texts, new)
    record = record_of(row)
    assert record.message == new
    assert record[1:] == ("leased", new.due_at, 1, 2, 3, NOW, "p-1", "E", "why")
    claimed = claimed_of(row)
    assert claimed == (record, (new.id, 3), NOW + 5)
    assert texts.size == sum(len(part.encode()) for part in texts)


def test_a_message_without_its_text_is_the_same_but_for_that() -> None:
    new = message(1, content="hush", media_urls=("https://x/hush",), dedupe_key="k")
    body, *_ = texts_of(new)
    assert "hush" not in body
    row = row_of(texts_of(new), new)
    row[1] = row[2] = None
    gone = {"content": "", "media_urls": (), "approval": None}
    assert record_of(row).message == new.model_copy(update=gone)


WRONG: dict[str, tuple[int, bytes | None]] = {
    "no JSON": (0, b"{"),
    "no message": (0, b"{}"),
    "no number": (6, b"x"),
    "nothing": (0, None),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_read_is_told_without_its_text(what: str) -> None:
    new = message(1, content="hush")
    place, value = WRONG[what]
    row = row_of(texts_of(new), new)
    row[place] = value
    with pytest.raises(StoreError, match="cannot be read") as caught:
        record_of(row)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert [*readable(record_of, [row])] == []
