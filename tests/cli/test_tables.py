"""What commands print."""

import pytest

from proxy.cli.tables import console, duration, print_table


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.9, "59s"), (60, "1m"), (3661, "1h 1m"), (200_000, "2d 7h"), (86_401, "1d 1s")],
)
def test_a_span_of_time_is_told_in_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_cell_is_never_read_as_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(console(), ("name", "what"), [("[bold]a[/bold]", None)])
    assert capsys.readouterr().out.split() == ["name", "what", "[bold]a[/bold]", "-"]


def test_a_table_without_rows_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(console(), ("name",), [])
    assert capsys.readouterr().out == ""
