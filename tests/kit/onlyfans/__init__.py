"""A stand-in for the platform on loopback: real HTTP, scripted faults, each execution in a file.

    async with onlyfans() as there:
        there.script("*", status(429, retry_after=2), hang(executed=True))
        ...  # send to there.url
        assert [call.ended for call in there.calls] == ["429", "client left"]
        assert [one.key for one in there.executions] == ["<the second message's id>"]

`python -m tests.kit.onlyfans --help` runs it as a process of its own; `process.OnlyFansProcess`
starts one.
"""

from tests.kit.onlyfans.policing import ONLYFANS, Police, Rule
from tests.kit.onlyfans.record import Call, Execution, read
from tests.kit.onlyfans.serving import OnlyFans, onlyfans
from tests.kit.onlyfans.steps import (
    ANSWERS,
    Step,
    Trouble,
    answer,
    close,
    garbage,
    hang,
    reset,
    status,
    waits,
)

__all__ = [
    "ANSWERS",
    "ONLYFANS",
    "Call",
    "Execution",
    "OnlyFans",
    "Police",
    "Rule",
    "Step",
    "Trouble",
    "answer",
    "close",
    "garbage",
    "hang",
    "onlyfans",
    "read",
    "reset",
    "status",
    "waits",
]
