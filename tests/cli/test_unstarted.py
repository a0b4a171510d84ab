"""Plugins constructed for a command, and never started."""

from pathlib import Path

import pytest

from proxy.cli.unstarted import unstarted
from proxy.config import ConfigError, load
from tests.cli.plugged import write_config

COUNTER = """
class Counting(Settings):
    step: int = 1

class Whole(Application):
    settings: Counting
    def __init__(self, settings):
        super().__init__(settings)
        if settings.step < 1:
            raise ValueError("step counts up")
    @hook
    async def startup(self, services):
        raise RuntimeError("nobody starts me here")

class Part(Use):
    application: Whole
    @hook
    def assign(self, request):
        raise KeyError("counted as no fault")
"""
ROUTES = 'routes: [{name: all, match: {path: "/**"}, upstream: legacy, plugins: [counter]}]'


def test_applications_and_uses_are_there_as_the_configuration_says(tmp_path: Path) -> None:
    rest = f"plugins: {{path: plugins, counter: {{step: 3}}}}\n{ROUTES}\n"
    made = unstarted(load(write_config(tmp_path, {"counter": COUNTER}, rest), {}))
    (application,), (use,) = made.applications, made.uses
    assert application.settings.step == 3  # type: ignore[attr-defined]
    assert application.services is None
    assert use.application is application


@pytest.mark.parametrize(
    ("plugins", "said"),
    [
        ("{path: plugins, counter: {stop: 3}}", "unknown key stop"),
        ("{path: plugins, counter: {step: 0}}", "step counts up"),
        ("{path: plugins, conter: {}}", "did you mean counter?"),
    ],
)
def test_what_a_reload_would_refuse_is_a_problem_here_too(
    tmp_path: Path, plugins: str, said: str
) -> None:
    rest = f"plugins: {plugins}\n{ROUTES}\n"
    with pytest.raises(ConfigError) as caught:
        unstarted(load(write_config(tmp_path, {"counter": COUNTER}, rest), {}))
    assert said in str(caught.value)


def test_faults_are_counted_and_told_to_nobody(tmp_path: Path) -> None:
    rest = f"plugins: {{path: plugins}}\n{ROUTES}\n"
    made = unstarted(load(write_config(tmp_path, {"counter": COUNTER}, rest), {}))
    guard = made.uses[0].guard
    for _ in range(12):
        guard.calls += 1
        guard.fault("assign", KeyError())
    guard.held_up("assign", (guard,), 1.0)
    assert guard.count == 12
