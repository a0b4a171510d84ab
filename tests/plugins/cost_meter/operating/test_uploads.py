"""Files that come in parts: in order, bounded, and not for ever."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.operating import uploads
from plugins.cost_meter.operating.uploads import LARGEST_PART, SECONDS, Uploads
from proxy.api.testing import JumpingClock
from tests.kit.properties import examples


def coded(data: bytes) -> str:
    return b64encode(data).decode()


def fresh() -> Uploads:
    return Uploads(JumpingClock().clock)


@given(st.lists(st.binary(min_size=1, max_size=9), min_size=1, max_size=6))
@examples(60)
def test_a_file_is_what_its_parts_are_together(parts: list[bytes]) -> None:
    files, whole = fresh(), b"x".join(parts).hex()
    for number, part in enumerate((whole[:5], whole[5:])):
        files.add("f", number, coded(part.encode()))
    assert files.take("f") == whole


def test_a_file_is_taken_once() -> None:
    files = fresh()
    files.add("f", 0, coded(b"a"))
    assert files.take("f") == "a"
    with pytest.raises(ValueError, match="not here"):
        files.take("f")


def test_parts_that_do_not_follow_one_another_end_a_file() -> None:
    files = fresh()
    files.add("f", 0, coded(b"a"))
    with pytest.raises(ValueError, match="do not follow"):
        files.add("f", 2, coded(b"b"))
    with pytest.raises(ValueError, match="not here"):
        files.take("f")


def test_a_file_that_is_begun_anew_is_the_new_one() -> None:
    files = fresh()
    files.add("f", 0, coded(b"a"))
    files.add("f", 0, coded(b"b"))
    assert files.take("f") == "b"


def test_files_are_few_and_small(monkeypatch: pytest.MonkeyPatch) -> None:
    files = fresh()
    for name in ("a", "b"):
        files.add(name, 0, coded(b"a"))
    with pytest.raises(ValueError, match="2 files are on their way already"):
        files.add("c", 0, coded(b"a"))
    files.add("b", 0, coded(b"b"))  # one of them begun anew is none more
    with pytest.raises(ValueError, match="a part has at most"):
        files.add("a", 1, coded(b"a" * (LARGEST_PART + 1)))
    monkeypatch.setattr(uploads, "LARGEST", 3)
    with pytest.raises(ValueError, match="the file has more than"):
        files.add("b", 1, coded(b"abc"))


def test_what_is_no_base64_or_no_text_is_told() -> None:
    files = fresh()
    with pytest.raises(ValueError, match="no base64"):
        files.add("f", 0, "?")
    files.add("f", 0, coded(b"a\xff"))
    with pytest.raises(ValueError, match="no UTF-8 text: byte 1"):
        files.take("f")


def test_a_file_of_which_nothing_comes_any_more_is_dropped() -> None:
    now = [0.0]
    files = Uploads(lambda: now[0])
    files.add("f", 0, coded(b"a"))
    now[0] = SECONDS + 1
    with pytest.raises(ValueError, match="not here"):
        files.take("f")
