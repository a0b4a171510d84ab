"""The rules of the house that no linter knows: `python -m scripts.house_rules`.

Each rule is a function from the files to complaints; `RULES` lists them all.
`tests/contract/test_house_rules.py` shows each rule a file that breaks it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
MIN_TEST_NAME_WORDS = 3

# The glossary has another word for each of these.
BANNED_WORDS = frozenset(
    {"backend", "cluster", "canary", "variant", "middleware", "manager", "helper", "util"}
)

# Written in two pieces, so that this file does not break its own rules.
UNFINISHED = re.compile("|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")))
INDEX_ADDRESS = re.compile(
    "|".join(
        (
            "pypi" + r"\.org",
            "python" + "hosted",
            "deb" + r"\.debian",
            "--" + r"(extra-)?index" + "-url",
        )
    ),
    re.IGNORECASE,
)
MACHINE_PATH = re.compile(
    r"(?<![\w.$}/-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")/"
)

TEXT_SUFFIXES = frozenset(
    {"", ".py", ".md", ".yaml", ".yml", ".toml", ".lock", ".json", ".txt", ".cfg", ".lua", ".sql"}
)

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class SourceFile(NamedTuple):
    """A file of the repository: its path from the root, and its text."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    def tree(self) -> ast.Module:
        return _parsed(self)


# All rules look at one file before any looks at the next, so the latest tree is kept.
@lru_cache(maxsize=1)
def _parsed(file: SourceFile) -> ast.Module:
    return ast.parse(file.text, file.path)


@lru_cache(maxsize=1)
def _nodes(tree: ast.Module) -> Sequence[ast.AST]:
    return tuple(ast.walk(tree))


class Complaint(NamedTuple):
    """What breaks a rule, and where."""

    path: str
    line: int
    said: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.said}"


def functions(tree: ast.Module) -> Iterator[FunctionNode]:
    """All functions and methods of a module."""
    for node in _nodes(tree):
        if isinstance(node, FunctionNode):
            yield node


def body_lines(function: FunctionNode) -> int:
    """The lines of a function from `def` to its end, its docstring taken off."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def files_are_short(file: SourceFile) -> Iterator[Complaint]:
    """No Python file has more than 400 lines."""
    lines = file.text.count("\n")
    if file.is_python and lines > MAX_FILE_LINES:
        yield Complaint(file.path, 1, f"{lines} lines; the most is {MAX_FILE_LINES}")


def functions_are_short(file: SourceFile) -> Iterator[Complaint]:
    """No function has more than 60 lines."""
    if not file.is_python:
        return
    for function in functions(file.tree()):
        lines = body_lines(function)
        if lines > MAX_FUNCTION_LINES:
            said = f"{function.name} has {lines} lines; the most is {MAX_FUNCTION_LINES}"
            yield Complaint(file.path, function.lineno, said)


def words_of(name: str) -> set[str]:
    """The words of an identifier in lower case and in the singular: snake_case or CamelCase."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return {part.lower().removesuffix("s") for part in parts}


