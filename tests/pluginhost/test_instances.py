"""What a reload carries over, and what it makes anew."""

from pathlib import Path

import pytest

from proxy.pluginhost.instances import meaning
from proxy.pluginhost.plugin_set import PluginSet
from proxy.pluginhost.wanted import ApplicationWanted, UseWanted
from tests.pluginhost.hosting import GREETER, WATCHER, Hosting, application, log_lines, use

Named = ApplicationWanted | UseWanted


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("hello", GREETER)
    hosting.write("both", WATCHER, GREETER)
    return hosting


async def reloaded(
    hosting: Hosting, before: tuple[Named, ...], after: tuple[Named, ...], *more: str
) -> tuple[PluginSet, PluginSet]:
    """The sets before and after; with `more` text in the plugin called both."""
    first = await hosting.prepare(*before)
    if more:
        hosting.write("both", WATCHER, GREETER, *more)
    return first, await hosting.prepare(*after, before=first)


async def test_unchanged_plugins_are_the_very_same(hosting: Hosting) -> None:
    named = (application("both", name="w"), use("both"), use("hello", on_error="refuse"))
    first, second = await reloaded(hosting, named, named)
    assert second.instances == first.instances
    await hosting.host.close()


CHANGES: dict[str, tuple[Named, Named]] = {
    "settings": (use("hello", text="a"), use("hello", text="b")),
    "on_error": (use("hello"), use("hello", on_error="refuse")),
    "route": (use("hello"), use("hello", "other")),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_use_is_made_anew_when_anything_about_it_changes(
    hosting: Hosting, what: str
) -> None:
    before, after = CHANGES[what]
    first, second = await reloaded(hosting, (before, use("both")), (after, use("both")))
    assert second.instances.uses[0] is not first.instances.uses[0]
    assert second.instances.uses[1] is first.instances.uses[1]
    await hosting.host.close()


async def test_a_second_use_of_a_plugin_is_not_taken_for_the_first(hosting: Hosting) -> None:
    before = (use("hello", text="a"), use("hello", text="b"))
    first, second = await reloaded(hosting, before, (use("hello", text="b"),))
    assert second.instances.uses[0] not in first.instances.uses
    await hosting.host.close()


async def test_another_application_means_other_uses(hosting: Hosting) -> None:
    first, second = await reloaded(
        hosting, (application("both"), use("both")), (application("both", name="w"), use("both"))
    )
    assert second.applications[0] is not first.applications[0]
    [use_before], [use_after] = first.instances.uses, second.instances.uses
    assert use_before is not use_after
    assert use_after.use.application is second.applications[0].application
    await hosting.host.close()


async def test_other_code_means_other_instances(hosting: Hosting) -> None:
    named = (use("both"), use("hello"))
    first, second = await reloaded(hosting, named, named, "# changed")
    assert second.applications[0] is not first.applications[0]
    assert second.instances.uses[0] is not first.instances.uses[0]
    assert second.instances.uses[1] is first.instances.uses[1]
    await hosting.host.close()


async def test_a_quarantine_outlives_a_reload(hosting: Hosting) -> None:
    first = await hosting.prepare(use("hello"))
    first.instances.uses[0].guard.quarantined = "too many faults"
    second = await hosting.prepare(use("hello"), use("both"), before=first)
    assert [use.guard.plugin for use in second.instances.uses] == ["hello", "both"]
    assert [step.guard.plugin for step in second.chains["campaigns"].edit_response] == ["both"]
    await hosting.host.close()


REFUSING = """
class Login(Settings):
    token: Secret

class Refusing(Use):
    settings: Login

    def __init__(self, settings, application=None):
        super().__init__(settings, application)
        self.check(settings.token.get_secret_value())

    def check(self, token):
        raise ERROR

    @hook
    def admit(self):
        pass
"""


async def test_settings_that_a_constructor_refuses_are_a_problem_of_the_settings(
    hosting: Hosting,
) -> None:
    hosting.write("picky", REFUSING.replace("ERROR", "ValueError(f'not {token}\\nat all')"))
    problems = await hosting.refused(use("picky", token="hush-hush"))
    assert problems == [
        (
            "config.yaml:1:1: routes.campaigns: said settings that plugin picky refuses: "
            "not ********** at all; wanted settings that it takes"
        )
    ]


async def test_a_constructor_that_fails_is_told_with_its_line(hosting: Hosting) -> None:
    hosting.write("picky", REFUSING.replace("ERROR", "KeyError(token)"))
    problems = await hosting.refused(use("picky", token="hush-hush"))
    assert problems == [
        (
            "picky.py:15:1: plugin picky: said constructing Refusing raised KeyError: "
            "'**********'; wanted constructing Refusing to succeed"
        )
    ]


async def test_all_constructors_that_fail_are_told_at_once(hosting: Hosting) -> None:
    hosting.write("picky", REFUSING.replace("ERROR", "SystemExit(token)"))
    named = [use("picky", token="one-secret"), use("picky", "other", token="two-secret")]
    problems = await hosting.refused(*named, use("picky", "third", token="x", more=1))
    assert problems == [
        "config.yaml:1:1: routes.third: said more; wanted Extra inputs are not permitted"
    ]
    hosting.write("other", REFUSING.replace("ERROR", "KeyError('x')"))
    problems = await hosting.refused(*named, use("other", token="three"))
    assert [problem.split(":")[0] for problem in problems] == ["other.py", "picky.py"]
    assert hosting.host.codes == 0


async def test_a_traced_hook_leaves_a_line_and_does_the_same(tmp_path: Path) -> None:
    hosting = Hosting(tmp_path, trace_hooks=True)
    hosting.write("hello", GREETER)
    plugins = await hosting.prepare(use("hello"))
    [step] = plugins.chains["campaigns"].edit_response
    with log_lines() as lines:
        assert step.call("request", "reply") == "hello"
    assert [(line["hook"], line["route"]) for line in lines] == [("edit_response", "campaigns")]
    await hosting.host.close()


MEANINGS = [
    ("admit", "", "refuse"),
    ("admit", "skip", "skip"),
    ("edit_request", "refuse", "refuse"),
    ("rewrite_response", "skip", "skip"),
    ("finished", "refuse", "skip"),
    ("assign", "skip", "legacy"),
    ("dispatch", "skip", "refuse"),
]


@pytest.mark.parametrize(("hook", "on_error", "expected"), MEANINGS)
def test_a_use_may_say_what_a_fault_means_where_the_hook_allows_it(
    hook: str, on_error: str, expected: str
) -> None:
    assert meaning(hook, on_error) == expected
