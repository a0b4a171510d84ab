"""The instances of plugins: constructed, or carried over from the plugin set before.

An application goes on if its code and its settings are the same; a use, if moreover its
application, its place and its `on_error` are. Whatever goes on keeps its guard: a reload
neither forgives faults nor releases a quarantine.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from proxy.api.hookspecs import HOOKS
from proxy.api.plugin import Application, Use
from proxy.api.settings import Settings
from proxy.pluginhost import tracing
from proxy.pluginhost.chains import Step
from proxy.pluginhost.failures import failure
from proxy.pluginhost.fitting import ON_ERROR_HOOKS, Fitting, ReadApplication, ReadUse, UseKey
from proxy.pluginhost.guard import APPLICATION, CATCHABLE, Faults, Guard
from proxy.pluginhost.services import PluginServices
from proxy.pluginhost.shown import without_secrets
from proxy.pluginhost.verify import HookMethod, PluginCode, bind
from proxy.settings.problems import Problem

__all__ = ["ApplicationInstance", "Instances", "Known", "Maker", "UseInstance"]


class ApplicationInstance:
    """A plugin's application, and what the host knows of it."""

    __slots__ = ("application", "calls", "code", "guard", "holders", "services", "settings")

    def __init__(
        self,
        code: PluginCode,
        settings: Settings,
        application: Application,
        guard: Guard,
        calls: Mapping[str, Callable[..., Any]],
    ) -> None:
        """`calls` are its hooks by name."""
        self.code = code
        self.settings = settings
        self.application = application
        self.guard = guard
        self.calls = calls
        self.services: PluginServices | None = None
        """From the moment when it is started."""
        self.holders = 0
        """How many plugin sets have it."""

    def tell(self, hook: str, *arguments: object) -> Any:
        """Call a hook that only watches; a fault is counted. None if it is not called."""
        call = self.calls.get(hook)
        if call is None or self.guard.quarantined:
            return None
        self.guard.calls += 1
        try:
            return call(*arguments)
        except CATCHABLE as error:
            self.guard.fault(hook, error)
            return None

    @property
    def finished(self) -> Step | None:
        """Return its part in the hook `finished`, if it has one."""
        call = self.calls.get("finished")
        return None if call is None else Step(call, self.guard, "skip", waits=False)


class UseInstance:
    """One use of a plugin, and what the host knows of it."""

    __slots__ = ("application", "code", "guard", "key", "settings", "steps", "use")

    def __init__(
        self,
        key: UseKey,
        code: PluginCode,
        settings: Settings,
        application: ApplicationInstance | None,
        use: Use,
        guard: Guard,
        steps: Mapping[str, Step],
    ) -> None:
        """`steps` are its parts in the hooks, by the hook's name."""
        self.key = key
        self.code = code
        self.settings = settings
        self.application = application
        self.use = use
        self.guard = guard
        self.steps = steps


class Known(NamedTuple):
    """What there was before, and may be carried over."""

    applications: Mapping[str, ApplicationInstance]
    uses: Mapping[UseKey, UseInstance]


class Instances(NamedTuple):
    """All instances of a plugin set, in the order of the configuration."""

    applications: tuple[ApplicationInstance, ...]
    uses: tuple[UseInstance, ...]
    problems: tuple[Problem, ...]
    codes: tuple[PluginCode, ...]
    """Their code, each once."""


class Maker:
    """Constructs what is not carried over."""

    def __init__(self, faults: Faults, clock: Callable[[], float], *, traced: bool) -> None:
        """`clock` in seconds, for the guards; `traced`: every call of a hook is logged."""
        self._faults = faults
        self._clock = clock
        self._traced = traced

    def make(self, fitting: Fitting, known: Known) -> Instances:
        """Construct everything; what a constructor raises becomes a problem."""
        problems: list[Problem] = []
        applications: dict[str, ApplicationInstance] = {}
        for one in fitting.applications:
            made = self._application(one, known.applications.get(one.code.name), problems)
            if made is not None:
                applications[one.code.name] = made
        uses = []
        for read in fitting.uses:
            if read.code.application is None or read.code.name in applications:
                application = applications.get(read.code.name)
                use = self._use(read, application, known.uses.get(read.key), problems)
                uses += [] if use is None else [use]
        codes = {one.code.name: one.code for one in fitting.applications}
        codes |= {one.code.name: one.code for one in fitting.uses}
        return Instances(
            tuple(applications.values()), tuple(uses), tuple(problems), tuple(codes.values())
        )

    def _application(
        self, read: ReadApplication, before: ApplicationInstance | None, problems: list[Problem]
    ) -> ApplicationInstance | None:
        code = read.code
        if (
            before is not None
            and before.code.source == code.source
            and before.settings == read.settings
        ):
            return before
        made = _constructed(read, code.application, (read.settings,), problems)
        if made is None:
            return None
        guard = Guard(code.name, APPLICATION, "", self._faults, self._clock)
        calls = {
            method.name: self._bound(made, method, code.name, APPLICATION)
            for method in code.application_hooks
        }
        return ApplicationInstance(code, read.settings, made, guard, calls)

    def _use(
        self,
        read: ReadUse,
        application: ApplicationInstance | None,
        before: UseInstance | None,
        problems: list[Problem],
    ) -> UseInstance | None:
        code, wanted = read.code, read.wanted
        if (
            before is not None
            and before.code.source == code.source
            and before.application is application
            and before.settings == read.settings
            and before.guard.on_fault == wanted.on_error
        ):
            return before
        inner = None if application is None else application.application
        made = _constructed(read, code.use, (read.settings, inner), problems)
        if made is None:
            return None
        hooks = len(code.use_hooks)
        guard = Guard(code.name, wanted.route, wanted.on_error, self._faults, self._clock, hooks)
        steps = {
            method.name: Step(
                self._bound(made, method, code.name, wanted.route),
                guard,
                meaning(method.name, wanted.on_error),
                method.waits,
            )
            for method in code.use_hooks
            if method.name not in made.unused
        }
        return UseInstance(read.key, code, read.settings, application, made, guard, steps)

    def _bound(
        self, instance: Application | Use, method: HookMethod, plugin: str, route: str
    ) -> Callable[..., Any]:
        call = bind(instance, method)
        if self._traced:
            call = tracing.traced(call, method.name, plugin, route, waits=method.waits)
        return call


def meaning(hook: str, on_error: str) -> str:
    """Return what a fault of the hook means, for a use that says `on_error`."""
    return on_error if on_error and hook in ON_ERROR_HOOKS else HOOKS[hook].on_fault


def _constructed(
    read: ReadApplication | ReadUse,
    cls: type[Any] | None,
    arguments: Iterable[object],
    problems: list[Problem],
) -> Any:
    """An instance; None where there is a problem."""
    if cls is None:
        return None
    try:
        return cls(*arguments)
    except ValueError as error:
        text = without_secrets(str(error), read.settings)
        problems.append(
            read.wanted.place.problem(
                f"settings that plugin {read.code.name} refuses: {text or 'it does not say why'}",
                "settings that it takes",
            )
        )
    except CATCHABLE as error:
        problems.append(failure(read.code, error, f"constructing {cls.__name__}", read.settings))
    return None
