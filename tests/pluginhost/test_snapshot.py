"""The files of a plugin as they were at one moment."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.pluginhost.snapshot import (
    MAX_BYTES,
    MAX_FILES,
    SnapshotResources,
    TooMuchError,
    digest_of,
    folders_below,
    read_files,
)
from tests.pluginhost.folder import write

FILES = st.dictionaries(st.text(max_size=3), st.binary(max_size=3), max_size=4)


def test_a_package_is_all_its_files_with_those_of_its_folders(tmp_path: Path) -> None:
    files = {"__init__.py": b"", "sub/__init__.py": b"x = 1", "sub/page.html": b"<p>"}

    assert read_files(write(tmp_path, files)) == files


def test_what_python_and_editors_leave_behind_is_no_part_of_a_plugin(tmp_path: Path) -> None:
    litter = ("__pycache__/a.pyc", "old.pyc", ".a.py.swp", "a.py~", "#a.py#", ".git/config")
    write(tmp_path, dict.fromkeys(litter, b"x"))
    write(tmp_path, {"a.py": b"1"})
    (tmp_path / ".#a.py").symlink_to("somebody@somewhere.1:2")

    assert read_files(tmp_path) == {"a.py": b"1"}


def test_links_are_followed_and_a_loop_of_them_ends(tmp_path: Path) -> None:
    package = write(tmp_path / "package", {"a.py": b"1", "sub/b.py": b"2"})
    write(tmp_path / "elsewhere", {"c.py": b"3"})
    (package / "linked").symlink_to(tmp_path / "elsewhere")
    (package / "sub/loop").symlink_to(package)
    (package / "gone.py").symlink_to(tmp_path / "nothing")

    assert read_files(package) == {"a.py": b"1", "sub/b.py": b"2", "linked/c.py": b"3"}


def test_a_pipe_is_passed_over_and_nobody_waits_for_its_other_end(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": b"1"})
    os.mkfifo(tmp_path / "pipe.py")

    assert read_files(tmp_path) == {"a.py": b"1"}


def test_more_bytes_than_the_bound_are_refused(tmp_path: Path) -> None:
    write(tmp_path, {"a.bin": b"", "b.bin": b"1"})
    os.truncate(tmp_path / "a.bin", MAX_BYTES - 1)
    whole = sum(len(content) for content in read_files(tmp_path).values())
    os.truncate(tmp_path / "a.bin", MAX_BYTES)

    assert whole == MAX_BYTES
    with pytest.raises(TooMuchError):
        read_files(tmp_path)


def test_more_files_or_folders_than_the_bound_are_refused(tmp_path: Path) -> None:
    many = tmp_path / "files"
    many.mkdir()
    for number in range(MAX_FILES + 1):
        (many / f"{number}.txt").touch()
    folders = tmp_path / "folders"
    for number in range(MAX_FILES):
        (folders / str(number)).mkdir(parents=True)

    with pytest.raises(TooMuchError):
        read_files(many)
    with pytest.raises(TooMuchError):
        list(folders_below(folders))


def test_what_disappears_while_it_is_read_is_not_there(tmp_path: Path) -> None:
    assert read_files(tmp_path / "gone.py") == {}
    assert list(folders_below(tmp_path / "gone")) == [tmp_path / "gone"]


@given(FILES, FILES)
def test_two_digests_are_equal_exactly_if_names_and_contents_are(
    one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    assert (digest_of(one) == digest_of(other)) == (one == other)
    assert digest_of(one) == digest_of(dict(reversed(one.items())))


def test_bytes_that_move_from_one_name_or_file_to_another_change_the_digest() -> None:
    digests = {
        digest_of({"a": b"bc", "d": b""}),
        digest_of({"a": b"b", "d": b"c"}),
        digest_of({"ab": b"c", "d": b""}),
        digest_of({"a": b"b", "cd": b""}),
    }

    assert len(digests) == 4


def test_resources_show_the_snapshot_like_a_folder(tmp_path: Path) -> None:
    files = {"__init__.py": b"", "pages/a.html": "ä".encode(), "pages/b.html": b"b"}
    top = SnapshotResources(files, "", tmp_path / "hello").files()
    pages = top / "pages"

    assert (top.name, top.is_dir(), top.is_file()) == ("hello", True, False)
    assert [entry.name for entry in top.iterdir()] == ["__init__.py", "pages"]
    assert [entry.name for entry in pages.iterdir()] == ["a.html", "b.html"]
    assert (top / "pages/a.html").read_text("utf-8") == "ä"
    assert pages.joinpath("b.html").read_bytes() == b"b"
    assert not (pages / "c.html").is_file()
    with pytest.raises(FileNotFoundError):
        (pages / "c.html").open()


def test_resources_of_an_inner_package_begin_at_its_folder(tmp_path: Path) -> None:
    files = {"__init__.py": b"", "sub/__init__.py": b"", "sub/x.sql": b"select"}
    top = SnapshotResources(files, "sub/", tmp_path / "hello/sub").files()

    assert [entry.name for entry in top.iterdir()] == ["__init__.py", "x.sql"]
    assert (top / "." / "x.sql").read_bytes() == b"select"
