"""Where plugins are found, and what is wrong with what is there."""

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

from proxy.pluginhost import sources
from proxy.pluginhost.snapshot import MAX_BYTES
from proxy.pluginhost.sources import Source, discover, folders, installed_sources
from proxy.settings.problems import ConfigError
from tests.pluginhost.folder import found, source_of, write


def told(*paths: Path) -> list[str]:
    """What discovery in these directories says is wrong."""
    with pytest.raises(ConfigError) as caught:
        discover(paths, {})
    return str(caught.value).splitlines()


def test_files_and_packages_are_plugins_and_nothing_else_is(tmp_path: Path) -> None:
    others = ("_private.py", ".hidden.py", "#e#.py", "readme.md", "data/x.py", "__pycache__/y.py")
    write(tmp_path, dict.fromkeys(("one.py", "two/__init__.py", "three_3.py", *others), b""))
    (tmp_path / ".#one.py").symlink_to("somebody@somewhere.1:2")

    assert list(found(tmp_path)) == ["one", "three_3", "two"]


def test_a_source_says_where_it_lies_and_holds_its_bytes(tmp_path: Path) -> None:
    write(tmp_path, {"one.py": b"x = 1", "two/__init__.py": b"", "two/a.sql": b"select"})
    one, two = found(tmp_path).values()

    assert (one.place, one.main, one.files) == (
        tmp_path / "one.py",
        tmp_path / "one.py",
        {"one.py": b"x = 1"},
    )
    assert (two.place, two.main) == (tmp_path / "two", tmp_path / "two/__init__.py")
    assert two.files == {"__init__.py": b"", "a.sql": b"select"}
    assert two.path_of("a.sql") == tmp_path / "two/a.sql"
    assert one.module == f"crossfade_plugins.one_{one.digest[:16]}"


def test_any_change_of_content_is_another_module_and_another_digest(tmp_path: Path) -> None:
    before = discover((write(tmp_path, {"one/__init__.py": b"", "one/a.sql": b"1"}),), {})
    after = discover((write(tmp_path, {"one/a.sql": b"2"}),), {})
    back = discover((write(tmp_path, {"one/a.sql": b"1"}),), {})

    assert before.sources["one"] != after.sources["one"]
    assert before.sources["one"].module != after.sources["one"].module
    assert before.digest != after.digest
    assert (back.digest, back.sources) == (before.digest, before.sources)


def test_compiled_files_and_times_change_nothing(tmp_path: Path) -> None:
    before = source_of(tmp_path, "x = 1")
    write(tmp_path, {"__pycache__/hello.cpython-311.pyc": b"?"})
    os.utime(tmp_path / "hello.py", (0, 0))

    assert found(tmp_path)["hello"] == before


def test_a_directory_made_of_links_by_kubernetes_is_read_through_them(tmp_path: Path) -> None:
    write(tmp_path, {"..2024_a/hello.py": b"v = 1", "..2024_b/hello.py": b"v = 2"})
    (tmp_path / "..data").symlink_to("..2024_a")
    (tmp_path / "hello.py").symlink_to("..data/hello.py")
    before = found(tmp_path)
    (tmp_path / "..tmp").symlink_to("..2024_b")
    (tmp_path / "..tmp").replace(tmp_path / "..data")
    after = found(tmp_path)

    assert list(before) == list(after) == ["hello"]
    assert before["hello"].files == {"hello.py": b"v = 1"}
    assert after["hello"].files == {"hello.py": b"v = 2"}


def test_a_directory_that_is_not_there_or_no_directory_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"file.py": b""})

    wanted = "wanted a directory of plugins; make it, or take it out of plugins.path"
    assert told(tmp_path / "nope", tmp_path / "file.py") == [
        f"{tmp_path}/file.py:1:1: said a directory that cannot be read (Not a directory); {wanted}",
        (
            f"{tmp_path}/nope:1:1: said a directory that cannot be read "
            f"(No such file or directory); {wanted}"
        ),
    ]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    write(tmp_path, {"hello/__init__.py": b""})
    # Not even the superuser may read this: its name is too long for where it leads.
    (tmp_path / "hello/long.py").symlink_to("x" * 300)

    assert told(tmp_path) == [
        (
            f"{tmp_path}/hello/long.py:1:1: plugin hello: said a file that cannot be read "
            "(File name too long); wanted files that the proxy can read; check who owns it and may "
            "read it"
        )
    ]


def test_a_plugin_beyond_the_bounds_is_told_and_is_not_kept(tmp_path: Path) -> None:
    write(tmp_path, {"big.py": b""})
    os.truncate(tmp_path / "big.py", MAX_BYTES + 1)

    assert told(tmp_path) == [
        (
            f"{tmp_path}/big.py:1:1: plugin big: said more than that; wanted a plugin of at most "
            "16 MiB in at most 1000 files; keep data outside of the plugin's folder"
        )
    ]


def test_a_directory_with_more_plugins_than_anybody_writes_is_refused(tmp_path: Path) -> None:
    for number in range(sources.MAX_PLUGINS + 1):
        (tmp_path / f"p{number}.py").touch()

    assert told(tmp_path) == [
        (
            f"{tmp_path}:1:1: said 1001 plugins in one directory; wanted at most 1000; a directory "
            "of plugins holds nothing else"
        )
    ]


