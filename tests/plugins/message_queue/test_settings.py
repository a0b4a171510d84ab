"""Settings that are of no use are told with their place and what is wanted there."""

from typing import Any

import pytest

from plugins.message_queue import MessageQueue
from plugins.message_queue.settings import MessageQueueSettings
from proxy.api.testing.checks import read_settings

LEAST = {"gateway": {"url": "https://platform.example/v1/", "token": "secret-token"}}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no gateway": ({"gateway": None}, "gateway"),
    "a store that is none": ({"store": "postgres://x"}, "memory://, sqlite:path.db or redis://"),
    "a sqlite store without a path": ({"store": "sqlite:"}, "memory://, sqlite:path.db or redis"),
    "a gateway with a password in it": (
        {"gateway": LEAST["gateway"] | {"url": "https://u:p@platform.example"}},
        "http:// or https://, a host",
    ),
    "a lease that ends before the platform answers": (
        {"workers": {"lease": "20s"}},
        "at least as long as gateway.timeout",
    ),
    "a limit with a space": ({"limits": ["only fans"]}, "the name of a rule"),
    "an unknown word": ({"approval": {"unapproved": "send"}}, "refuse"),
    "a key that there is not": ({"retrys": {}}, "retries"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told(what: str) -> None:
    more, says = WRONG[what]
    with pytest.raises(ValueError, match=says.replace("(", r"\(")) as raised:
        read_settings(MessageQueue, LEAST | more)
    assert "secret-token" not in str(raised.value)


def test_the_gateway_is_all_that_has_to_be_said() -> None:
    read = read_settings(MessageQueue, LEAST)
    assert isinstance(read, MessageQueueSettings)
    assert read.gateway.url == "https://platform.example/v1"
    assert read.limits == ("onlyfans",)
    assert read.approval.unapproved == "refuse"
    assert "secret-token" not in repr(read)


@pytest.mark.parametrize(
    "url", ["memory://", "sqlite:q.db", "sqlite:///var/q.db", "redis://:pw@r:6379/0", "rediss://r"]
)
def test_each_kind_of_store_can_be_named(url: str) -> None:
    read = read_settings(MessageQueue, LEAST | {"store": url})
    assert isinstance(read, MessageQueueSettings)
    assert read.store == url
