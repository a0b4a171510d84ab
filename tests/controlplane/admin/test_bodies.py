"""Bodies and queries: read as a whole, with every problem told and no value repeated."""

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.bodies import Body, Reasoned, body_of, field_problems, query_of


class Whole(Body):
    number: int
    share: float = 0.0
    words: tuple[str, ...] = ()


class Query(BaseModel):
    limit: int = 3


async def read(raw: bytes, status: int = 422) -> Whole:
    request = make_mocked_request("POST", "/x")
    request._read_bytes = raw
    return await body_of(request, Whole, "Send this.", status)


async def test_a_body_is_read_as_it_is_said() -> None:
    assert await read(b'{"number": 3, "share": 1, "words": ["a"]}') == Whole(
        number=3, share=1.0, words=("a",)
    )


@pytest.mark.parametrize(
    ("raw", "fields"),
    [
        (b"", ["number"]),
        (b'{"number": "3", "share": "1"}', ["number", "share"]),
        (b'{"number": 3.0}', ["number"]),
        (b'{"number": true}', ["number"]),
        (b'{"number": 1, "share": NaN}', ["share"]),
        (b'{"number": 1, "share": 1e999}', ["share"]),
        (b'{"number": 1, "words": ["a", 2]}', ["words.1"]),
        (b'{"number": 1, "surprise": 1}', ["surprise"]),
    ],
)
async def test_every_problem_of_a_body_is_told(raw: bytes, fields: list[str]) -> None:
    with pytest.raises(Refusal) as caught:
        await read(raw)
    problems = caught.value.more["problems"]
    assert isinstance(problems, list)
    assert (caught.value.status, caught.value.hint) == (422, "Send this.")
    assert [one["field"] for one in problems] == fields


async def test_another_status_can_be_asked_for() -> None:
    with pytest.raises(Refusal) as caught:
        await read(b"{}", status=400)
    assert caught.value.status == 400


@pytest.mark.parametrize("raw", [b"[]", b"1", b"{", b'{"a": "\xff"}', b"[" * 10_000])
async def test_what_is_no_object_is_refused(raw: bytes) -> None:
    with pytest.raises(Refusal, match="no JSON object") as caught:
        await read(raw)
    assert caught.value.status == 400


async def test_very_many_problems_are_told_shortly_and_without_values() -> None:
    with pytest.raises(Refusal) as caught:
        await read(b'{"number": "secret", "words": [%s]}' % b",".join([b"7"] * 1000))
    problems = caught.value.more["problems"]
    assert isinstance(problems, list)
    assert len(problems) == 20
    assert "secret" not in str(problems) + caught.value.detail


@given(st.text(max_size=600))
def test_a_reason_is_short_and_can_be_shown(text: str) -> None:
    try:
        said = Reasoned(reason=text).reason
    except ValidationError as error:
        assert field_problems(error)[0]["field"] == "reason"  # noqa: PT017
        assert not (text.isprintable() and text.strip() and len(text) <= 500)
    else:
        assert said == text
        assert text.isprintable()


def test_a_query_is_read_with_its_numbers() -> None:
    assert query_of(make_mocked_request("GET", "/x?limit=7&other=1"), Query, "") == Query(limit=7)
    with pytest.raises(Refusal, match="limit") as caught:
        query_of(make_mocked_request("GET", "/x?limit=some"), Query, "Ask so.")
    assert (caught.value.status, caught.value.hint) == (400, "Ask so.")
