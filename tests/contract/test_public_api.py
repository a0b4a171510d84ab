"""What plugins and their tests may import, and the hooks, change only on purpose.

The expected text is `tests/golden/public_api.txt`; when a change of it is wanted, write it
anew: `python -m tests.contract.test_public_api`. It is read from the sources, so that it
does not depend on which modules are compiled.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import proxy.api
import proxy.api.testing
from proxy.api.hookspecs import HOOKS

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden" / "public_api.txt"
MODULES = {"proxy.api": proxy.api, "proxy.api.testing": proxy.api.testing}
REGENERATE = "if this is wanted, run: python -m tests.contract.test_public_api"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def tree_of(module: str) -> ast.Module:
    """The source of a module."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


def homes(module: str) -> dict[str, str]:
    """Where each name that a package shows is defined."""
    return {
        alias.name: node.module or ""
        for node in tree_of(module).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def defined(module: str, name: str) -> ast.stmt:
    """The statement that defines a name."""
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef | Function) and node.name == name:
            return node
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return node
    raise AssertionError(f"{module} does not define {name}")


def signature(node: Function) -> str:
    """A function's first line."""
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{word} {node.name}({ast.unparse(node.args)}){result}"


def decorators(node: Function) -> Iterator[str]:
    """The marks above a function that change how it is used."""
    for decorator in node.decorator_list:
        yield f"@{ast.unparse(decorator)} "


def described(node: ast.stmt) -> Iterator[str]:
    """The lines for a definition: itself, and the public part of a class."""
    if isinstance(node, Function):
        yield f"{''.join(decorators(node))}{signature(node)}"
    elif isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        yield f"class {node.name}({bases})" if bases else f"class {node.name}"
        for member in node.body:
            if isinstance(member, Function):
                if not member.name.startswith("_") or member.name == "__init__":
                    yield f"    {''.join(decorators(member))}{signature(member)}"
            elif isinstance(member, ast.AnnAssign):
                yield f"    {ast.unparse(member)}"
    else:
        yield ast.unparse(node)


def public_api() -> str:
    """Everything that is public, as text."""
    lines: list[str] = []
    for module in MODULES:
        home = homes(module)
        lines += [f"# {module}", ""]
        for name in MODULES[module].__all__:
            lines += [*described(defined(home[name], name)), ""]
    lines += ["# hooks", ""]
    for hook in HOOKS.values():
        node = defined("proxy.api.hookspecs", hook.name)
        assert isinstance(node, Function)
        lines += [f"{hook.scope}, {hook.colour}, {hook.on_fault}: {signature(node)}", ""]
    return "\n".join(lines)


def test_the_public_names_and_signatures_are_those_that_were_agreed() -> None:
    assert public_api() == GOLDEN.read_text(encoding="utf-8"), REGENERATE


@pytest.mark.parametrize("module", MODULES)
def test_what_a_package_shows_is_there_and_in_order(module: str) -> None:
    names = MODULES[module].__all__
    assert names == sorted(names)
    assert set(names) == set(homes(module))
    assert all(hasattr(MODULES[module], name) for name in names)


@pytest.mark.parametrize("module", MODULES)
def test_each_public_name_is_explained(module: str) -> None:
    home = homes(module)
    silent = []
    for name in MODULES[module].__all__:
        node = defined(home[name], name)
        if isinstance(node, ast.ClassDef | Function) and not ast.get_docstring(node):
            silent.append(name)
    assert silent == []


if __name__ == "__main__":
    GOLDEN.write_text(public_api(), encoding="utf-8")
