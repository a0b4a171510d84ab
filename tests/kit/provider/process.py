"""The stand-in as a process, and its remote control: for kill campaigns, benchmarks, the demo."""

import json
from pathlib import Path
from typing import Any

from tests.kit.provider.bill import Charge, PriceList
from tests.kit.provider.steps import Step
from tests.kit.standing_in import StandInProcess


class ProviderProcess(StandInProcess):
    """`python -m tests.kit.provider`; `log` is the file for each call's begin and end.

    `bill` is the file for what is charged, one `Charge` a line; it outlives the process.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        log: Path | None = None,
        latency: float = 0.0,
        bill: Path | None = None,
    ) -> None:
        logged = () if log is None else ("--log", str(log))
        billed = () if bill is None else ("--bill", str(bill))
        super().__init__("tests.kit.provider", ("--latency", str(latency), *logged, *billed), port)

    @property
    def url_openai(self) -> str:
        """The base URL of the OpenAI dialect."""
        return f"{self.url}/v1"

    @property
    def url_azure(self) -> str:
        """The endpoint of the Azure dialect."""
        return self.url

    def script(self, name: str, step: Step, *, times: int = 1, dialect: str = "") -> None:
        """Queue a step for the next calls; see `Provider.script`."""
        self.say("POST", "/_script", _script(name, step, times, dialect))

    def stand(self, name: str, step: Step | None, *, dialect: str = "") -> None:
        """Treat every call like this from now on; see `Provider.stand`."""
        self.say("POST", "/_script", _script(name, step, None, dialect))

    def calls(self) -> list[dict[str, Any]]:
        """All calls that arrived (the latest 10,000), as `Entry.to_json` has them."""
        calls: list[dict[str, Any]] = json.loads(self.say("GET", "/_log"))["calls"]
        return calls

    def counts(self) -> dict[str, int]:
        """All calls counted by how they ended; besides ``arrived`` and ``executed``."""
        counts: dict[str, int] = json.loads(self.say("GET", "/_log"))["counts"]
        return counts

    def price(self, prices: PriceList) -> None:
        """Have it charge by these from now on."""
        self.say("POST", "/_prices", prices)

    def charges(self) -> list[Charge]:
        """All that was charged."""
        return [Charge(**one) for one in json.loads(self.say("GET", "/_bill"))["charges"]]

    def export(self) -> str:
        """All that was charged as a CSV, as a provider exports it."""
        return self.say("GET", "/_bill.csv").decode()


def _script(name: str, step: Step | None, times: int | None, dialect: str) -> dict[str, Any]:
    spoken = None if step is None else step.to_json()
    return {"name": name, "step": spoken, "times": times, "dialect": dialect}
