"""Whenever a proxy or its Redis is killed: no message is lost, and none is sent twice."""

import pytest

from tests.story.delivering_messages import Delivering, Store


@pytest.mark.parametrize(("store", "repeats"), [("redis", False), ("sqlite", True)])
def test_each_message_is_sent_once_or_a_person_is_asked(store: Store, repeats: bool) -> None:
    with Delivering(seed=5, store=store, repeats=repeats, users=40) as delivering:
        found = delivering.deliver(messages=400, kills=2, seconds=60)
    assert found.wrong == []
    assert found.kills + found.redis_kills == 2
    assert found.states["sent"] > 300
