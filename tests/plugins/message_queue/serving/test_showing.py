"""What clients are told of a message's prospects."""

import pytest

from plugins.message_queue.message import Approval, Message, Record, State
from plugins.message_queue.serving.showing import STATES_OF, Seen, shown, shown_list
from proxy.api.endpoints import iso
from proxy.api.limits import NEVER, Standing, WindowStanding

NOW = 1_750_000_000.0
MESSAGE = Message(
    id="m1",
    user="ann",
    recipient="fan-1",
    content="SECRET",
    approval=Approval(approved_by="mia", approved_at=NOW),
    enqueued_at=NOW,
    due_at=NOW,
    expires_at=NOW + 60,
)


def record(state: State = "queued", due_at: float = NOW) -> Record:
    return Record(MESSAGE, state, due_at, 0, 0, 1, NOW)


def window(wait: float, *depends: str, limit: int = 10, remaining: int = 0) -> WindowStanding:
    return WindowStanding(
        f"of {depends}", "r", limit, 60.0, remaining, wait, wait, frozenset(depends)
    )


def standing(*windows: WindowStanding) -> Standing:
    return Standing(admitted=all(not one.wait for one in windows), windows=windows)


DELAYS: dict[str, tuple[Seen, float, float]] = {
    "nothing limits it": (Seen(NOW, None, 3), NOW, 0),
    "its time is to come": (Seen(NOW, None, 0), NOW + 90, 90),
    "a limit of the user's": (Seen(NOW, standing(window(20, "user")), 0), NOW, 20),
    "a limit, and its time is later": (Seen(NOW, standing(window(20, "user")), 0), NOW + 90, 90),
    "others go first": (Seen(NOW, standing(window(20, "user")), 10), NOW, 80),
    "others go first, to somebody else": (
        Seen(NOW, standing(window(20, "user", "recipient")), 10),
        NOW,
        20,
    ),
    "it never fits": (Seen(NOW, standing(window(NEVER, "user")), 0), NOW, NEVER),
}


@pytest.mark.parametrize("what", DELAYS)
def test_a_delay_is_what_time_limits_and_those_before_come_to(what: str) -> None:
    seen, due_at, delay = DELAYS[what]
    assert seen.delay(record(due_at=due_at)) == delay
    info = shown(record(due_at=due_at), seen).queue_info
    assert info is not None
    assert info.position == (seen.ahead or 0) + 1
    assert info.estimated_delay == (None if delay == NEVER else delay)
    assert info.estimated_at == (None if delay == NEVER else iso(NOW + delay))


@pytest.mark.parametrize("state", ["held", "leased", "sending", "sent", "dead", "cancelled"])
def test_only_what_is_queued_has_a_place_in_the_queue(state: State) -> None:
    told = shown(record(state), Seen(NOW, standing(window(0, "user", remaining=1)), None))
    assert told.queue_info is None
    assert told.status in STATES_OF
    assert state in STATES_OF[told.status]


def test_the_tightest_window_is_told() -> None:
    windows = (window(0, "user", remaining=5), window(7, "user", "recipient"))
    told = shown(record(), Seen(NOW, standing(*windows), 0)).rate_limit_info
    assert told is not None
    assert (told.remaining, told.retry_after, told.reset_time) == (0, 7, iso(NOW + 7))
    assert told.violated == (windows[1].policy,)


def test_a_list_says_where_to_go_on_only_where_there_may_be_more() -> None:
    assert shown_list([record()], NOW, 1).data.next == "m1"
    assert shown_list([record()], NOW, 2).data.next is None
    assert shown_list([], NOW, 1).data.next is None


def test_the_text_is_not_shown() -> None:
    told = shown(record(), Seen(NOW)).model_dump_json(by_alias=True)
    assert "SECRET" not in told
    assert "mia" not in told
