"""What the demonstration shows: a live picture on a terminal, plain lines elsewhere."""

from types import TracebackType
from typing import Any, NamedTuple, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scripts.demonstration.traffic import USERS, Tally

BAR = 24


class Step(NamedTuple):
    """A percentage and what happened while it held."""

    percentage: float
    tally: Tally


def bar(step: Step) -> Text:
    """Users on new and on legacy as one bar; users not yet seen are left blank."""
    new = round(BAR * step.tally.on_new / len(USERS))
    seen = round(BAR * len(step.tally.arms) / len(USERS))
    return Text.assemble(("█" * new, "green"), ("░" * (seen - new), "blue"), "·" * (BAR - seen))


def table(steps: list[Step]) -> Table:
    """One line per step: share, requests, failures, users who went back."""
    result = Table(box=None, padding=(0, 2, 0, 0), collapse_padding=True)
    result.add_column("step", justify="right")
    result.add_column(Text.assemble(("█ new", "green"), "  ", ("░ legacy", "blue")), no_wrap=True)
    for name in ("on new", "requests", "failures", "went back"):
        result.add_column(name, justify="right")
    for step in steps:
        tally = step.tally
        result.add_row(
            f"{step.percentage:g} %",
            bar(step),
            f"{tally.share:.1f} %",
            f"{tally.requests:,}",
            Text(f"{tally.failures}", "red" if tally.failures else ""),
            Text(f"{len(tally.switched_back)}", "red" if tally.switched_back else ""),
        )
    return result


class View:
    """Shows the steps while they run, and the table at the end."""

    def __init__(self, url: str) -> None:
        self._console = Console()
        self._url = url
        self._steps: list[Step] = []
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(get_renderable=self._picture, refresh_per_second=8, transient=True)
            self._live.start()
        else:
            self.say(f"1,000 users through {self._url}")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def _picture(self) -> RenderableType:
        title = f"Crossfade: 1,000 users, {self._url}"
        note = Text("Each step is an edit of the configuration file under load.", "dim")
        return Panel(Group(table(self._steps), note), title=title, title_align="left")

    def say(self, line: str) -> None:
        """Print one line as it is."""
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def begin(self, percentage: float, tally: Tally) -> None:
        """Show a new step."""
        self._steps.append(Step(percentage, tally))

    def finished(self) -> None:
        """Say how the step went, where there is no live picture."""
        step = self._steps[-1]
        if self._live is None:
            tally = step.tally
            self.say(
                f"{step.percentage:>3g} %: {tally.share:5.1f} % of users on new,"
                f" {tally.requests} requests, {tally.failures} failures,"
                f" {len(tally.switched_back)} switched back"
            )

    def costs(self, told: dict[str, Any]) -> None:
        """Say what new has cost, and what the same requests would have cost on legacy."""
        total, saved = told["total"], told["savings"]["usd"]
        beside = f", {saved} USD less than on legacy" if saved is not None else ""
        self.say(
            f"New has spent {total['usd']} USD at the providers for"
            f" {total['requests']:,} requests{beside}."
        )

    def summary(self) -> bool:
        """Print the final table; tell whether every promise was kept."""
        self._console.print(table(self._steps), soft_wrap=True)
        unseen = sum(len(USERS) - len(step.tally.arms) for step in self._steps)
        failures = sum(step.tally.failures for step in self._steps)
        back = set().union(*(step.tally.switched_back for step in self._steps))
        for step in self._steps:
            if step.tally.first_failure:
                self.say(f"first failure at {step.percentage:g} %: {step.tally.first_failure}")
        if failures or back or unseen:
            self.say(
                f"Not as promised: {failures} failed requests, {len(back)} users went back,"
                f" {unseen} users without an answer."
            )
            return False
        self.say("No request failed, and no user went back from new to legacy.")
        return True
