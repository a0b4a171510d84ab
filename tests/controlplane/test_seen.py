"""A fingerprint changes with what a path leads to, and with nothing else."""

from pathlib import Path

from proxy.controlplane.seen import Fingerprint, Seen, folders


def test_a_fingerprint_tells_content_and_real_path_apart(tmp_path: Path) -> None:
    one, other, link = tmp_path / "a", tmp_path / "b", tmp_path / "link"
    one.write_text("x")
    other.write_text("x")
    link.symlink_to(one)
    at_one, at_other = Fingerprint.of(one), Fingerprint.of(other)
    assert at_one is not None
    assert at_other is not None
    assert at_one.digest == at_other.digest
    assert at_one != at_other
    assert Fingerprint.of(link) == at_one


def test_what_cannot_be_read_has_no_fingerprint(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert Fingerprint.of(loop) is None
    assert Fingerprint.of(tmp_path) is None
    assert Fingerprint.of(tmp_path / "nothing") is None
    assert Fingerprint.of_plugins(loop) is None
    assert Fingerprint.of_plugins(tmp_path / "nothing") is None


def test_a_plugin_that_cannot_be_read_has_a_fingerprint_that_changes_once_it_can(
    tmp_path: Path,
) -> None:
    (tmp_path / "not a name.py").write_text("")
    wrong = Fingerprint.of_plugins(tmp_path)
    (tmp_path / "not a name.py").rename(tmp_path / "name.py")
    right = Fingerprint.of_plugins(tmp_path)
    assert wrong is not None
    assert right is not None
    assert wrong.digest != right.digest


def test_looking_again_finds_the_same_until_something_changes(tmp_path: Path) -> None:
    file, plugins = tmp_path / "config.yaml", tmp_path / "plugins"
    plugins.mkdir()
    file.write_text("{}")
    seen = Seen.at(file, [plugins])
    assert seen.again() == seen
    (plugins / "hello.py").write_text("")
    assert seen.again() != seen
    file.write_text("other")
    assert seen.beside([]).file == seen.file, "the file is not looked at"
    assert seen.beside([]).plugins == {}


def test_an_event_is_expected_wherever_a_plugin_can_change(tmp_path: Path) -> None:
    home, plugins, volume = (tmp_path / name for name in ("home", "plugins", "volume"))
    for folder in (home, plugins / "packed" / "inner", plugins / "no_package", volume):
        folder.mkdir(parents=True)
    (plugins / "packed" / "__init__.py").write_text("")
    (home / "link").symlink_to(volume)
    found = {f.path for f in folders(Seen.at(home / "config.yaml", [plugins, home / "link"]))}
    inside = {plugins, plugins / "packed", plugins / "packed" / "inner"}
    assert {home, home / "link", volume} | inside == found


def test_what_is_not_there_is_awaited_in_the_nearest_folder_above(tmp_path: Path) -> None:
    missing = tmp_path / "a" / "b"
    found = {f.path for f in folders(Seen.at(tmp_path / "x" / "config.yaml", [missing]))}
    assert found == {tmp_path}


def test_a_folder_that_took_the_place_of_another_is_another_one(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    before = folders(Seen.at(tmp_path / "config.yaml", [plugins]))
    plugins.rename(tmp_path / "kept")
    plugins.mkdir()
    assert folders(Seen.at(tmp_path / "config.yaml", [plugins])) != before
