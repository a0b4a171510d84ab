"""Every application that judges is asked; one that fails holds, and never lets pass."""

from pathlib import Path
from typing import Any

import pytest

from proxy.api import Scope
from proxy.api.judging import Question
from proxy.pluginhost.judges import FAULT
from tests.pluginhost.hosting import Hosting, application

QUESTION = Question(
    kind="brake",
    rollout="hybrid",
    percentage=5.0,
    share=0.05,
    segment=1,
    settings=None,
    observed={},
    now=1000.0,
)

JUDGE = """
from proxy.api.judging import Scope, Verdict

class Judge(Application):
    @hook
    def judge(self, question):
        BODY
"""

SILENT = """
class Silent(Application):
    @hook
    def health(self):
        return ""
"""


async def asked(folder: Path, times: int = 1, **bodies: str) -> tuple[Hosting, list[Any]]:
    """What the judges with these bodies say, the last time that they are asked."""
    hosting = Hosting(folder)
    hosting.write("silent", SILENT)
    for name, body in bodies.items():
        hosting.write(name, JUDGE.replace("BODY", body))
    await hosting.serve(*map(application, bodies), application("silent"))
    for _ in range(times):
        said = hosting.host.judge(QUESTION)
    return hosting, said


async def test_every_judge_is_asked_and_who_has_no_opinion_says_nothing(tmp_path: Path) -> None:
    scoped = 'return Verdict("fail", f"{question.rollout} fails", Scope("campaigns"))'
    hosting, said = await asked(
        tmp_path, one='return Verdict("pass", "well")', two="return None", three=scoped
    )
    assert [(one.kind, one.why, one.scope) for one in said] == [
        ("pass", "well", Scope()),
        ("fail", "hybrid fails", Scope("campaigns")),
    ]
    await hosting.host.close()
    assert hosting.host.judge(QUESTION) == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("raise KeyError('user-17')", "plugin one failed to judge"),
        ("raise SystemExit(3)", "plugin one failed to judge"),
        ("return 'pass'", "plugin one gave no verdict that can be read"),
        ("return Verdict('go', 'well')", "plugin one gave no verdict that can be read"),
    ],
)
async def test_a_judge_that_fails_holds_and_is_counted(tmp_path: Path, body: str, why: str) -> None:
    hosting, said = await asked(tmp_path, one=body)
    assert [(one.kind, one.evidence) for one in said] == [("hold", {FAULT: "one"})]
    assert said[0].why == f"{why}; see crossfade plugins"
    assert [key.hook for key in hosting.host.faults.counts()] == ["judge"]
    await hosting.host.close()


async def test_a_judge_that_is_quarantined_still_holds(tmp_path: Path) -> None:
    hosting, said = await asked(tmp_path, times=12, one="raise KeyError")
    assert said[0].why.startswith("plugin one is quarantined")
    assert sum(hosting.host.faults.counts().values()) == 10
    await hosting.host.close()
