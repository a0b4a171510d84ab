"""What is known of a request."""

from typing import Any

import pytest

from plugins.rate_limit.facts import RequestFacts, address_of
from plugins.rate_limit.settings import UseSettings
from proxy.api.testing import request


def facts(*asks: str, **said: Any) -> RequestFacts:
    return RequestFacts(frozenset(asks), UseSettings.model_validate(said))


def test_route_and_method_are_always_known() -> None:
    assert facts().plain(request("POST", route="send")) == {"route": "send", "method": "POST"}


def test_a_user_is_one_for_whom_somebody_vouches() -> None:
    asked = facts("user")
    assert asked.plain(request(key="ann", verified=True))["user"] == "ann"
    unsure = request(key="ann", verified=False)
    assert "user" not in asked.plain(unsure)
    assert asked.asks_caller(unsure)
    assert not asked.asks_caller(request(key="ann", verified=True))
    assert not facts("ip").asks_caller(unsure)


async def test_role_and_tier_are_those_that_somebody_vouches_for() -> None:
    asked = facts("user", "tier")
    ann = request(key="ann", verified=True, attributes={"tier": "VIP"})
    assert asked.asks_caller(ann)
    assert "tier" not in asked.plain(ann)
    assert await asked.of_caller(ann) == {"user": "ann", "role": None, "tier": "vip"}
    assert await asked.of_caller(request(key="ann")) == {}


def test_other_attributes_are_those_that_the_configuration_declares() -> None:
    found = facts("plan").plain(request(attributes={"plan": "free", "other": "x"}))
    assert found["plan"] == "free"
    assert "plan" not in facts("plan").plain(request())


ADDRESSES = {
    "192.0.2.1": "192.0.2.1",
    "::ffff:192.0.2.1": "192.0.2.1",
    "2001:db8:1:2::1": "2001:db8:1:2::/64",
    "2001:db8:1:2:ffff::": "2001:db8:1:2::/64",
    "": None,
    "unknown": None,
}


@pytest.mark.parametrize("text", ADDRESSES)
def test_an_address_stands_for_all_that_one_customer_has(text: str) -> None:
    assert address_of(text) == ADDRESSES[text]


def test_a_trusted_proxy_says_who_its_client_is() -> None:
    asked = facts("ip", client_from="X-Forwarded-For")
    said = {"X-Forwarded-For": "10.0.0.1, 192.0.2.1"}
    assert asked.plain(request(headers=said, trusted=True))["ip"] == "192.0.2.1"
    assert asked.plain(request(headers=said, client="192.0.2.9"))["ip"] == "192.0.2.9"
    assert asked.plain(request(trusted=True))["ip"] is None
    assert facts("ip").plain(request(client="192.0.2.9"))["ip"] == "192.0.2.9"


def test_a_body_is_looked_at_only_where_a_rule_asks_for_something_in_it() -> None:
    assert not facts("user", "ip").in_body
    assert facts("user", "recipient").in_body
    assert facts("body").in_body
    assert facts("size", facts={"size": "length(text)"}).in_body
    assert not facts("user", facts={"size": "length(text)"}).in_body


@pytest.mark.parametrize(
    "body",
    [b'{"recipientId": "1", "messageType": "a"}', b'{"recipient_id": "1", "message_type": "a"}'],
)
def test_recipient_and_type_are_found_in_both_spellings(body: bytes) -> None:
    assert facts("recipient", "message_type").of_body(body) == {
        "recipient": "1",
        "message_type": "a",
    }


def test_a_use_may_find_facts_of_its_own_and_others_in_another_place() -> None:
    asked = facts("recipient", "size", facts={"recipient": "to.id", "size": "length(text)"})
    assert asked.of_body(b'{"to": {"id": 7}, "text": "four"}') == {"recipient": 7, "size": 4}


def test_the_whole_body_is_there_where_an_expression_asks_for_it() -> None:
    assert facts("body").of_body(b'{"a": 1}') == {"body": {"a": 1}}


@pytest.mark.parametrize("body", [b"", b"[1]", b'"text"', b"{", b"\xff", b"null"])
def test_a_body_that_is_no_object_says_nothing(body: bytes) -> None:
    assert facts("recipient", "body").of_body(body) == {}
