"""A failed import comes down to one problem, at the line of the plugin's own that failed."""

from pathlib import Path

import pytest

from tests.pluginhost.folder import package_of, problem_of, source_of, write

INSTALL = "install it where the proxy is, or write from . import ... for the plugin's files"
PART = "files of the plugin are imported with from . import ..."
ONE_FILE = "make the plugin a folder hello with __init__.py and part.py"
BESIDE = f"{ONE_FILE.replace('part', 'beside')}, and write from . import beside"
CIRCLE = "files that import each other may go in a circle"


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        ("x = 1\ndef f(:\n", 2, 7, "a syntax error (invalid syntax)"),
        (
            "if x:\ny\n",
            2,
            1,
            "a syntax error (expected an indented block after 'if' statement on line 1)",
        ),
        ("x = '\n", 1, 5, "a syntax error (unterminated string literal (detected at line 1))"),
        ("x = " + "(" * 300 + ")" * 300, 1, 205, "a syntax error (too many nested parentheses)"),
    ],
)
def test_a_syntax_error_is_told_with_line_and_column(
    tmp_path: Path, text: str, line: int, column: int, said: str
) -> None:
    problem = problem_of(source_of(tmp_path, text))

    assert (problem.file, problem.line, problem.column) == (
        str(tmp_path / "hello.py"),
        line,
        column,
    )
    assert (problem.where, problem.said, problem.wanted) == ("plugin hello", said, "valid Python")


@pytest.mark.parametrize(
    "text", [b"x = 1\0\n", b"x = '\xff'\n", b"# coding: klingon\n", b"-" * 99999]
)
def test_what_is_no_text_of_a_program_at_all_is_a_syntax_error_too(
    tmp_path: Path, text: bytes
) -> None:
    problem = problem_of(source_of(tmp_path, text))

    assert problem.said.startswith("a syntax error (")
    assert (problem.file, problem.line) == (str(tmp_path / "hello.py"), 1)


def test_a_syntax_error_in_a_part_is_told_in_the_part(tmp_path: Path) -> None:
    files = {"__init__.py": "from .sub import part", "sub/part.py": "x = 1\nx ="}
    problem = problem_of(package_of(tmp_path, files))

    assert (problem.file, problem.line) == (str(tmp_path / "hello/sub/part.py"), 2)


def test_a_syntax_error_of_other_code_is_told_where_the_plugin_asked_for_it(tmp_path: Path) -> None:
    problem = problem_of(source_of(tmp_path, "import ast\n\nx = 1; ast.parse('a b')\n"))

    assert (problem.line, problem.column) == (3, 8)
    assert problem.said.startswith("SyntaxError: invalid syntax")


def test_an_exception_is_told_at_the_innermost_line_of_the_plugin(tmp_path: Path) -> None:
    files = {"__init__.py": "from . import part\n\npart.f()\n"}
    part = "import json\n\ndef f():\n    return json.loads('nonsense')\n"
    problem = problem_of(package_of(tmp_path, files | {"part.py": part}))

    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "hello/part.py"), 4, 12)
    assert problem.said == "JSONDecodeError: Expecting value: line 1 column 1 (char 0)"


def test_the_text_of_an_exception_is_one_bounded_line(tmp_path: Path) -> None:
    text = "raise ValueError('\\n\\x1b[31m' + 'x' * 9999)"
    said = problem_of(source_of(tmp_path, text)).said

    assert said.startswith("ValueError: \\n\\x1b[31mxxx")
    assert said.isprintable()
    assert len(said) < 400


def test_an_exception_that_cannot_even_be_written_is_told_by_its_type(tmp_path: Path) -> None:
    text = """\
        class OddError(Exception):
            def __str__(self):
                raise RuntimeError
        raise OddError
        """

    assert problem_of(source_of(tmp_path, text)).said == "OddError"


@pytest.mark.parametrize("raised", ["SystemExit(3)", "GeneratorExit", "BaseException(3)"])
def test_a_plugin_cannot_end_the_process_at_import(tmp_path: Path, raised: str) -> None:
    problem = problem_of(source_of(tmp_path, f"raise {raised}"))

    assert problem.said.startswith(raised.split("(")[0])
    assert problem.hint == "leave it to the proxy to end the process"


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("import nonesuch.x", "an import of nonesuch, which cannot be found", INSTALL),
        ("import beside", "an import of beside, which cannot be found", BESIDE),
        ("import proxy.apy", "an import of proxy.apy, which cannot be found", INSTALL),
        (
            "from proxy.api import Usee",
            "an import of Usee, which proxy.api does not have",
            "did you mean Use?",
        ),
        ("from . import part", "an import of .part in a plugin of one file", ONE_FILE),
        ("from .part import x", "an import of .part in a plugin of one file", ONE_FILE),
    ],
)
def test_a_failed_import_in_a_plugin_of_one_file_says_what_to_do(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    write(tmp_path, {"beside.py": ""})
    problem = problem_of(source_of(tmp_path, f"import json\n{text}\n"))

    assert (problem.line, problem.column, problem.said) == (2, 1, said)
    assert problem.hint == hint


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("import part", "an import of part, which cannot be found", PART),
        ("from hello.part import x", "an import of hello, which cannot be found", PART),
        (
            "from .prt import x",
            "an import of .prt, which the plugin does not have",
            "did you mean part?",
        ),
        (
            "from .part import numbr",
            "an import of numbr, which hello.part does not have",
            "did you mean number?",
        ),
        ("from . import zzz", "an import of zzz, which hello does not have yet", CIRCLE),
        (
            "from . import prt",
            "an import of prt, which hello does not have yet",
            "did you mean part?",
        ),
        ("import nonesuch", "an import of nonesuch, which cannot be found", INSTALL),
    ],
)
def test_a_failed_import_in_a_package_says_what_to_do(
    tmp_path: Path, text: str, said: str, hint: str
) -> None:
    files = {"__init__.py": text, "part.py": "number = 1", "sub/__init__.py": ""}
    problem = problem_of(package_of(tmp_path, files))

    assert (problem.said, problem.hint) == (said, hint)


def test_an_import_that_goes_in_a_circle_is_told_where_it_closes(tmp_path: Path) -> None:
    files = {"__init__.py": "from .part import x", "part.py": "from . import y\nx = 1"}
    problem = problem_of(package_of(tmp_path, files))

    assert (problem.file, problem.line) == (str(tmp_path / "hello/part.py"), 1)
    assert problem.said == "an import of y, which hello does not have yet"
    assert problem.hint == CIRCLE
