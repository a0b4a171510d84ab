"""What is written and drawn while a ramp is followed."""

import io

from rich.console import Console

from proxy.cli.displays import Lines, Panel, panel
from proxy.cli.rollout_text import Rollout
from tests.cli.told import mark, rollout

EVIDENCE = {
    "errors": {
        "log_e": 3.45,
        "bound": 6.9,
        "keys": {"legacy": 3.0, "new": 2.0},
        "active": {"legacy": 400.4, "new": 21.0},
    },
    "slow": {"log_e": None, "bound": None, "keys": {}, "active": {}},
}


class Written:
    """Lines, and a clock to move."""

    def __init__(self) -> None:
        self.out = io.StringIO()
        self.now = 3600.0
        self.lines = Lines(self.out, clock=lambda: self.now, quiet=300.0)

    def after(self, seconds: float, *shown: Rollout) -> list[str]:
        """What is written for rollouts that are shown one after the other."""
        begin = self.out.tell()
        for one in shown:
            self.now += seconds
            self.lines.show(one)
        self.out.seek(begin)
        return self.out.read().splitlines()


def test_there_is_a_line_for_each_change_and_none_between() -> None:
    written = Written()
    waiting = [rollout("gate", waiting_for=[f"min_requests: {n} of 200"]) for n in (1, 2, 3)]
    lines = written.after(1, rollout("bake"), rollout("bake", healthy=251.0), *waiting)
    assert len(lines) == 2
    assert lines[0].startswith("01:00:01 hybrid: 25 % on new, step 2 of 4, bake; 4m 10s well, ")
    assert "legacy 2.0/s 2.50 % errors, new 0.0/s" in lines[0]
    assert lines[1].endswith("Waiting: min_requests: 1 of 200")


def test_another_step_another_gate_and_a_lost_store_are_changes() -> None:
    written = Written()
    shown = [
        rollout("bake"),
        rollout("bake", step=2, share=50.0),
        rollout("bake", step=2, share=50.0, stale=True),
        rollout("gate", step=2, share=50.0, waiting_for=["approval"]),
        rollout("gate", step=2, share=50.0, waiting_for=["window: opens at 09:00"]),
    ]
    assert len(written.after(1, *shown)) == len(shown)


def test_what_is_quiet_for_long_is_written_again() -> None:
    written = Written()
    assert len(written.after(100, *[rollout("bake")] * 7)) == 3


def test_a_proxy_that_is_away_is_told_once_and_so_is_its_return() -> None:
    written = Written()
    written.lines.show(rollout("bake"))
    for _ in range(3):
        written.lines.lost("Nothing answers.\nIs it running?")
    written.lines.show(rollout("bake"))
    lines = written.out.getvalue().splitlines()
    assert [line.split(" ")[1] for line in lines] == ["hybrid:", "Nothing", "hybrid:"]
    assert "Is it running?" not in lines[1]


def test_reasons_cannot_move_the_cursor() -> None:
    written = Written()
    marks = {"paused": mark("ops\x1b[2J", "line\nbreak")}
    [line] = written.after(1, rollout("paused", marks=marks))
    assert "\x1b" not in line
    assert "line break" in line


def drawn(rollout: Rollout) -> str:
    out = io.StringIO()
    Console(file=out, width=120).print(panel(rollout))
    return out.getvalue()


def test_the_panel_has_phase_arms_and_evidence_with_bars() -> None:
    text = drawn(rollout("bake", evidence=EVIDENCE, healthy=300.0, remaining=300.0))
    for shown in (
        "[##########..........] 5m well, 5m left",
        "5 > [25] > 50 > 100",
        "[##########..........]  3.5 of 6.9",
        "3 of 400",
        "2 of 21",
        "100 ms",
    ):
        assert shown in text
    assert "slow  " in text.split("evidence")[0]
    assert "slow" not in text.split("evidence")[1]


def test_markup_in_reasons_is_shown_as_it_is() -> None:
    assert "[bold]no[/bold]" in drawn(rollout("held", marks={"held": mark(why="[bold]no[/bold]")}))


def test_a_panel_on_a_terminal_is_drawn_and_stays_when_nobody_answers() -> None:
    out = io.StringIO()
    with Panel(Console(file=out, width=120, force_terminal=True, color_system=None)) as live:
        live.show(rollout("bake"))
        live.lost("Nothing answers.")
    assert "step 2 of 4, bake" in out.getvalue().split("Nothing answers.")[0].rpartition("\x1b")[0]
    assert "the ramp goes on with the proxy" in out.getvalue()
