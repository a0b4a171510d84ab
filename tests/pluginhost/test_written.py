"""Where classes and methods stand in a plugin's files."""

from pathlib import Path
from types import ModuleType
from typing import Any

from proxy.pluginhost.sources import Source
from proxy.pluginhost.written import Definition, Spot, Written
from tests.pluginhost.folder import imported, package_of, source_of

TEXT = """\
import functools
import sys

def decorated(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

class Outer:
    settings: int
    limit = 3

    class Inner:
        def one(self, a: int, /, b: "str" = "x", *rest: int, c=1, **more: int) -> None: ...

    @decorated
    @decorated
    async def two(self): ...

if sys:
    class Under:
        def three(self,
                  request,
                  reply): ...

Made = type("Made", (), {})
exec("def made(self, x): ...")
"""


def looked_at(source: Source, module: ModuleType, *path: str) -> Definition:
    """How a function of a module is written."""
    value: Any = module
    for name in path:
        value = getattr(value, name)
    return Written(source).definition(value)


def test_a_function_is_shown_as_written_but_for_its_annotations(tmp_path: Path) -> None:
    source = source_of(tmp_path, TEXT)
    with imported(source) as module:
        one = looked_at(source, module, "Outer", "Inner", "one")

    assert one.text == "def one(self, a, /, b='x', *rest, c=1, **more)"
    assert one.spot == Spot(str(tmp_path / "hello.py"), 15, 9)
    assert {name: (spot.line, spot.column) for name, spot in one.arguments.items()} == {
        "self": (15, 17),
        "a": (15, 23),
        "b": (15, 34),
        "c": (15, 62),
        "rest": (15, 51),
        "more": (15, 69),
    }


def test_decorators_and_line_breaks_do_not_move_a_function(tmp_path: Path) -> None:
    source = source_of(tmp_path, TEXT)
    with imported(source) as module:
        two = looked_at(source, module, "Outer", "two")
        three = looked_at(source, module, "Under", "three")

    assert (two.text, two.spot.line) == ("async def two(self)", 19)
    assert (three.text, three.spot.line) == ("def three(self, request, reply)", 23)
    assert three.arguments["reply"].line == 25


def test_classes_and_their_attributes_are_found_where_they_are(tmp_path: Path) -> None:
    source = source_of(tmp_path, TEXT)
    with imported(source) as module:
        written = Written(source)
        spots = [
            written.class_spot(module.Outer),
            written.class_spot(module.Outer.Inner),
            written.class_spot(module.Under),
            written.attribute_spot(module.Outer, "settings"),
            written.attribute_spot(module.Outer, "limit"),
            written.attribute_spot(module.Outer, "two"),
            written.attribute_spot(module.Outer, "nowhere"),
        ]

    assert [(spot.line, spot.column) for spot in spots] == [
        (10, 1),
        (14, 5),
        (22, 5),
        (11, 5),
        (12, 5),
        (19, 5),
        (10, 1),
    ]


def test_what_was_made_and_not_written_has_at_least_its_file(tmp_path: Path) -> None:
    source = source_of(tmp_path, TEXT)
    with imported(source) as module:
        made = looked_at(source, module, "made")
        spot = Written(source).class_spot(module.Made)

    assert (made.text, made.arguments) == ("made(self, x)", {})
    assert (made.spot.file, made.spot.line) == (str(tmp_path / "hello.py"), 1)
    assert spot == Spot(str(tmp_path / "hello.py"), 1, 1)


def test_a_part_of_a_package_is_found_in_its_own_file(tmp_path: Path) -> None:
    files = {"__init__.py": "from .part import f", "part.py": "\ndef f(): ..."}
    source = package_of(tmp_path, files)
    with imported(source) as module:
        spot = looked_at(source, module, "f").spot

    assert spot == Spot(str(tmp_path / "hello/part.py"), 2, 1)
    assert Written(source).top == Spot(str(tmp_path / "hello/__init__.py"), 1, 1)


def test_a_module_without_a_text_is_no_obstacle(tmp_path: Path) -> None:
    source = source_of(tmp_path, "")
    made = type("Made", (), {"__module__": "nowhere"})

    assert Written(source).class_spot(made) == Spot(str(tmp_path / "hello.py"), 1, 1)
    assert Written(source).class_spot(int) == Spot(str(tmp_path / "hello.py"), 1, 1)
