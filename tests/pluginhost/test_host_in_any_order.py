"""Whatever is prepared, served, released and discarded in whatever order: the promises hold."""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.pluginhost.instances import ApplicationInstance, UseInstance
from proxy.pluginhost.plugin_set import PluginSet
from proxy.settings.problems import ConfigError
from tests.kit.properties import examples
from tests.pluginhost.hosting import Hosting, application, use

PLUGIN = """
from tests.pluginhost.test_host_in_any_order import LEDGER

class Words(Settings):
    word: str

class Watcher(Application):
    settings: Words

    @hook
    async def startup(self, services):
        LEDGER.begin(self, services)
        if FAILS:
            raise OSError

    @hook
    async def shutdown(self):
        LEDGER.end(self)

class Greeter(Use):
    settings: Words

    @hook
    def admit(self):
        return None

VERSION = NUMBER
"""


class Ledger:
    """What the plugins did."""

    def __init__(self) -> None:
        self.begun: dict[int, object] = {}
        self.ended: Counter[int] = Counter()
        self.working = 0

    def begin(self, one: object, services: object) -> None:
        assert id(one) not in self.begun
        self.begun[id(one)] = one  # kept, so that no other gets its id
        services.spawn(self.work(), "work")  # type: ignore[attr-defined]

    def end(self, one: object) -> None:
        self.ended[id(one)] += 1

    async def work(self) -> None:
        self.working += 1
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.working -= 1


LEDGER = Ledger()


class Content(NamedTuple):
    """What stands in a plugin's file."""

    number: int
    fails: bool


class Live(NamedTuple):
    """A set that is there, what it was made of, and what it consists of."""

    plugins: PluginSet
    named: tuple[tuple[str, str, str], ...]
    contents: dict[str, Content]
    applications: tuple[ApplicationInstance, ...]
    uses: tuple[UseInstance, ...]


NAMES = ("a", "b", "c")
PLUGINS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.sampled_from("xy"), st.sampled_from("xy")),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one[0],
)


class HostInAnyOrder(RuleBasedStateMachine):
    """Sets come and go; `live` is what the test thinks there is."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        LEDGER.__init__()  # type: ignore[misc]
        self.hosting = Hosting(Path(self.folder.name))
        self.contents: dict[str, Content] = {}
        self.live: list[Live] = []
        for name in NAMES:
            self.write(name, Content(0, fails=False))

    def write(self, name: str, content: Content) -> None:
        text = PLUGIN.replace("FAILS", str(content.fails)).replace("NUMBER", str(content.number))
        self.hosting.write(name, text)
        self.contents[name] = content

    @rule(name=st.sampled_from(NAMES), number=st.integers(0, 1), fails=st.sampled_from([0, 0, 1]))
    def edit_code(self, name: str, number: int, fails: int) -> None:
        self.write(name, Content(number, bool(fails)))

    @rule(named=PLUGINS, nth=st.integers(0, 5), carry_over=st.booleans())
    def prepare(self, named: list[tuple[str, str, str]], nth: int, carry_over: bool) -> None:
        before = self.live[nth % len(self.live)] if self.live and carry_over else None
        contents = {name: self.contents[name] for name, _, _ in named}
        wanted = [application(name, word=word) for name, word, _ in named]
        uses = [use(name, word=word) for name, _, word in named]
        coming = self.hosting.prepare(
            *wanted, *uses, before=None if before is None else before.plugins
        )
        kept = set() if before is None else self.unchanged(before, named)
        fails = any(contents[name].fails for name, _, _ in named if name not in kept)
        plugins = self.prepared(coming)
        assert (plugins is None) == fails
        if plugins is None:
            return
        new = Live(plugins, tuple(named), contents, plugins.applications, plugins.instances.uses)
        self.check_carried_over(before, new, kept)
        self.live.append(new)

    def prepared(self, coming: Coroutine[Any, Any, PluginSet]) -> PluginSet | None:
        try:
            return self.runner.run(coming)
        except ConfigError:
            return None

    def unchanged(self, before: Live, named: list[tuple[str, str, str]]) -> set[str]:
        """The plugins whose application goes on."""
        words = {name: word for name, word, _ in before.named}
        return {
            name
            for name, word, _ in named
            if words.get(name) == word and before.contents[name] == self.contents[name]
        }

    def check_carried_over(self, before: Live | None, new: Live, kept: set[str]) -> None:
        old = () if before is None else (*before.applications, *before.uses)
        words = {} if before is None else {name: word for name, _, word in before.named}
        assert {one.code.name for one in new.applications if one in old} == kept
        expected = {name for name, _, word in new.named if name in kept and words[name] == word}
        assert {one.code.name for one in new.uses if one in old} == expected

    @precondition(lambda self: self.live)
    @rule(nth=st.integers(0, 5))
    def serve(self, nth: int) -> None:
        self.hosting.host.serve(self.live[nth % len(self.live)].plugins)

    @precondition(lambda self: self.live)
    @rule(nth=st.integers(0, 5), served=st.booleans(), twice=st.booleans())
    def end(self, nth: int, served: bool, twice: bool) -> None:
        plugins = self.live.pop(nth % len(self.live)).plugins
        for _ in range(1 + twice):
            self.runner.run(plugins.release() if served else plugins.discard())

    @invariant()
    def every_application_ends_once_and_not_before_nobody_holds_it(self) -> None:
        held = {id(one.application) for live in self.live for one in live.applications}
        assert LEDGER.begun.keys() >= held
        for one in LEDGER.begun:
            assert LEDGER.ended[one] == (one not in held)
        assert LEDGER.working == len(held)

    @invariant()
    def exactly_the_code_of_live_sets_is_loaded(self) -> None:
        held = {(name, content) for live in self.live for name, content in live.contents.items()}
        assert self.hosting.modules() == self.hosting.host.codes == len(held)

    @invariant()
    def a_set_never_changes(self) -> None:
        assert self.hosting.host.sets == len(self.live)
        for live in self.live:
            assert live.plugins.applications == live.applications
            steps = live.plugins.chains["campaigns"].admit
            assert [step.guard for step in steps] == [one.guard for one in live.uses]

    def teardown(self) -> None:
        self.runner.run(self.hosting.host.close())
        self.live.clear()
        self.every_application_ends_once_and_not_before_nobody_holds_it()
        self.exactly_the_code_of_live_sets_is_loaded()
        self.runner.close()
        self.folder.cleanup()


TestHostInAnyOrder = HostInAnyOrder.TestCase
TestHostInAnyOrder.settings = examples(20, steps=20)
