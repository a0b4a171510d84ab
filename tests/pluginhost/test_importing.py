"""Plugins are imported from their snapshot, in several versions at a time, and forgotten."""

import gc
import importlib
import inspect
import linecache
import pkgutil
import sys
import traceback
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from proxy.pluginhost.importing import forget, load, loaded
from proxy.pluginhost.sources import HOME, Source, discover
from proxy.settings.problems import ConfigError
from tests.pluginhost.folder import (
    HELLO,
    found,
    imported,
    package_of,
    problem_of,
    source_of,
    write,
)

FAILING = """\
def fail():
    raise ValueError("{}")  # line of {}
"""


@pytest.fixture(autouse=True)
def _nothing_loaded() -> None:
    """Other tests may have left something."""
    for name in loaded():
        forget(name)


def traceback_of(module: ModuleType) -> str:
    """The traceback of the module's function `fail`."""
    with pytest.raises(ValueError, match=r"old|new") as caught:
        module.fail()
    return "".join(traceback.format_exception(caught.value))


def test_a_plugin_is_imported_under_a_name_of_its_content(tmp_path: Path) -> None:
    source = source_of(tmp_path, "x = __name__, __file__")

    with imported(source) as module:
        assert module.x == (source.module, str(tmp_path / "hello.py"))
        assert sys.modules[source.module] is module
        assert load(source) is module


def test_two_versions_of_a_plugin_live_side_by_side(tmp_path: Path) -> None:
    one = source_of(tmp_path, "version = 1")
    two = source_of(tmp_path, "version = 2")

    with imported(one) as first, imported(two) as second:
        assert (first.version, second.version) == (1, 2)
        assert first is not second


def test_what_runs_is_the_snapshot_whatever_became_of_the_files(tmp_path: Path) -> None:
    files = {"__init__.py": "from .part import x", "part.py": "x = 1"}
    source = package_of(tmp_path, files)
    write(tmp_path / "hello", {"part.py": "x = 2", "late.py": ""})
    (tmp_path / "hello/__init__.py").unlink()

    with imported(source) as module:
        assert module.x == 1
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module(f"{source.module}.late")


def test_files_of_a_package_import_each_other(tmp_path: Path) -> None:
    source = package_of(
        tmp_path,
        {
            "__init__.py": "from . import one\nfrom .sub.two import y\nfrom .bare.three import z",
            "one.py": "x = 1",
            "sub/__init__.py": "from ..one import x",
            "sub/two.py": "from . import x\ny = x + 1",
            "bare/three.py": "from ..sub.two import y\nz = y + 1",
        },
    )

    with imported(source) as module:
        assert (module.one.x, module.y, module.z) == (1, 2, 3)
        assert [name.removeprefix(source.module) for name in loaded()] == [
            "",
            ".bare",
            ".bare.three",
            ".one",
            ".sub",
            ".sub.two",
        ]


def test_a_part_can_be_imported_long_after_the_plugin(tmp_path: Path) -> None:
    code = "def late():\n    from . import part\n    return part.x"
    source = package_of(tmp_path, {"__init__.py": code, "part.py": "x = 1"})

    with imported(source) as module:
        assert module.late() == 1
    with pytest.raises(ImportError):
        module.late()


def test_other_files_are_found_on_the_disk_and_as_resources(tmp_path: Path) -> None:
    code = """\
        import importlib.resources, pkgutil
        from pathlib import Path
        folder = Path(__file__).parent
        on_disk = (folder / "sub/page.html").read_text()
        as_resource = importlib.resources.files(__package__).joinpath("sub/page.html").read_text()
        as_data = pkgutil.get_data(__name__, "sub/page.html")
        """
    source = package_of(tmp_path, {"__init__.py": code, "sub/page.html": "<p>"})

    with imported(source) as module:
        assert (module.on_disk, module.as_resource, module.as_data) == ("<p>", "<p>", b"<p>")
        write(tmp_path, {"hello/sub/page.html": "changed"})
        again = importlib.resources.files(module).joinpath("sub/page.html").read_text()
        assert again == "<p>"
        with pytest.raises(FileNotFoundError):
            pkgutil.get_data(source.module, "nope.html")


