"""Each rule of the house sees the file that breaks it, and the repository breaks none."""

import pytest

from scripts.house_rules import SourceFile, complaints, source_files

LONG_FUNCTION = "def long():\n" + "    x = 1\n" * 60

BROKEN = {
    "a long file": ("proxy/a.py", "x = 1\n" * 401, "401 lines"),
    "a long function": ("scripts/a.py", LONG_FUNCTION, "long has 61 lines"),
    "a banned file name": ("proxy/core/canaries_helper.py", "", "file name says 'helper'"),
    "a banned class name": ("proxy/a.py", "class PoolManager: ...\n", "says 'manager'"),
    "a banned argument": ("proxy/a.py", "def f(backends): ...\n", "says 'backend'"),
    "a banned variable": ("proxy/a.py", "cluster_size = 1\n", "says 'cluster'"),
    "a banned attribute": ("proxy/a.py", "self.canary = 1\n", "says 'canary'"),
    "a test without a sentence": (
        "tests/test_a.py",
        "def test_works():\n    assert 1\n",
        "is no sentence",
    ),
    "a test without an assertion": (
        "tests/test_a.py",
        "def test_a_key_keeps_its_arm():\n    print(1)\n",
        "asserts nothing",
    ),
    "unfinished work": ("docs/a.md", "TO" + "DO: write\n", "unfinished"),
    "an index address": ("a.lock", "# https://pypi" + ".org/simple\n", "where packages come from"),
    "a path of one machine": ("README.md", "cd /ro" + "ot/crossfade\n", "a path of one machine"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_each_rule_sees_the_file_that_breaks_it(what: str) -> None:
    path, text, expected = BROKEN[what]
    said = [str(complaint) for complaint in complaints([SourceFile(path, text)])]
    assert len(said) == 1, said
    assert expected in said[0]


FINE = {
    "names of other libraries": ("proxy/a.py", "from contextlib import contextmanager\n"),
    "a docstring does not count": (
        "proxy/a.py",
        'def f():\n    """A.\n' + "\n    b\n" * 40 + '    """\n    return 1\n',
    ),
    "a test that asserts through a function": (
        "tests/test_a.py",
        "def same(a): assert a\n\ndef test_a_key_keeps_its_arm():\n    same(1)\n",
    ),
    "a test that asserts through the kit": (
        "tests/test_a.py",
        "from tests.kit.raw import expect\n\ndef test_a_key_keeps_its_arm():\n    expect(1)\n",
    ),
    "a path in a web address": ("README.md", "http://127.0.0.1/ro" + "ot/x\n"),
}


@pytest.mark.parametrize("what", FINE)
def test_no_rule_complains_about_what_is_fine(what: str) -> None:
    path, text = FINE[what]
    assert list(complaints([SourceFile(path, text)])) == []


def test_no_file_of_the_repository_breaks_a_rule() -> None:
    assert [str(complaint) for complaint in complaints(source_files())] == []
