"""What is printed can be read by people, by spreadsheets and by machines; none of it is run."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.printing import csv_of, print_json, print_line, print_table, safe
from tests.kit.properties import examples


@pytest.mark.parametrize(
    "text", ["=1+1", "+A1", "-A1", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", "--1"]
)
def test_no_name_is_taken_for_a_formula(text: str) -> None:
    assert safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-0.000000001", "0.25", "gpt-4o", "", "2026-11-23"])
def test_amounts_and_plain_names_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


@given(st.lists(st.text(max_size=12), min_size=2, max_size=2))
@examples(100)
def test_csv_can_be_read_again_cell_by_cell(cells: list[str]) -> None:
    text = csv_of(("a", "b"), [{"a": cells[0], "b": cells[1]}])
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], [safe(cells[0]), safe(cells[1])]]


def test_what_is_missing_is_empty_in_csv() -> None:
    assert csv_of(("a", "b"), [{"a": None}]) == "a,b\r\n,\r\n"


def test_names_are_text_in_tables_and_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table({"a": "what", "n": "USD"}, [{"a": "[red]x[/red]\x1b", "n": "0.25"}], "title")
    said = capsys.readouterr().out
    assert "[red]x[/red] " in said
    assert "\x1b]" not in said
    assert "title" in said


def test_an_empty_table_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table({"a": "what"}, [], "title")
    assert capsys.readouterr().out == ""


def test_json_is_printed_with_line_breaks(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": "0.25"})
    assert capsys.readouterr().out == '{\n  "a": "0.25"\n}\n'


def test_a_line_moves_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_line("ann\x1b[2J\rby\u202e\nü")
    assert capsys.readouterr().out == "ann [2J by \nü\n"
