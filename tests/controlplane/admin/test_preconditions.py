"""Which version a change means, and that it is sent once."""

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.preconditions import Expected, expected_version, idempotency_key


def sent(*fields: tuple[str, str], path: str = "/v1/rollouts/a/kill") -> web.Request:
    return make_mocked_request("POST", path, headers=CIMultiDict(fields))


def matching(*lines: str, required: bool = True) -> Expected:
    return expected_version(sent(*(("If-Match", line) for line in lines)), required=required)


@pytest.mark.parametrize(
    ("lines", "versions"),
    [
        (['"7"'], {7}),
        (['"7","8"'], {7, 8}),
        ([' "7" ,\t"8" '], {7, 8}),
        (['"7"', '"8"'], {7, 8}),
        (['"a,b", "7"'], {7}),
        (['""'], set()),
        (['"7a"'], set()),
        (['"' + "9" * 30 + '"'], set()),
    ],
)
def test_a_list_of_tags_is_read_wherever_it_is_split(lines: list[str], versions: set[int]) -> None:
    assert matching(*lines) == Expected(frozenset(versions))


@pytest.mark.parametrize(
    "line", ["7", '"7', '7"', '"7" "8"', '"7",', ",", 'W/"7"', '"8", W/"7"', "**", '"7" x', ""]
)
def test_what_is_no_list_of_strong_tags_is_refused(line: str) -> None:
    with pytest.raises(Refusal) as caught:
        matching(line)
    assert (caught.value.status, '"7"' in caught.value.hint) == (400, True)


def test_very_many_tags_are_refused() -> None:
    with pytest.raises(Refusal):
        matching(", ".join(f'"{n}"' for n in range(21)))


@given(st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0")))
def test_whatever_is_sent_is_read_or_refused(line: str) -> None:
    status = 200
    try:
        matching(line)
    except Refusal as refusal:
        status = refusal.status
    assert status in {200, 400}


def test_a_required_version_cannot_be_any() -> None:
    with pytest.raises(Refusal) as caught:
        matching()
    assert caught.value.status == 428
    with pytest.raises(Refusal) as caught:
        matching("*")
    assert caught.value.status == 400


def test_where_none_is_required_any_will_do() -> None:
    assert matching(required=False).among(3) is None
    assert matching("*", required=False).among(3) is None
    assert matching('"3"', required=False).among(3) == 3


@pytest.mark.parametrize(("line", "insists"), [('"3","4"', 3), ('"4","5"', 5), ('"other"', -1)])
def test_a_version_that_is_not_known_here_is_left_to_the_store_to_judge(
    line: str, insists: int
) -> None:
    assert matching(line).among(3) == insists


def key(text: str, body: bytes = b"{}", path: str = "/v1/rollouts/a/kill") -> str:
    return idempotency_key(sent(("Idempotency-Key", text), path=path), body, required=True)


def test_the_same_request_has_the_same_key_and_every_other_another() -> None:
    assert key("k") == key("k")
    others = {key("k"), key("l"), key("k", b"{ }"), key("k", path="/v1/rollouts/b/kill")}
    assert len(others) == 4
    assert all(one[:2] in {"k.", "l."} for one in others)


@pytest.mark.parametrize("text", ["", "a b", "x" * 129, "\x7f", "\xe9"])
def test_a_key_is_short_and_visible(text: str) -> None:
    with pytest.raises(Refusal, match="1 to 128 visible ASCII"):
        key(text)


def test_a_key_is_said_once_and_only_where_it_is_required() -> None:
    with pytest.raises(Refusal, match="said once"):
        idempotency_key(
            sent(("Idempotency-Key", "a"), ("Idempotency-Key", "b")), b"", required=False
        )
    with pytest.raises(Refusal, match="needs the field"):
        idempotency_key(sent(), b"", required=True)
    assert idempotency_key(sent(), b"", required=False) == ""
