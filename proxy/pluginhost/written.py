"""Where a plugin's classes and methods stand in its files, and how they are written there."""

import ast
import copy
import functools
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from proxy.pluginhost.sources import Source
from proxy.settings.problems import shown

__all__ = ["Definition", "Spot", "Written"]

_LONGEST = 200
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Spot(NamedTuple):
    """A place in a file; `line` and `column` count from 1."""

    file: str
    line: int
    column: int


class Definition(NamedTuple):
    """A function as its author wrote it."""

    spot: Spot
    text: str
    """As in ``def admit(self, request)``, without annotations."""
    arguments: Mapping[str, Spot]


class _Module(NamedTuple):
    """What is known of a file: classes by qualified name, functions by their first line."""

    file: str
    classes: Mapping[str, ast.ClassDef]
    functions: Mapping[int, _Function]


class Written:
    """Looks into the texts of a plugin's modules; each is parsed once."""

    def __init__(self, source: Source) -> None:
        self._main = str(source.main)
        self._module = functools.cache(self._parsed)

    @property
    def top(self) -> Spot:
        """The beginning of the plugin."""
        return Spot(self._main, 1, 1)

    def class_spot(self, cls: type) -> Spot:
        """Where a class begins."""
        module = self._module(cls.__module__)
        node = module.classes.get(cls.__qualname__)
        return _spot(module, node) if node else Spot(module.file, 1, 1)

    def attribute_spot(self, cls: type, name: str) -> Spot:
        """Where a class's body gives an attribute a type or a value, or defines it."""
        module = self._module(cls.__module__)
        body = module.classes[cls.__qualname__].body if cls.__qualname__ in module.classes else []
        found = (node for node in body if name in _names_given(node))
        node = next(found, None)
        return _spot(module, node) if node else self.class_spot(cls)

    def definition(self, function: Callable[..., Any]) -> Definition:
        """Where and how a function is written."""
        inner = inspect.unwrap(function)
        module = self._module(str(getattr(inner, "__module__", "")))
        first = inner.__code__.co_firstlineno
        node = module.functions.get(first)
        if node is None:  # made, not written
            text = f"{inner.__name__}{inspect.signature(inner)}"
            return Definition(Spot(module.file, first, 1), shown(text, _LONGEST), {})
        arguments = {argument.arg: _spot(module, argument) for argument in _arguments(node)}
        return Definition(_spot(module, node), _text(node), arguments)

    def _parsed(self, name: str) -> _Module:
        module = sys.modules.get(name)
        loader = getattr(getattr(module, "__spec__", None), "loader", None)
        file = str(getattr(module, "__file__", None) or self._main)
        try:
            tree = ast.parse(loader.get_source(name)) if loader else ast.Module([], [])
        except Exception:  # no source, or not what was compiled: the file has to do
            tree = ast.Module([], [])
        functions = {
            min([node.lineno, *(mark.lineno for mark in node.decorator_list)]): node
            for node in ast.walk(tree)
            if isinstance(node, _Function)
        }
        return _Module(file, dict(_classes(tree, "")), functions)


def _classes(node: ast.AST, above: str) -> Iterator[tuple[str, ast.ClassDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            name = f"{above}{child.name}"
            yield name, child
            yield from _classes(child, f"{name}.")
        elif not isinstance(child, _Function | ast.expr):  # under an `if`, say
            yield from _classes(child, above)


def _names_given(node: ast.stmt) -> list[str]:
    if isinstance(node, _Function):
        return [node.name]
    targets: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _arguments(node: _Function) -> list[ast.arg]:
    given = node.args
    stars = [one for one in (given.vararg, given.kwarg) if one]
    return [*given.posonlyargs, *given.args, *given.kwonlyargs, *stars]


def _text(node: _Function) -> str:
    bare = copy.deepcopy(node)
    for argument in _arguments(bare):
        argument.annotation = None
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    return shown(f"{word} {node.name}({ast.unparse(bare.args)})", _LONGEST)


def _spot(module: _Module, node: ast.stmt | ast.arg) -> Spot:
    return Spot(module.file, node.lineno, node.col_offset + 1)
