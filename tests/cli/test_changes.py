"""The reason of a change, on a terminal. What is sent and told: test_rollouts.py."""

import io
import sys

import pytest
import typer

from proxy.cli.changes import path_of, stated


class Terminal(io.StringIO):
    """Somebody who types."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_is_asked_for_the_reason(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("it burns\n"))
    assert stated("") == "it burns"
    told = capsys.readouterr()
    assert (told.out, "Why?" in told.err) == ("", True)


def test_a_reason_that_was_given_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    assert stated(" it burns ") == "it burns"


def test_a_pipeline_is_not_asked_but_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("not a terminal\n"))
    with pytest.raises(typer.Exit) as left:
        stated("")
    assert left.value.exit_code == 2
    assert "--reason" in capsys.readouterr().err


def test_a_path_is_written_with_the_name_as_one_piece() -> None:
    assert path_of("a b/c", "/lists") == "v1/rollouts/a%20b%2Fc/lists"