def test_no_compiled_file_is_written_or_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    source = package_of(tmp_path, {"__init__.py": "from . import part", "part.py": "x = 1"})

    with imported(source) as module:
        assert module.part.x == 1
    assert not list(tmp_path.rglob("*.pyc"))


def test_tracebacks_show_the_lines_of_the_version_that_ran(tmp_path: Path) -> None:
    old = source_of(tmp_path, FAILING.format("old", "the old one"))
    with imported(old) as before:
        new = source_of(tmp_path, "# moved down\n" + FAILING.format("new", "the new one"))
        with imported(new) as after:
            shown = [traceback_of(before), traceback_of(after)]
            linecache.checkcache()
            again = [traceback_of(before), traceback_of(after)]
            paths = [Path(module.fail.__code__.co_filename) for module in (before, after)]

    assert again == shown
    assert "# line of the old one" in shown[0]
    assert "line 2, in fail" in shown[0]
    assert "# line of the new one" in shown[1]
    assert "line 3, in fail" in shown[1]
    assert paths == [tmp_path / "hello.py"] * 2


def test_tracebacks_into_the_parts_of_a_package_lead_to_their_files(tmp_path: Path) -> None:
    parts = {"__init__.py": "from .sub.part import fail"}
    old = package_of(tmp_path, parts | {"sub/part.py": FAILING.format("old", "old")})
    with imported(old) as before:
        new = package_of(tmp_path, parts | {"sub/part.py": FAILING.format("new", "new")})
        with imported(new) as after:
            texts = [traceback_of(before), traceback_of(after)]

    assert f'File "{tmp_path}/hello/sub/part.py", line 2' in texts[0]
    assert ["# line of old" in texts[0], "# line of new" in texts[1]] == [True, True]


def test_the_source_of_a_plugin_can_be_asked_for(tmp_path: Path) -> None:
    with imported(source_of(tmp_path, HELLO)) as module:
        assert inspect.getsource(module) == HELLO
        assert inspect.getsource(module.Hello).startswith("class Hello(Use):")


def test_the_loader_answers_what_loaders_are_asked(tmp_path: Path) -> None:
    source = package_of(tmp_path, {"__init__.py": "from . import part", "part.py": "x = 1"})
    part = f"{source.module}.part"
    with imported(source) as module:
        loader: Any = module.__spec__ and module.__spec__.loader

        assert [loader.is_package(name) for name in (source.module, part)] == [True, False]
        assert loader.get_filename(part) == str(tmp_path / "hello/part.py")
        assert loader.get_source(part) == "x = 1"
        with pytest.raises(ImportError):
            loader.get_source(f"{source.module}.nope")


def test_an_encoding_that_a_file_declares_is_obeyed(tmp_path: Path) -> None:
    text = b"# coding: latin-1\nx = '\xe4'\n"

    with imported(source_of(tmp_path, text)) as module:
        assert module.x == "ä"


def test_a_forgotten_plugin_leaves_the_interpreter_as_it_was(tmp_path: Path) -> None:
    before = (set(sys.modules), list(sys.meta_path), set(linecache.cache))
    source = package_of(tmp_path, {"__init__.py": "from . import part", "part.py": "x = 1"})
    with imported(source):
        assert len(loaded()) == 2
    left = set(sys.modules) - before[0]

    assert loaded() == ()
    assert left <= {"crossfade_plugins"}
    assert not hasattr(sys.modules["crossfade_plugins"], source.module.rpartition(".")[2])
    assert (list(sys.meta_path), set(linecache.cache)) == before[1:]


