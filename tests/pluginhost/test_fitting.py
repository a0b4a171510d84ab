"""Plugins where they cannot be, settings that cannot be read: all told at once."""

from pathlib import Path

import pytest

from proxy.pluginhost.codes import LiveCodes, gather
from proxy.pluginhost.fitting import Fitting, fit
from proxy.pluginhost.wanted import ApplicationWanted, JudgeWanted, UseWanted
from tests.pluginhost.hosting import GREETER, WATCHER, Hosting, application, judge, use

ANSWERER = """
class Answerer(Use):
    @hook
    async def dispatch(self):
        return Reply()
"""

COUNTER = """
class Counting(Use):
    @hook
    def finished(self):
        pass
"""

STRICT = """
class Needs(Settings):
    host: str
    port: int

class Strict(Application):
    settings: Needs

class Greeter(Use):
    @hook
    def admit(self):
        pass
"""

JUDGE = """
class Bounds(Settings):
    bound: float = 0.5

class Judging(Application):
    settings: Bounds

    @hook
    def judge(self, question):
        return None
"""

ODD = """
from pydantic import field_validator

class Odd(Settings):
    text: str

    @field_validator("text")
    @classmethod
    def check(cls, text):
        return {}[text]

class OddUse(Use):
    settings: Odd

    @hook
    def admit(self):
        pass
"""

PLUGINS = {
    "hello": GREETER,
    "watch": WATCHER,
    "answer": ANSWERER,
    "counting": COUNTER,
    "strict": STRICT,
    "odd": ODD,
    "judging": JUDGE,
}


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    for name, text in PLUGINS.items():
        hosting.write(name, text)
    return hosting


def fitted(hosting: Hosting, *named: ApplicationWanted | UseWanted | JudgeWanted) -> Fitting:
    codes = LiveCodes()
    wanted = hosting.wanted(*named)
    with codes.settling():
        found = gather(wanted, {})
        codes.add(found.fresh)
        assert found.problems == ()
        return fit(wanted, found.codes)


def test_settings_are_read_and_an_application_comes_with_the_first_use(hosting: Hosting) -> None:
    hosting.write("both", WATCHER, GREETER)
    fitting = fitted(hosting, application("watch", name="w"), use("both", text="hi"), use("both"))
    assert fitting.problems == ()
    assert [repr(one.settings) for one in fitting.applications] == [
        "Watch(name='w')",
        "Watch(name='watch')",
    ]
    assert [repr(one.settings) for one in fitting.uses] == [
        "Greeting(text='hi')",
        "Greeting(text='hello')",
    ]


def test_uses_of_one_plugin_are_told_apart_by_their_place(hosting: Hosting) -> None:
    named = [use("hello"), use("hello"), use("hello", "other")]
    named += [use("answer", arm=arm, destination=True) for arm in ("legacy", "new")]
    keys = [one.key[1:] for one in fitted(hosting, *named).uses]
    assert keys == [
        ("campaigns", "", False, 0),
        ("campaigns", "", False, 1),
        ("other", "", False, 0),
        ("campaigns", "legacy", True, 0),
        ("campaigns", "new", True, 0),
    ]


