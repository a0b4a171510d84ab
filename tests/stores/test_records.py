"""States and entries as text: what cannot be read is told with its place."""

import io
from dataclasses import replace

import pytest

from proxy.core.rollout_state import Mark, RolloutState
from proxy.stores.records import (
    Reading,
    entry_of,
    entry_text,
    id_parts,
    page_size,
    state_text,
)
from proxy.stores.rollouts import StoreLostError
from tests.controlplane.log_lines import logging_into
from tests.stores.test_rollouts import FULL
from tests.stores.written import NOW, entry

URL = "sqlite:///var/x.db"


def test_a_state_is_the_same_after_the_text() -> None:
    text = state_text(FULL)
    assert text.isascii()
    assert Reading(URL).states({"campaigns": text.encode()}) == {"campaigns": FULL}


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("", 0),
        ("{", 0),
        ("[" * 100_000, 0),
        ("[]", 0),
        ("{}", 0),
        ('{"name": "a", "colour": 1}', 0),
        ('{"name": "a", "version": 7, "colour": 1}', 7),
        ('{"name": "a", "version": "7"}', 0),
        (b"\xff", 0),
    ],
)
def test_a_state_that_cannot_be_read_stands_as_killed(text: str | bytes, version: int) -> None:
    [state] = Reading(URL, lambda: NOW).states({"campaigns": text}).values()
    assert state.killed is not None
    assert "/var/x.db keeps of rollout 'campaigns' cannot be read: " in state.killed.why
    assert state == RolloutState(
        "campaigns", version, killed=Mark("crossfade", state.killed.why, NOW)
    )


def test_what_cannot_be_read_is_logged_once_and_again_when_it_is_another() -> None:
    log, reading = io.StringIO(), Reading(URL)
    with logging_into(log):
        for text in ("{", "{", "}"):
            reading.states({"campaigns": text, "orders": state_text(FULL)})
    assert log.getvalue().count("state_unreadable") == 2


def test_the_reason_is_bounded_whatever_is_kept() -> None:
    [state] = Reading(URL).states({"a": '{"name": "a", "' + "x" * 9999 + '": 1}'}).values()
    assert state.killed is not None
    assert len(state.killed.why) == 500


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"colour": 1}', b"\xff"])
def test_an_entry_that_cannot_be_read_is_a_lost_store(text: str | bytes) -> None:
    with pytest.raises(StoreLostError, match=r"audit entry 1-2 of sqlite:///var/x\.db"):
        entry_of("1-2", text, URL)


def test_an_entry_is_the_same_after_the_text() -> None:
    told = entry(evidence={"a": [1, None]}, idempotency_key="é")
    assert entry_of("1-2", entry_text(told), URL) == told.stored("1-2")


def test_ids_are_two_numbers() -> None:
    assert id_parts("1800000000000-12") == (1_800_000_000_000, 12)
    assert id_parts("12") == id_parts("") == id_parts("a-b") == (0, 0)


def test_a_page_has_one_to_a_thousand_entries() -> None:
    assert [page_size(limit) for limit in (-5, 0, 1, 1_000, 1_001)] == [1, 1, 1, 1_000, 1_000]


def test_what_has_the_same_text_is_read_once() -> None:
    reading, text = Reading(URL), state_text(FULL)
    [first] = reading.states({"campaigns": text}).values()
    assert first == FULL
    assert reading.states({"campaigns": text})["campaigns"] is first
    other = replace(FULL, version=FULL.version + 1)
    assert reading.states({"campaigns": state_text(other)}) == {"campaigns": other}
    assert reading.states({}) == {}
    [broken] = reading.states({"campaigns": text[:-1]}).values()
    assert reading.states({"campaigns": text[:-1]})["campaigns"] is broken
    assert reading.states({"campaigns": text})["campaigns"] == FULL
