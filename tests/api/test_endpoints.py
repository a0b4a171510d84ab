"""What endpoints of plugins have in common."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from proxy.api import Reply, Request
from proxy.api.endpoints import (
    OTHER_METHODS,
    PROBLEMS_TOLD,
    count_of,
    every_method,
    iso,
    preflight,
    problems_of,
    query_of,
    time_of,
)
from proxy.api.testing import request


def test_a_query_is_read_by_its_names() -> None:
    assert query_of("a=1&b=%20x&c=", ("a", "b", "c", "d")) == {"a": "1", "b": " x", "c": ""}
    assert query_of("", ()) == {}


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("a=1&a=1", "something twice"),
        ("x=1", "'x' is no parameter: the query knows a, b, and nothing else"),
        ("&".join(f"a{n}=" for n in range(21)), "more than 20 parts"),
    ],
)
def test_a_query_that_is_none_of_ours_is_refused_in_words(query: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        query_of(query, ("a", "b"))


def test_a_path_without_parameters_knows_nothing() -> None:
    with pytest.raises(ValueError, match=r"the query knows nothing$"):
        query_of("a=1", ())


@given(st.integers(1, 500))
def test_a_count_within_bounds_is_read(number: int) -> None:
    assert count_of(str(number), 500) == count_of(f"0{number}", 500) == number


@pytest.mark.parametrize("text", ["", "0", "501", "-1", "1.0", " 1", "1\n", "٣", "9" * 5000])
def test_what_is_no_count_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"^a whole number from 1 to 500$"):
        count_of(text, 500)


def test_a_time_without_a_zone_is_of_utc() -> None:
    assert time_of("2026-11-23T18:22:00") == datetime(2026, 11, 23, 18, 22, tzinfo=UTC)
    assert time_of("2026-11-23T18:22:00+02:00").utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("text", ["", "soon", "2026-02-30", "0001-01-01T00:00Z", "9999-12-31"])
def test_what_is_no_time_everywhere_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        time_of(text)


def test_a_time_is_written_as_javascript_writes_it() -> None:
    assert iso(1_750_000_000.1234) == "2025-06-15T15:06:40.123Z"
    assert iso(0.0) == "1970-01-01T00:00:00.000Z"


@given(st.integers(0, 4_000_000_000_000))
def test_a_time_that_was_written_is_read_as_the_same(milliseconds: int) -> None:
    assert round(time_of(iso(milliseconds / 1000)).timestamp() * 1000) == milliseconds


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1)
    number: int = 1
    few: tuple[int, ...] = Field((), max_length=2)

    @field_validator("number")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("an even number")
        return value


def problems(text: str) -> list[str]:
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate_json(text, strict=True)
    return problems_of(caught.value)


def test_all_that_is_wrong_with_a_body_is_told_without_its_values() -> None:
    found = problems('{"number": 4711, "secret": "s3cret"}')
    assert found == ["name: is missing", "number: an even number", "secret: is no key of this API"]


def test_how_many_there_have_to_be_is_told_without_words_of_python() -> None:
    assert problems('{"name": "a", "few": [1, 2, 3]}') == ["few: has to have at most 2 items"]
    assert problems('{"name": ""}') == ["name: has to have at least 1 character"]


def test_a_body_that_is_nothing_at_all_is_the_place() -> None:
    assert problems("[]")[0].startswith("the body: ")


def test_what_is_told_of_a_body_is_bounded() -> None:
    found = problems("{" + ",".join(f'"{"k" * 99}{n}": 1' for n in range(50)) + "}")
    assert len(found) == PROBLEMS_TOLD
    assert max(map(len, found)) < 100


async def test_a_preflight_says_which_methods_and_headers_pages_may_send() -> None:
    answer = preflight("GET", "POST", headers="Content-Type")
    reply = await answer(request("OPTIONS", "/x"), b"")
    assert reply.status == 200
    assert reply.headers.get("Access-Control-Allow-Origin") == "*"
    assert reply.headers.get("Access-Control-Allow-Methods") == "GET, POST, OPTIONS"
    assert reply.headers.get("Access-Control-Allow-Headers") == "Content-Type"


async def _show(asked: Request, _: bytes) -> Reply:
    return Reply(200, body=asked.method.encode())


def _refuse(allow: str) -> Reply:
    return Reply(405, body=f"there are {allow}".encode())


async def test_every_method_is_answered_head_like_get_and_others_with_what_there_is() -> None:
    found = every_method({"GET": _show, "POST": _show}, _refuse, "Content-Type")
    assert list(found) == ["GET", "POST", "HEAD", "OPTIONS", OTHER_METHODS]
    assert found["HEAD"] is found["GET"]
    preflighted = await found["OPTIONS"](request("OPTIONS", "/x"), b"")
    assert preflighted.headers.get("Access-Control-Allow-Methods") == "GET, POST, OPTIONS"
    assert preflighted.headers.get("Access-Control-Allow-Headers") == "Content-Type"
    refused = await found[OTHER_METHODS](request("PATCH", "/x"), b"")
    assert (refused.status, refused.body) == (405, b"there are GET, POST, HEAD, OPTIONS")
    assert refused.headers.get("Allow") == "GET, POST, HEAD, OPTIONS"


async def test_what_cannot_be_read_has_no_head() -> None:
    found = every_method({"POST": _show}, _refuse)
    assert list(found) == ["POST", "OPTIONS", OTHER_METHODS]
    refused = await found[OTHER_METHODS](request("HEAD", "/x"), b"")
    assert (refused.status, refused.headers.get("Allow")) == (405, "POST, OPTIONS")
