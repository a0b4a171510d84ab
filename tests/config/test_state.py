"""The store that a configuration names: one spelling for the stores, no password for anybody."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config.state import state_url
from proxy.settings.values import UnfitError
from tests.config.writing import MINIMAL, load_text, problems_of

SPELLINGS = {
    "memory://": "memory://",
    "sqlite:///var/crossfade.db": "sqlite:///var/crossfade.db",
    "redis://cache": "redis://cache:6379/0",
    "redis://127.0.0.1:7000": "redis://127.0.0.1:7000/0",
    "redis://Cache.example/3": "redis://cache.example:6379/3",
    "redis://[::1]/1": "redis://[::1]:6379/1",
    "rediss://[::1]:6380/1?prefix=shop:blue": "rediss://[::1]:6380/1?prefix=shop:blue",
    "redis://cache/0?copy=/var/a+b c.json&prefix=a": (
        "redis://cache:6379/0?copy=/var/a%2Bb%20c.json&prefix=a"
    ),
    "redis://ops:secret@cache": "redis://ops:secret@cache:6379/0",
    "redis://:a@b/c?d#e:f@cache": "redis://:a%40b%2Fc%3Fd%23e%3Af@cache:6379/0",
    "redis://:a%40b@cache": "redis://:a%40b@cache:6379/0",
    "redis://:100%@cache": "redis://:100%25@cache:6379/0",
}
UNFIT = [
    "",
    "crossfade.db",
    "/var/crossfade.db",
    "postgres://host/db",
    "memory://here",
    "sqlite://var/crossfade.db",
    "sqlite:///var/",
    "sqlite:///",
    "sqlite:///var/x.db?mode=ro",
    "sqlite:///var/\0.db",
    "redis://",
    "redis:///0",
    "redis://cache:0",
    "redis://cache:port",
    "redis://ca che",
    "redis://cache/users",
    "redis://cache/0/1",
    "redis://cache/0?",
    "redis://cache/0?prefix=",
    "redis://cache/0?prefix={a}",
    "redis://cache/0?prefix=a&prefix=b",
    "redis://cache/0?timeout=5",
    "redis://cache/0?copy=last.json",
    "redis://cache/0?copy=/var/",
    "redis://cache/0?copy=/a@b",
    "redis://cache/0?copy=/a&copy=/b",
]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_store_has_one_spelling(text: str) -> None:
    assert state_url(text) == SPELLINGS[text]
    assert state_url(state_url(text)) == SPELLINGS[text]


@pytest.mark.parametrize("text", UNFIT)
def test_what_names_no_store_is_refused(text: str) -> None:
    with pytest.raises(UnfitError):
        state_url(text)


@pytest.mark.parametrize("text", ["crossfade.db", "postgres://host/db"])
def test_what_is_refused_is_told_of_a_path_from_the_folder_of_the_file(text: str) -> None:
    with pytest.raises(UnfitError, match=r"sqlite:path, sqlite:///path") as caught:
        state_url(text)
    assert "sqlite" in caught.value.hint


@given(st.text(max_size=40) | st.builds("redis://{}@{}".format, st.text(), st.text()))
def test_any_text_is_one_spelling_or_refused(text: str) -> None:
    try:
        once = state_url(text)
    except UnfitError:
        return
    assert state_url(once) == once


def test_without_the_key_nothing_is_kept_over_a_restart(tmp_path: Path) -> None:
    assert load_text(tmp_path, MINIMAL).state == "memory://"


@pytest.mark.parametrize("text", ["sqlite:var/x.db", "sqlite:./var/x.db", "sqlite:${FOLDER}/x.db"])
def test_a_relative_path_of_sqlite_is_taken_from_the_folder_of_the_file(
    tmp_path: Path, text: str
) -> None:
    config = load_text(tmp_path, f'{MINIMAL}state: "{text}"\n', {"FOLDER": "var"})

    assert config.state == f"sqlite://{tmp_path}/var/x.db"


def test_a_relative_path_of_the_copy_is_taken_from_the_folder_of_the_file(tmp_path: Path) -> None:
    url = "redis://:a?b@cache/0?copy=last.json&prefix=p"
    config = load_text(tmp_path, f"{MINIMAL}state: {url}\n")

    path = f"{tmp_path}/last.json"
    assert config.state == f"redis://:a%3Fb@cache:6379/0?copy={path}&prefix=p"


def test_an_absolute_path_after_the_colon_stays_absolute(tmp_path: Path) -> None:
    assert load_text(tmp_path, f"{MINIMAL}state: sqlite:/x.db\n").state == "sqlite:///x.db"


@pytest.mark.parametrize("text", ["sqlite:", "[redis://hunter2]", "{url: redis://hunter2}", "5"])
def test_what_is_no_url_at_all_is_told_without_what_it_says(tmp_path: Path, text: str) -> None:
    [problem] = problems_of(
        tmp_path, f"{MINIMAL}state: {text.replace('sqlite:', '${A}')}\n", {"A": "sqlite:"}
    )

    assert problem.where == "state"
    assert "hunter2" not in str(problem)