UNFIT: dict[str, tuple[ApplicationWanted | UseWanted, str]] = {
    "settings for an application that is none": (
        application("hello", text="x"),
        (
            "config.yaml:1:1: plugins.hello: said settings for plugin hello as a whole; "
            "wanted a plugin that has some: this one has no Application class; write them "
            "where the plugin is used on a route"
        ),
    ),
    "a use that is none": (
        use("watch"),
        (
            "config.yaml:1:1: routes.campaigns: said watch on a route; wanted a plugin for routes: "
            "this one has no Use class; name it under plugins: only, as plugins.watch"
        ),
    ),
    "a destination that cannot answer": (
        use("hello", destination=True),
        (
            "config.yaml:1:1: routes.campaigns: said hello as the destination; wanted a "
            "plugin with the hook dispatch; name an upstream here, and the plugin in the "
            "route's plugins"
        ),
    ),
    "a destination among the plugins": (
        use("answer"),
        (
            "config.yaml:1:1: routes.campaigns: said answer among the route's plugins, where "
            "its hook dispatch is never called; wanted its name as the destination; write "
            "plugin: answer on the route or on an arm; its other hooks run there too"
        ),
    ),
    "on_error without a hook that knows it": (
        use("counting", on_error="refuse"),
        (
            "config.yaml:1:1: routes.campaigns: said on_error: refuse for counting; wanted it"
            " for a plugin with one of the hooks admit, edit_request, edit_response, "
            "rewrite_request, rewrite_response; leave it out: what a fault of this plugin's "
            "hooks means is fixed"
        ),
    ),
    "an application without the settings that it needs": (
        use("strict"),
        (
            "config.yaml:1:1: routes.campaigns: said strict, with no settings under "
            "plugins.strict; wanted the settings that it needs there: host, port; write them "
            "under plugins.strict"
        ),
    ),
    "an unknown key": (
        use("hello", tekst="x"),
        "config.yaml:1:1: routes.campaigns: said tekst; wanted Extra inputs are not permitted",
    ),
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_does_not_fit_is_told_at_its_place(hosting: Hosting, what: str) -> None:
    named, expected = UNFIT[what]
    assert [str(one) for one in fitted(hosting, named).problems] == [expected]


@pytest.mark.parametrize("on_error", ["skip", "refuse"])
def test_on_error_is_taken_where_it_says_what_holds(hosting: Hosting, on_error: str) -> None:
    named = [use("hello", on_error=on_error)]
    named += [use("answer", destination=True, on_error="refuse")]
    named += [use("counting", on_error="skip")]
    assert fitted(hosting, *named).problems == ()


def test_a_destination_cannot_be_skipped(hosting: Hosting) -> None:
    [problem] = fitted(hosting, use("answer", destination=True, on_error="skip")).problems
    assert problem.said == "on_error: skip for answer"


def test_a_validator_that_fails_in_its_own_way_is_told_with_its_line(hosting: Hosting) -> None:
    [problem] = fitted(hosting, use("odd", text="x")).problems
    assert Path(problem.file).name == "odd.py"
    assert (problem.line, problem.said) == (12, "reading the settings raised KeyError: 'x'")


def test_everything_that_is_wrong_is_told_at_once(hosting: Hosting) -> None:
    named = [one for one, _ in UNFIT.values()]
    problems = fitted(hosting, *named).problems
    assert {str(one) for one in problems} == {expected for _, expected in UNFIT.values()}


def test_a_judge_is_active_with_its_default_settings_or_with_those_under_plugins(
    hosting: Hosting,
) -> None:
    alone = fitted(hosting, judge("judging"), judge("judging"))
    settled = fitted(hosting, application("judging", bound=0.1), judge("judging"))
    assert alone.problems == settled.problems == ()
    assert [repr(one.settings) for one in alone.applications] == ["Bounds(bound=0.5)"]
    assert [repr(one.settings) for one in settled.applications] == ["Bounds(bound=0.1)"]


@pytest.mark.parametrize("plugin", ["watch", "hello"])
def test_a_plugin_that_cannot_judge_is_refused_as_a_judge(hosting: Hosting, plugin: str) -> None:
    [problem] = fitted(hosting, judge(plugin)).problems
    assert str(problem) == (
        f"config.yaml:1:1: rollouts.fade.rollback.judge: said {plugin} as the judge of a rollout; "
        "wanted a plugin with an Application class that has the hook judge; auto_rollback is one"
    )


def test_a_judge_that_needs_settings_says_where_they_belong(hosting: Hosting) -> None:
    hosting.write("needing", JUDGE.replace(" = 0.5", ""))
    [problem] = fitted(hosting, judge("needing")).problems
    assert (problem.where, problem.hint) == (
        "rollouts.fade.rollback.judge",
        "write them under plugins.needing",
    )