def test_forgetting_one_plugin_leaves_the_others_and_may_be_repeated(tmp_path: Path) -> None:
    write(tmp_path, {"hello.py": "x = 1", "hello_2.py": "x = 2"})
    one, two = found(tmp_path).values()
    with imported(two) as module:
        load(one)
        forget(one.module)
        forget(one)
        forget("json")

        assert loaded() == (two.module,)
        assert importlib.import_module(two.module) is module
    assert sys.modules["json"]


def test_after_a_hundred_versions_nothing_of_them_is_left(tmp_path: Path) -> None:
    """Not even where pydantic, typing and the class's own bases keep books."""
    gone: list[weakref.ref[object]] = []
    before = len(sys.modules)
    for number in range(100):
        text = f"{HELLO}\nfrom . import part\nnumber: int | None = {number}\n"
        source = package_of(tmp_path, {"__init__.py": text, "part.py": "class Part: ..."})
        module = load(source)
        gone += [weakref.ref(one) for one in (module, module.Hello, module.Greeting, module.part)]
        module.Hello(module.Greeting(text="x"))
        del module
        forget(source)
    gc.collect()

    assert len(gone) == 400
    assert [reference() for reference in gone if reference() is not None] == []
    assert len(sys.modules) <= before + 1
    assert not [name for name in linecache.cache if name.startswith(str(tmp_path))]


def test_a_failed_import_leaves_nothing_and_is_tried_anew(tmp_path: Path) -> None:
    made: list[weakref.ref[object]] = []
    sys.modules["made_here"] = ModuleType("made_here")
    sys.modules["made_here"].made = made  # type: ignore[attr-defined]
    code = """\
        import weakref
        from made_here import made
        from . import part
        class Kept: ...
        made.append(weakref.ref(Kept))
        1 / 0
        """
    source = package_of(tmp_path, {"__init__.py": code, "part.py": "x = 1"})
    try:
        problems = [problem_of(source), problem_of(source)]
    finally:
        del sys.modules["made_here"]
    gc.collect()

    assert problems[0] == problems[1]
    assert problems[0].said == "ZeroDivisionError: division by zero"
    assert [reference() for reference in made] == [None, None]


def test_a_failed_import_does_not_keep_its_traceback_alive(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(source_of(tmp_path, "1 / 0"))

    assert caught.value.__context__ is None


def test_an_interrupt_at_import_passes_and_leaves_nothing(tmp_path: Path) -> None:
    source = source_of(tmp_path, "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        load(source)
    assert loaded() == ()


def test_an_installed_plugin_is_the_module_that_everybody_imports() -> None:
    source = discover(()).sources["headers"]
    module = load(source)
    forget(source)

    assert module is importlib.import_module("plugins.headers")
    assert source.module in sys.modules


def test_an_installed_plugin_that_fails_names_its_own_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"acme_bad.py": "import json\njson.loads('{')\n"})
    monkeypatch.syspath_prepend(tmp_path)
    place = tmp_path / "acme_bad.py"
    problem = problem_of(Source("acme", "installed", place, "acme_bad", ""))

    assert (problem.file, problem.line, problem.column) == (str(place), 2, 1)
    assert problem.said.startswith("JSONDecodeError: ")


def test_an_installed_plugin_that_is_gone_says_so() -> None:
    place = Path("acme_gone")

    assert str(problem_of(Source("acme", "installed", place, "acme_gone", ""))) == (
        "acme_gone:1:1: plugin acme: said an import of acme_gone, which cannot be found; wanted "
        "modules that are installed; install it where the proxy is, or write from . import ... "
        "for the plugin's files"
    )


def test_a_folder_plugins_in_the_working_directory_does_not_hide_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"plugins/headers.py": "mine = 1"})
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split(".")[0] == "plugins"]:
        monkeypatch.delitem(sys.modules, name)
    before = list(sys.path)
    module = load(discover(()).sources["headers"])
    for name in [name for name in sys.modules if name.split(".")[0] == "plugins"]:
        monkeypatch.delitem(sys.modules, name, raising=False)

    assert str(module.__file__).startswith(str(HOME / "plugins/headers"))
    assert sys.path == before
