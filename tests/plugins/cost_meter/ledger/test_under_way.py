"""What is under way is in a log, and goes on through reloads."""

import math
from pathlib import Path
from typing import Any

import pytest

from plugins.cost_meter.ledger import under_way
from plugins.cost_meter.ledger.leftovers import left_in
from plugins.cost_meter.ledger.log import Log
from plugins.cost_meter.ledger.under_way import UnderWay
from proxy.api import StoreError
from tests.plugins.cost_meter.ledger.kept import full
from tests.plugins.cost_meter.rowed import NOON, row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


def kept(path: Path, name: str, memory: dict[str, Any] | None = None) -> UnderWay:
    """One that writes a log of that name."""
    one = UnderWay(path, {} if memory is None else memory)
    one.keep(Log(path.with_name(name)))
    return one


def open_in(*logs: Path) -> list[str]:
    return [planned.row.id for planned in left_in(logs).planned]


def test_what_is_planned_is_in_the_log_until_it_ended_or_was_never_sent(path: Path) -> None:
    one, log = kept(path, "log"), path.with_name("log")
    for name in "abc":
        one.plan(row(name), NOON + 60)
    assert open_in(log) == ["a", "b", "c"]
    assert one.end(row("a"))
    one.withdraw("b")
    assert (open_in(log), one.planned(), len(one)) == (["c"], 1, 2)
    assert left_in([log]).ended == (row("a"),)
    one.written("a")
    assert len(one) == 1
    one.close()


def test_a_log_without_anything_under_way_goes_away_when_it_is_closed(path: Path) -> None:
    one = kept(path, "log")
    one.plan(row("a"), NOON + 60)
    one.end(row("a"))
    one.written("a")
    one.close()
    one.close()
    assert list(path.parent.iterdir()) == []


def test_the_next_journal_takes_over_and_takes_the_log_away(path: Path) -> None:
    memory: dict[str, Any] = {}
    before, after = kept(path, "1", memory), kept(path, "2", memory)
    for name in "abc":
        before.plan(row(name), NOON + 60)
    after.end(row("a"))
    after.withdraw("b")
    before.close()
    # A kill just now finds all of it in both.
    assert open_in(path.with_name("1"), path.with_name("2")) == ["c"]
    after.shorten()
    assert [one.name for one in path.parent.iterdir()] == ["2"]
    assert open_in(path.with_name("2")) == ["c"]
    assert (list(after.ended()), after.planned()) == ([row("a")], 1)
    after.close()


def test_journals_of_other_files_have_nothing_to_do_with_it(path: Path, tmp_path: Path) -> None:
    memory: dict[str, Any] = {}
    one, other = UnderWay(path, memory), UnderWay(tmp_path / "other.db", memory)
    one.plan(row("a"), NOON + 60)
    assert (len(one), len(other)) == (1, 0)


def test_what_should_have_ended_before_is_overdue(path: Path) -> None:
    one = UnderWay(path, {})
    for name, until in (("a", 10), ("b", 20), ("c", 30)):
        one.plan(row(name), NOON + until)
    one.end(row("a"))
    assert list(one.overdue(NOON + 20.5)) == [row("b")]


def test_a_log_that_has_become_long_is_written_anew(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "_LARGE", 5000)
    one, log = kept(path, "log"), path.with_name("log")
    one.plan(row("stays"), NOON + 60)
    for number in range(20):
        one.plan(row(f"a{number}"), NOON + 60)
        one.end(row(f"a{number}"))
        one.written(f"a{number}")
    long = log.stat().st_size
    one.shorten()
    assert log.stat().st_size < 1000 < 5000 < long
    assert open_in(log) == ["stays"]
    one.shorten()
    one.close()


def test_a_log_of_which_all_counts_is_not_written_anew_each_time(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "_LARGE", 100)
    one, log = kept(path, "log"), path.with_name("log")
    for name in "abcd":
        one.plan(row(name), NOON + 60)
    one.shorten()
    before = log.stat().st_ino
    one.plan(row("e"), NOON + 60)
    one.shorten()
    assert log.stat().st_ino == before
    for name in "fghij":
        one.plan(row(name), NOON + 60)
    one.shorten()
    assert log.stat().st_ino != before
    assert open_in(log) == [*"abcdefghij"]
    one.close()


def test_very_many_are_not_written_anew_all_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "_LARGE", 100)
    monkeypatch.setattr(under_way, "_TOO_MANY", 2)
    one, log = kept(path, "log"), path.with_name("log")
    for name in "abc":
        one.plan(row(name), NOON + 60)
    one.end(row("a"))
    before = log.read_bytes()
    one.shorten()
    assert log.read_bytes() == before
    one.close()


