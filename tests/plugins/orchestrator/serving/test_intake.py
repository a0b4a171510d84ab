"""What a request asks for is read whole, or refused with everything that is wrong."""

from typing import Any

import orjson
import pytest

from plugins.orchestrator.serving.intake import INTENT_BYTES, Asked, BadRequestError, asked
from plugins.orchestrator.wording.prompting import UnfitIntentError
from proxy.api.testing import request

INTENT = {"type": "content_planning", "userId": "u1", "data": {"theme": "rain"}}


async def read(body: object = INTENT, **asking: Any) -> Asked:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return await asked(request("POST", "/api/campaigns", **asking), data)


async def refused(body: object = INTENT, **asking: Any) -> tuple[int, str]:
    with pytest.raises(BadRequestError) as raised:
        await read(body, **asking)
    return raised.value.status, str(raised.value)


async def test_an_intent_is_read_with_the_defaults_of_what_it_leaves_out() -> None:
    found = await read()
    assert (found.intent.user_id, found.intent.platforms) == ("u1", ("instagram",))
    assert found.idempotency == ""


async def test_the_older_name_of_messages_is_understood() -> None:
    found = await read({**INTENT, "type": "message_automation"})
    assert found.intent.type == "message_generation"


async def test_everything_that_is_wrong_is_told_and_nothing_that_was_said() -> None:
    status, says = await refused({"type": "spam", "userId": "", "colour": "secret-word"})
    assert status == 400
    assert all(name in says for name in ("type", "userId", "colour"))
    assert "secret-word" not in says


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff"])
async def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    assert (await refused(body))[0] == 400


async def test_a_body_that_no_record_could_hold_is_refused() -> None:
    with pytest.raises(UnfitIntentError, match=str(INTENT_BYTES)) as raised:
        await read({**INTENT, "data": {"a": "x" * INTENT_BYTES}})
    assert raised.value.status == 413


async def test_nobody_asks_in_the_name_of_another_but_administrators() -> None:
    ann = {"key": "ann", "verified": True}
    assert (await refused(**ann))[0] == 403
    assert (await read({**INTENT, "userId": "ann"}, **ann)).intent.user_id == "ann"
    assert (await read(**ann, attributes={"role": "admin"})).intent.user_id == "u1"
    assert (await read(key="ann")).intent.user_id == "u1"


async def test_the_names_are_those_of_json() -> None:
    assert (await refused({**INTENT, "userId": "u1", "content_type": "post"}))[0] == 400


FORCED = {**INTENT, "forceProvider": "azure"}


async def test_a_provider_is_forced_by_administrators_alone() -> None:
    admin = {"key": "boss", "verified": True, "attributes": {"role": "ADMIN"}}
    assert (await read(FORCED, **admin)).intent.force_provider == FORCED["forceProvider"]
    for other in ({}, {**admin, "verified": False}, {**admin, "attributes": {"role": "creator"}}):
        assert (await refused(FORCED, **other))[0] == 403


async def test_a_key_counts_for_its_user_and_route_alone() -> None:
    key = {"Idempotency-Key": "k1"}
    first = await read(headers=key)
    assert first.idempotency == (await read(headers=key)).idempotency != ""
    others = [
        await read({**INTENT, "userId": "u2"}, headers=key),
        await read(headers=key, route="other"),
        await read(headers={"Idempotency-Key": "k2"}),
        await read(headers=key, key="u1", verified=True),
    ]
    assert len({first.idempotency, *(one.idempotency for one in others)}) == 5
    assert "k1" not in first.idempotency


async def test_another_intent_has_another_fingerprint_and_the_same_one_has_not() -> None:
    first = await read()
    assert first.fingerprint == (await read(dict(reversed(INTENT.items())))).fingerprint
    assert first.fingerprint != (await read({**INTENT, "data": {}})).fingerprint


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
async def test_a_key_that_is_none_is_refused(key: str) -> None:
    status, says = await refused(headers={"Idempotency-Key": key})
    assert status == 400
    assert "Idempotency-Key is 1 to 255" in says


async def test_a_stream_cannot_be_repeated_and_so_has_no_key() -> None:
    status, says = await refused({**INTENT, "stream": True}, headers={"Idempotency-Key": "k1"})
    assert status == 400
    assert "stream" in says
