"""What a plugin consists of, and in which words it is refused."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api import Settings, Use
from proxy.api.hookspecs import HOOKS
from proxy.pluginhost.hook_methods import ARGUMENTS
from proxy.pluginhost.importing import load
from proxy.pluginhost.sources import installed_sources
from proxy.pluginhost.verify import HookMethod, bind, inspect
from proxy.settings.problems import ConfigError
from tests.pluginhost.folder import HELLO, imported, package_of, problems_of, verified

GOLDEN = Path(__file__).parent / "golden"
LINE = "\n--- is told\n"


@pytest.mark.parametrize("name", sorted(path.stem for path in GOLDEN.glob("*.txt")))
def test_a_broken_plugin_is_refused_in_the_words_of_its_golden_text(
    name: str, tmp_path: Path
) -> None:
    text, _, expected = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").partition(LINE)
    problems = problems_of(tmp_path, text)

    assert f"{ConfigError(problems)}\n".replace(f"{tmp_path}/", "") == expected


def test_a_plugin_is_known_by_its_classes_hooks_and_settings(tmp_path: Path) -> None:
    code = verified(tmp_path, HELLO)

    assert (code.name, code.version, code.module) == ("hello", "", code.source.module)
    assert code.use is not None
    assert code.application is None
    assert code.use_hooks == (HookMethod("edit_response", ("request", "reply"), False, 10),)
    assert code.settings_model(code.use).model_fields.keys() == {"text"}


def test_the_plugins_that_come_with_the_proxy_are_verified_like_any_other() -> None:
    codes = {name: inspect(one, load(one)) for name, one in installed_sources().items()}

    assert codes["headers"].use is not None
    assert all(code.version for code in codes.values())
    assert all(code.use_hooks or code.application_hooks for code in codes.values())


def test_an_application_without_settings_of_its_own_has_none(tmp_path: Path) -> None:
    text = """\
        from proxy.api import Application, hook
        class Hello(Application):
            version = "1.2"
            def __init__(self, settings, more=()): ...
            @hook
            async def startup(self): ...
        """
    code = verified(tmp_path, text)

    assert code.application is not None
    assert code.use is None
    assert code.version == "1.2"
    assert code.settings_model(code.application) is Settings
    assert code.application_hooks == (HookMethod("startup", (), True, 6),)


def test_an_application_may_do_without_hooks_to_be_what_uses_share(tmp_path: Path) -> None:
    text = f"from proxy.api import Application\nclass Shared(Application): ...\n{HELLO}"

    assert verified(tmp_path, text).application_hooks == ()


@pytest.mark.parametrize(
    "settings",
    ["settings: 'Keys'", "settings: Keys", "settings: Inner", "class Inner(Keys): ..."],
)
def test_settings_are_found_however_their_type_is_written(tmp_path: Path, settings: str) -> None:
    text = f"""\
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from proxy.api import Settings, Use, hook
        if TYPE_CHECKING:
            from somewhere import Shared

        class Keys(Settings):
            a: int = 1

        class _Base(Use):
            settings: Keys

        class Hello(_Base):
            class Inner(Keys): ...
            {settings}
            application: Shared | None
            @hook
            def admit(self): ...
        """
    code = verified(tmp_path, text)

    assert code.use is not None
    assert code.settings_model(code.use).model_fields.keys() == {"a"}


def test_classes_out_of_parts_count_and_those_of_others_do_not(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from proxy.api import Use\nfrom .part import Hello, Hello as Hi",
        "part.py": HELLO,
    }
    source = package_of(tmp_path, files)
    with imported(source) as module:
        code = inspect(source, module)

    assert code.use is not None
    assert code.use.__module__ == f"{source.module}.part"
    assert code.application is None


def test_everything_that_is_wrong_is_told_in_one_run(tmp_path: Path) -> None:
    text = """\
        from proxy.api import Application, Use, hook
        class One(Use):
            settings: int
            def __init__(self): ...
            @hook
            def edit_requst(self): ...
            @hook
            def edit_request(self, requst, outgong): ...
        class Two(Application):
            def startup(self): ...
        class Three(Application): ...
        """
    problems = problems_of(tmp_path, text)

    assert [problem.line for problem in problems] == [3, 4, 6, 8, 8, 10, 11]


def test_verified_code_keeps_nothing_alive_once_it_is_dropped(tmp_path: Path) -> None:
    code = verified(tmp_path, HELLO)
    assert code.use is not None
    gone = weakref.ref(code.use)
    del code
    gc.collect()

    assert gone() is None


def noted(name: str, arguments: tuple[str, ...]) -> Callable[..., dict[str, object]]:
    """A method of that name with these arguments, which returns what it was given."""
    scope: dict[str, Any] = {}
    given = ", ".join(("self", *arguments))
    returned = ", ".join(f"{argument!r}: {argument}" for argument in arguments)
    exec(f"def {name}({given}): return {{{returned}}}", scope)
    function: Callable[..., dict[str, object]] = scope[name]
    return function


@given(st.data())
def test_any_choice_of_arguments_in_any_order_gets_what_is_meant(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(HOOKS)))
    specified = ARGUMENTS[name]
    shuffled = data.draw(st.permutations(specified))
    taken = tuple(shuffled[: data.draw(st.integers(0, len(specified)))])
    instance = type("Hello", (Use,), {name: noted(name, taken)})(Settings())
    call = bind(instance, HookMethod(name, taken, False, 1))

    assert call(*specified) == {argument: argument for argument in taken}
    assert (call == getattr(instance, name)) == (taken == specified)


@pytest.mark.parametrize("name", HOOKS)
def test_each_hook_with_all_its_arguments_is_called_with_nothing_between(name: str) -> None:
    instance = type("Hello", (Use,), {name: noted(name, ARGUMENTS[name])})(Settings())

    assert bind(instance, HookMethod(name, ARGUMENTS[name], False, 1)) == getattr(instance, name)


async def test_a_hook_that_waits_still_returns_what_is_awaited() -> None:
    class Hello(Use):
        async def rewrite_request(self, body: str) -> str:
            return body * 2

    call = bind(Hello(Settings()), HookMethod("rewrite_request", ("body",), True, 1))

    assert await call("request", "body") == "bodybody"