def test_where_there_is_no_room_plans_are_refused_and_ends_that_are_not_known(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "MOST", 2)
    one = UnderWay(path, {})
    one.plan(row("a"), NOON + 60)
    one.plan(row("b"), NOON + 60)
    with pytest.raises(StoreError, match="2 attempts wait to be written already"):
        one.plan(row("c"), NOON + 60)
    assert (one.end(row("b")), one.end(row("d")), len(one)) == (True, False, 2)


def test_a_disk_that_is_full_refuses_plans_and_keeps_ends(path: Path) -> None:
    log = Log(path.with_name("log"))
    one = UnderWay(path, {})
    one.keep(log)
    one.plan(row("a"), NOON + 60)
    with full(log):
        with pytest.raises(StoreError, match="No space left"):
            one.plan(row("b"), NOON + 60)
        assert one.end(row("a"))
        assert "No space left" in one.trouble
    assert (list(one.ended()), len(one)) == ([row("a")], 1)
    one.plan(row("b"), NOON + 60)
    assert one.trouble == ""
    one.close()


def test_one_that_is_closed_refuses_plans(path: Path) -> None:
    one = kept(path, "log")
    one.close()
    with pytest.raises(StoreError, match="the journal is closed"):
        one.plan(row("a"), NOON + 60)


def test_what_is_no_text_is_refused(path: Path) -> None:
    one = UnderWay(path, {})
    with pytest.raises(ValueError, match="cannot be written as UTF-8"):
        one.plan(row("a", user="\ud800"), NOON + 60)
    with pytest.raises(ValueError, match="at most 16384 are kept"):
        one.end(row("a", user="x" * 20_000))
    assert len(one) == 0


def test_what_is_withdrawn_while_two_have_logs_stays_withdrawn_in_both(path: Path) -> None:
    memory: dict[str, Any] = {}
    before, after = kept(path, "1", memory), kept(path, "2", memory)
    before.plan(row("a"), NOON + 60)
    before.plan(row("b"), NOON + 60)
    memory[str(path)]["left"].append(str(path.with_name("0")))
    after.shorten()  # it has the plans as well now
    before.withdraw("a")
    after.withdraw("b")
    memory[str(path)]["left"].append(str(path.with_name("0")))
    after.shorten()
    memory[str(path)]["left"].append(str(path.with_name("0")))
    before.shorten()
    for name in "12":
        assert open_in(path.with_name(name)) == []
    before.close()
    assert open_in(*path.parent.iterdir()) == []
    after.shorten()
    assert [one.name for one in path.parent.iterdir()] == ["2"]
    assert open_in(path.with_name("2")) == []
    after.plan(row("c"), NOON + 60)
    memory[str(path)]["left"].append(str(path.with_name("0")))
    after.shorten()
    assert len(path.with_name("2").read_bytes().splitlines()) == 1
    after.close()


def test_who_ends_first_leaves_its_log_to_the_other_and_the_last_takes_all_away(
    path: Path,
) -> None:
    memory: dict[str, Any] = {}
    before, after = kept(path, "1", memory), kept(path, "2", memory)
    before.close()
    assert {one.name for one in path.parent.iterdir()} == {"1", "2"}
    after.close()
    assert list(path.parent.iterdir()) == []
    third = kept(path, "3", memory)
    third.plan(row("a"), NOON + 60)
    third.close()
    assert open_in(*path.parent.iterdir()) == ["a"]


def test_a_withdrawal_that_the_disk_refused_is_written_later(path: Path) -> None:
    log = Log(path.with_name("log"))
    one = UnderWay(path, {})
    one.keep(log)
    for name in "abc":
        one.plan(row(name), NOON + 60)
    with full(log):
        one.withdraw("a")
        one.withdraw("b")
        one.shorten()
    assert open_in(path.with_name("log")) == ["a", "b", "c"]
    one.shorten()
    assert open_in(path.with_name("log")) == ["c"]
    size = log.size
    one.shorten()
    assert (log.size, one.trouble) == (size, "")
    one.close()


@pytest.mark.parametrize("until", [math.inf, math.nan])
def test_an_attempt_that_would_never_be_over_is_refused(path: Path, until: float) -> None:
    one = UnderWay(path, {})
    with pytest.raises(ValueError, match="which is no time"):
        one.plan(row("a"), until)
    assert len(one) == 0
