"""The kit refuses what the proxy would refuse, in the same words, and everything at once."""

from pathlib import Path
from typing import Any

import pytest

from proxy.api import Application, Duration, Request, Settings, Use, hook
from proxy.api.testing.checks import annotation, hooks_of, read_settings
from proxy.pluginhost.importing import forget, load
from proxy.pluginhost.sources import discover
from proxy.pluginhost.verify import inspect
from proxy.settings.problems import ConfigError


class Greeting(Settings):
    text: str = "hello"
    wait: Duration = 1.0


class Good(Use):
    settings: Greeting

    @hook
    def admit(self, request: Request) -> None: ...

    @hook
    async def rewrite_request(self, body: Any, request: Request, cache: Any = None) -> Any: ...

    @hook
    def finished(self) -> None: ...

    def helping(self) -> None: ...


class Waiting(Use):
    @hook
    async def admit(self, request: Request) -> None: ...


class Idle(Application):
    """Needs no hooks."""


def test_hooks_may_leave_out_and_reorder_their_arguments() -> None:
    assert hooks_of(Good) == {
        "admit": ("request",),
        "finished": (),
        "rewrite_request": ("body", "request"),
    }
    assert hooks_of(Idle) == {}


def test_a_hook_of_either_colour_may_be_a_coroutine_function() -> None:
    assert hooks_of(Waiting) == {"admit": ("request",)}


WRONG = {
    "of no hook": "@hook\n    def edit_respons(self, request): ...",
    "of no hook at all": "@hook\n    def quite_something(self): ...",
    "of a waiting hook": "@hook\n    async def edit_request(self, request): ...",
    "of a hook that does not wait": "@hook\n    def rewrite_request(self, body): ...",
    "of an unknown argument": "@hook\n    def edit_request(self, outgoin): ...",
    "of an argument from nowhere": "@hook\n    def finished(self, request, nowhere): ...",
    "of stars": "@hook\n    def edit_response(self, *args, **more): ...",
    "of a keyword": "@hook\n    def edit_response(self, *, reply): ...",
    "of a default": "@hook\n    def edit_response(self, request, reply=None): ...",
    "of the application": "@hook\n    async def startup(self): ...",
    "of no mark": "def finished(self, request): ...\n    @hook\n    def admit(self): ...",
    "of no instance": "@hook\n    @staticmethod\n    def admit(request): ...",
    "of a generator": "@hook\n    async def rewrite_request(self, body):\n        yield body",
    "of nothing": "x = 1",
    "of several": "@hook\n    async def admi(self, reqest): ...\n    def finished(self): ...",
}


@pytest.mark.parametrize("what", WRONG)
def test_a_class_is_refused_in_the_words_of_the_proxy(what: str, tmp_path: Path) -> None:
    source = f"from proxy.api import Use, hook\nclass Bad(Use):\n    {WRONG[what]}\n"
    (tmp_path / "bad.py").write_text(source)
    found = discover([tmp_path]).sources["bad"]
    module = load(found)
    try:
        with pytest.raises(ConfigError) as real:
            inspect(found, module)
        with pytest.raises(ValueError, match="Bad: said") as error:
            hooks_of(module.Bad)
    finally:
        forget(found)
    told = [line.removeprefix("Bad: ") for line in str(error.value).splitlines()]
    wanted = [str(problem).partition("plugin bad: ")[2] for problem in real.value.problems]
    assert sorted(told) == sorted(wanted)


class Resident(Application):
    @hook
    def admit(self) -> None: ...

    @hook
    def startup(self, services: Any) -> None: ...

    @hook
    def finished(self, outcome: Any) -> None: ...


def test_hooks_of_a_request_do_not_belong_to_an_application_but_for_finished() -> None:
    with pytest.raises(ValueError, match="Resident") as error:
        hooks_of(Resident)
    first, second = str(error.value).splitlines()
    assert first.endswith("wanted a hook for an Application; it belongs in a Use")
    assert second.endswith("wanted an async def; write async def startup")


def test_settings_are_read_as_the_configuration_is() -> None:
    assert read_settings(Good, {"wait": "2s"}) == Greeting.model_validate({"wait": "2s"})
    assert read_settings(Use, {}) == Settings()


def test_wrong_settings_are_told_in_the_words_of_the_proxy() -> None:
    with pytest.raises(ValueError, match="txt") as error:
        read_settings(Good, {"txt": "hi", "wait": 3})
    unknown, unfit = str(error.value).splitlines()
    assert unknown == (
        "settings.txt: said the unknown key txt; wanted one of text, wait; did you mean text?"
    )
    assert unfit.startswith("settings.wait: said 3; wanted a duration such as 250ms")
    assert unfit.endswith('add the unit: 3 -> "3s"')


def test_settings_of_another_kind_are_refused() -> None:
    class Odd(Use):
        settings: int  # type: ignore[assignment]

    with pytest.raises(ValueError, match=r"Odd.settings: wanted a subclass of Settings"):
        read_settings(Odd, {})


def test_an_annotation_that_nobody_can_follow_is_told() -> None:
    class Lost(Use):
        settings: "Nowhere"  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(ValueError, match="define it at the top of the file"):
        annotation(Lost, "settings")
