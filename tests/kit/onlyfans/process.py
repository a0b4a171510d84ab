"""The stand-in as a process, and its remote control: for kill campaigns, benchmarks, the demo."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.kit.onlyfans.steps import Step
from tests.kit.standing_in import StandInProcess


class OnlyFansProcess(StandInProcess):
    """`python -m tests.kit.onlyfans`; `url` is its base URL.

    `options` are further ones of its command line, such as ``--idempotent``, ``--police``. The
    executions are read from `log` with `record.read`, also while it runs.
    """

    def __init__(self, *options: str, port: int = 0, log: Path | None = None) -> None:
        logged = () if log is None else ("--log", str(log))
        super().__init__("tests.kit.onlyfans", (*options, *logged), port)

    def script(self, recipient: str, step: Step, *, times: int = 1) -> None:
        """Queue a step for the next calls; see `OnlyFans.script`."""
        said = {"recipient": recipient, "step": step.to_json(), "times": times}
        self.say("POST", "/_script", said)

    def stand(self, recipient: str, step: Step | None) -> None:
        """Treat every call like this from now on; see `OnlyFans.stand`."""
        spoken = None if step is None else step.to_json()
        self.say("POST", "/_script", {"recipient": recipient, "step": spoken, "times": None})

    def trouble(self, share: float, steps: Sequence[Step], seed: int = 0) -> None:
        """Have so large a share of the calls go wrong by chance; see `Trouble`."""
        spoken = [step.to_json() for step in steps]
        self.say("POST", "/_trouble", {"share": share, "steps": spoken, "seed": seed})

    def record(self) -> dict[str, Any]:
        """What it has seen: ``executions``, ``counts``, ``violations``."""
        said: dict[str, Any] = json.loads(self.say("GET", "/_record"))
        return said