@pytest.mark.parametrize(
    "name", ["my-plugin.py", "1st.py", "grüße.py", "a b/__init__.py", "a.b.py"]
)
def test_a_name_that_the_configuration_could_not_write_is_told(tmp_path: Path, name: str) -> None:
    write(tmp_path, {name: b""})

    [line] = told(tmp_path)
    assert "wanted a name of letters, digits and _, at most 64, beginning with a letter" in line


def test_one_name_in_two_places_is_told_at_the_second(tmp_path: Path) -> None:
    first = write(tmp_path / "first", {"hello.py": b"", "twice.py": b""})
    second = write(tmp_path / "second", {"hello/__init__.py": b"", "more.py": b""})
    write(first, {"twice/__init__.py": b""})

    wanted = "wanted one plugin of each name; rename one of them"
    twice = f"the name twice, which {first}/twice has too"
    hello = f"the name hello, which {first}/hello.py has too"
    assert told(first, second) == [
        f"{first}/twice.py:1:1: plugin twice: said {twice}; {wanted}",
        f"{second}/hello:1:1: plugin hello: said {hello}; {wanted}",
    ]


def test_one_directory_named_twice_is_one(tmp_path: Path) -> None:
    write(tmp_path / "real", {"hello.py": b""})
    (tmp_path / "link").symlink_to("real")

    assert list(discover((tmp_path / "real", tmp_path / "link"), {}).sources) == ["hello"]


def test_everything_that_is_wrong_is_told_in_one_run(tmp_path: Path) -> None:
    write(tmp_path, {"a-b.py": b"", "c-d.py": b""})

    assert len(told(tmp_path, tmp_path / "nope")) == 3


def test_a_directory_goes_before_what_is_installed(tmp_path: Path) -> None:
    mine = source_of(tmp_path, "x = 1", "headers")
    installed = Source("headers", "installed", Path("x"), "plugins.headers", "0")
    other = Source("other", "installed", Path("y"), "plugins.other", "1")
    catalogue = discover((tmp_path,), {"headers": installed, "other": other})

    assert catalogue.sources == {"headers": mine, "other": other}
    assert catalogue.digest == discover((tmp_path,), {"other": other}).digest
    assert catalogue.digest != discover((), {"headers": installed, "other": other}).digest


@pytest.fixture
def _forgetful() -> object:
    """What is installed is looked at anew, in the test and after it."""
    installed_sources.cache_clear()
    yield
    installed_sources.cache_clear()


def distribution(folder: Path, name: str, points: str) -> None:
    """Install a distribution with entry points, as far as importlib.metadata can see."""
    info = f"{name}-1.5.dist-info"
    text = f"[crossfade.plugins]\n{points}\n"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n"
    write(folder, {f"{info}/entry_points.txt": text, f"{info}/METADATA": metadata})


@pytest.mark.usefixtures("_forgetful")
def test_an_installed_plugin_is_found_and_hashed_without_being_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "acme", "acme_one = acme_one:Use\nacme_two = acme_pkg.inner.two")
    raising = b"raise SystemExit"
    write(tmp_path, {"acme_one.py": raising, "acme_pkg/__init__.py": raising})
    write(tmp_path, {"acme_pkg/inner/__init__.py": raising})
    write(tmp_path, {"acme_pkg/inner/two/__init__.py": raising})
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (discover(()).sources[name] for name in ("acme_one", "acme_two"))

    assert (one.kind, one.module, one.version) == ("installed", "acme_one", "1.5")
    assert (one.place, one.main) == (tmp_path / "acme_one.py", tmp_path / "acme_one.py")
    assert (two.module, two.place) == ("acme_pkg.inner.two", tmp_path / "acme_pkg/inner/two")
    assert one.digest != two.digest
    assert not [name for name in sys.modules if name.startswith("acme_")]


@pytest.mark.usefixtures("_forgetful")
def test_an_installed_plugin_without_its_module_disturbs_nobody_who_does_not_use_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = "acme_gone = acme_gone.inner\nacme_odd = plugins.odd.inner\nacme_bare = acme_bare"
    distribution(tmp_path, "acme", points)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "acme_bare", ModuleType("acme_bare"))  # it has no spec
    catalogue = discover(())

    assert catalogue.sources["acme_gone"].module == "acme_gone.inner"
    assert catalogue.sources["acme_bare"].place == Path("acme_bare")
    assert catalogue.sources["acme_gone"].digest != catalogue.sources["acme_odd"].digest


@pytest.mark.usefixtures("_forgetful")
def test_one_name_out_of_two_distributions_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distribution(tmp_path, "acme", "hello = acme_hello")
    distribution(tmp_path, "best", "hello = best_hello")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ConfigError, match="wanted one plugin of each name; uninstall") as caught:
        discover(())
    assert len(caught.value.problems) == 1


def test_the_plugins_that_come_with_the_proxy_are_there_without_any_directory() -> None:
    shipped = discover(()).sources

    assert {"access_control", "headers", "preview_cookie", "static_reply", "statsd"} <= set(shipped)
    assert shipped["headers"].place == sources.HOME / "plugins/headers"


def test_folders_are_those_in_which_a_change_may_matter(tmp_path: Path) -> None:
    directory = write(tmp_path / "plugins", {"a/__init__.py": b"", "a/sub/x.sql": b""})
    write(tmp_path / "far", {"b.py": b""})
    write(directory, {"a/.git/x": b"", "data/unrelated.txt": b""})
    (directory / "b.py").symlink_to(tmp_path / "far/b.py")

    assert folders((directory, tmp_path / "nope")) == (
        tmp_path / "far",
        directory,
        directory / "a",
        directory / "a/sub",
    )
