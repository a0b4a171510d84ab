"""Which methods are hooks, and that pluggy has the last word about them."""

import inspect
from pathlib import Path

import pytest

from proxy.api import Application, Use
from proxy.api.hookspecs import HOOKS, Hook
from proxy.pluginhost.hook_methods import ARGUMENTS, HookMethod, Notary
from proxy.pluginhost.sources import Source
from proxy.pluginhost.written import Written
from tests.pluginhost.folder import imported, problems_of, source_of, verified

NOWHERE = Source("hello", "installed", Path("hello.py"), "hello", "")


def text_with(hook: Hook, arguments: str | None = None, owner: str = "") -> str:
    """A plugin with one hook, which is right but for what is given."""
    word = "async def" if hook.colour == "async def" else "def"
    owner = owner or ("Use" if hook.scope in ("use", "both") else "Application")
    known = ", ".join(ARGUMENTS[hook.name])
    given = f"self, {known if arguments is None else arguments}"
    return (
        f"from proxy.api import {owner}, hook\n\n"
        f"class Hello({owner}):\n    @hook\n    {word} {hook.name}({given}): ...\n"
    )


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_is_accepted_as_it_is_specified(tmp_path: Path, hook: Hook) -> None:
    code = verified(tmp_path, text_with(hook))
    waits = hook.colour == "async def"

    assert (*code.use_hooks, *code.application_hooks) == (
        HookMethod(hook.name, ARGUMENTS[hook.name], waits, 5),
    )


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_may_leave_out_all_its_arguments(tmp_path: Path, hook: Hook) -> None:
    code = verified(tmp_path, text_with(hook, ""))

    assert [method.arguments for method in (*code.use_hooks, *code.application_hooks)] == [()]


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_refuses_an_argument_that_it_is_not_given(tmp_path: Path, hook: Hook) -> None:
    [problem] = problems_of(tmp_path, text_with(hook, "cookies"))

    assert problem.said.startswith("the argument cookies in ")
    assert problem.wanted.startswith(f"arguments of {hook.name}: ")


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_is_refused_in_the_other_class(tmp_path: Path, hook: Hook) -> None:
    other = {"use": "Application", "application": "Use", "both": "Application"}[hook.scope]
    if hook.scope == "both":
        assert verified(tmp_path, text_with(hook, owner=other)).application_hooks
        return
    [problem] = problems_of(tmp_path, text_with(hook, owner=other))

    assert problem.said.endswith(f" in a{'n' if other == 'Application' else ''} {other}")


@pytest.mark.parametrize("hook", HOOKS.values(), ids=HOOKS)
def test_each_hook_is_refused_in_the_other_colour(tmp_path: Path, hook: Hook) -> None:
    text = text_with(hook)
    painted = (
        text.replace("async def", "def") if "async" in text else text.replace("def", "async def")
    )
    if hook.colour == "either":
        assert [method.waits for method in verified(tmp_path, painted).use_hooks] == [True]
        return
    [problem] = problems_of(tmp_path, painted)

    assert problem.wanted == {"def": "a plain def", "async def": "an async def"}[hook.colour]


def test_the_arguments_are_those_of_the_specifications() -> None:
    for name, hook in HOOKS.items():
        assert tuple(inspect.signature(hook.function).parameters) == ARGUMENTS[name]


def test_hooks_are_listed_as_they_are_written_inherited_ones_first(tmp_path: Path) -> None:
    text = """\
        import functools
        from proxy.api import Use, hook

        def counted(function):
            @functools.wraps(function)
            def wrapper(*args):
                return function(*args)
            return wrapper

        class _Common(Use):
            @hook
            def finished(self, outcome): ...
            @hook
            def edit_request(self): ...
            def own(self): ...

        class Hello(_Common):
            shutdown = "no method"
            @hook
            @counted
            def admit(self, request): ...
            @hook
            def edit_request(this, outgoing, request, *, cache=3): ...
        """

    assert verified(tmp_path, text).use_hooks == (
        HookMethod("finished", ("outcome",), False, 12),
        HookMethod("edit_request", ("outgoing", "request"), False, 23),
        HookMethod("admit", ("request",), False, 21),
    )


def test_a_hook_that_is_overridden_without_its_mark_is_told(tmp_path: Path) -> None:
    text = text_with(HOOKS["admit"]).replace("class Hello", "class _Base")
    more = "class Hello(_Base):\n    def admit(self, request): ...\n"
    [problem] = problems_of(tmp_path, text + more)

    assert (problem.line, problem.said) == (7, "def admit(self, request) without @hook")


def test_a_notary_may_look_at_many_classes_and_keeps_none(tmp_path: Path) -> None:
    source = source_of(tmp_path, text_with(HOOKS["admit"]))
    with imported(source) as module:
        notary = Notary(Written(source))
        found = [notary.hooks(module.Hello) for _ in range(3)]

    assert found == [(HookMethod("admit", ("request",), False, 5),)] * 3
    assert notary.wrong == []


def test_our_own_classes_have_no_hooks() -> None:
    notary = Notary(Written(NOWHERE))

    assert (notary.hooks(Use), notary.hooks(Application), notary.wrong) == ((), (), [])


def test_what_pluggy_refuses_is_refused_even_if_nobody_else_can_tell_why(tmp_path: Path) -> None:
    text = """\
        import inspect
        from proxy.api import Use, hook

        def claim(function):
            function.__signature__ = inspect.signature(lambda self: None)
            return function

        class Hello(Use):
            @hook
            @claim
            def admit(self, cookies): ...
        """
    [problem] = problems_of(tmp_path, text)

    assert problem.said == "def admit(self, cookies)"
    assert problem.wanted == "arguments of admit: request"
    assert "Plugin" in problem.hint
