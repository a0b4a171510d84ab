"""The hook specifications: complete, explained, and marked so that pluggy knows them."""

import inspect
from typing import get_type_hints

import pluggy
import pytest

from proxy.api import hook, hookspecs
from proxy.api.hookspecs import HOOKS, PROJECT, Hook, is_marked

ALL = pytest.mark.parametrize("known", HOOKS.values(), ids=HOOKS)


@ALL
def test_each_hook_says_what_it_does_and_when_it_is_called(known: Hook) -> None:
    says = inspect.getdoc(known.function) or ""
    first, _, rest = says.partition("\n\n")
    assert first.endswith(".")
    assert "Called" in rest


@ALL
def test_each_argument_and_result_of_a_hook_has_a_type(known: Hook) -> None:
    hints = get_type_hints(known.function)
    assert set(hints) == {*inspect.signature(known.function).parameters, "return"}


@ALL
def test_each_hook_is_known_to_pluggy(known: Hook) -> None:
    notary = pluggy.PluginManager(PROJECT)
    notary.add_hookspecs(hookspecs)
    assert known.name in vars(notary.hook)


def test_no_hook_is_specified_beside_the_list() -> None:
    notary = pluggy.PluginManager(PROJECT)
    notary.add_hookspecs(hookspecs)
    assert set(vars(notary.hook)) == set(HOOKS)


@ALL
def test_hooks_of_a_request_belong_to_a_use_and_the_others_to_the_application(known: Hook) -> None:
    about_a_request = "request" in inspect.signature(known.function).parameters
    assert about_a_request == (known.scope in ("use", "both"))
    assert (known.on_fault == "stop") == (not about_a_request)


@ALL
def test_hooks_that_hold_up_the_loop_say_that_they_must_not_wait(known: Hook) -> None:
    says = inspect.getdoc(known.function) or ""
    if known.colour == "def" and known.scope != "application":
        assert "Must neither wait nor do I/O" in " ".join(says.split())
    assert known.colour in ("def", "async def", "either")


def test_a_marked_method_is_told_from_one_that_is_not() -> None:
    class Some:
        @hook
        def finished(self) -> None: ...

        def admit(self) -> None: ...

    assert is_marked(Some.finished)
    assert is_marked(Some().finished)
    assert not is_marked(Some.admit)
    assert not is_marked(1)
