"""Names of pauses."""

import pytest

from plugins.message_queue.message import Priority
from plugins.message_queue.stores.pauses import Pause, pause_of


@pytest.mark.parametrize(
    ("what", "pause"),
    [
        ("all", Pause()),
        ("priority:low", Pause(Priority.low)),
        ("user:a:b", Pause(user="a:b")),
    ],
)
def test_a_pause_is_read_from_its_name(what: str, pause: Pause) -> None:
    assert pause_of(what) == pause


@pytest.mark.parametrize(
    "what", ["", "All", "priority:urgent", "priority:", "user:", "user", "user:" + "x" * 257, "x:y"]
)
def test_what_is_no_pause_is_said_to_be_none(what: str) -> None:
    with pytest.raises(ValueError, match=r"all, priority:critical, .*, or user:<id>"):
        pause_of(what)