def defined_names(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """The names that a module gives: of classes, functions, arguments, variables, attributes."""
    for node in _nodes(tree):
        if isinstance(node, FunctionNode | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def names_keep_to_the_glossary(file: SourceFile) -> Iterator[Complaint]:
    """No name in proxy/ uses a word that the glossary replaces."""
    if not (file.is_python and file.path.startswith("proxy/")):
        return
    for part in Path(file.path).with_suffix("").parts:
        for word in words_of(part) & BANNED_WORDS:
            yield Complaint(file.path, 1, f"file name says {word!r}")
    for name, line in defined_names(file.tree()):
        for word in words_of(name) & BANNED_WORDS:
            yield Complaint(file.path, line, f"{name} says {word!r}; see the glossary")


def is_test_file(file: SourceFile) -> bool:
    """Whether pytest collects this file."""
    return file.path.startswith("tests/") and Path(file.path).name.startswith("test_")


def tests_are_named_as_sentences(file: SourceFile) -> Iterator[Complaint]:
    """A test's name says in at least three words what holds."""
    if not is_test_file(file):
        return
    for function in functions(file.tree()):
        words = function.name.removeprefix("test_").split("_")
        if function.name.startswith("test_") and len(words) < MIN_TEST_NAME_WORDS:
            yield Complaint(file.path, function.lineno, f"{function.name} is no sentence")


def asserts_directly(node: ast.AST) -> bool:
    """Whether an assert, or pytest.raises/warns/fail, stands in the node."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assert):
            return True
        if isinstance(inner, ast.Attribute) and inner.attr in {"raises", "warns", "fail"}:
            return True
    return False


def called_names(node: ast.AST) -> set[str]:
    """The bare names of everything that the node calls."""
    calls = (inner.func for inner in ast.walk(node) if isinstance(inner, ast.Call))
    return {
        call.id if isinstance(call, ast.Name) else call.attr
        for call in calls
        if isinstance(call, ast.Name | ast.Attribute)
    }


def asserting_names(tree: ast.Module) -> set[str]:
    """The functions of a module that assert, directly or through another, and test-kit imports."""
    found = {
        alias.asname or alias.name
        for node in _nodes(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.")
        for alias in node.names
    }
    every = list(functions(tree))
    found |= {function.name for function in every if asserts_directly(function)}
    calls = {function: called_names(function) for function in every if function.name not in found}
    while more := {f.name for f, called in calls.items() if f.name not in found and called & found}:
        found |= more
    return found


def tests_assert_something(file: SourceFile) -> Iterator[Complaint]:
    """Each test asserts, itself or through a function of its file or of the test kit."""
    if not is_test_file(file):
        return
    tree = file.tree()
    asserting = asserting_names(tree)
    for function in functions(tree):
        if function.name.startswith("test_") and function.name not in asserting:
            yield Complaint(file.path, function.lineno, f"{function.name} asserts nothing")


def lines_without(
    pattern: re.Pattern[str], said: str
) -> Callable[[SourceFile], Iterator[Complaint]]:
    """Make a rule: no line of any text file matches the pattern."""

    def rule(file: SourceFile) -> Iterator[Complaint]:
        if pattern.search(file.text) is None:
            return
        for number, line in enumerate(file.text.splitlines(), 1):
            if found := pattern.search(line):
                yield Complaint(file.path, number, f"{said}: {found[0]}")

    return rule


RULES: tuple[Callable[[SourceFile], Iterator[Complaint]], ...] = (
    files_are_short,
    functions_are_short,
    names_keep_to_the_glossary,
    tests_are_named_as_sentences,
    tests_assert_something,
    lines_without(UNFINISHED, "unfinished work is not committed"),
    lines_without(INDEX_ADDRESS, "the machine says where packages come from, not the repository"),
    lines_without(MACHINE_PATH, "a path of one machine"),
)


def repository_paths(root: Path) -> list[str]:
    """All files that are, or would be, committed; every file where there is no git."""
    command = ["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return sorted(set(listed.stdout.splitlines()))
    ignored = {".git", ".venv", "var", "build", "dist", "__pycache__"}
    relative = (path.relative_to(root) for path in root.rglob("*"))
    return sorted(str(path) for path in relative if not ignored & set(path.parts))


def source_files(root: Path = ROOT) -> Iterator[SourceFile]:
    """The text files of the repository."""
    for path in repository_paths(root):
        full = root / path
        if full.suffix in TEXT_SUFFIXES and full.is_file():
            yield SourceFile(path, full.read_text(encoding="utf-8"))


def complaints(files: Iterable[SourceFile]) -> Iterator[Complaint]:
    """Everything that breaks a rule."""
    for file in files:
        for rule in RULES:
            yield from rule(file)


def main() -> int:
    found = list(complaints(source_files()))
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
