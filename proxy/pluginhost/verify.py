"""What a loaded plugin consists of, and whether the proxy can work with it.

Its hooks are verified by pluggy (see `hook_methods`), once, when it is loaded; from then
on they are called without it. All that is wrong is told at once.
"""

import inspect as inspection
import sys
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from types import ModuleType, SimpleNamespace
from typing import Any, TypeVar

from proxy.api.hookspecs import is_marked
from proxy.api.plugin import Application, Use
from proxy.api.settings import Settings
from proxy.pluginhost.hook_methods import ARGUMENTS, HookMethod, Kind, Notary, Wrong
from proxy.pluginhost.sources import Source
from proxy.pluginhost.written import Spot, Written
from proxy.settings.problems import ConfigError, Problem, shown

__all__ = ["HookMethod", "PluginCode", "bind", "inspect"]

_Class = TypeVar("_Class", bound=Use | Application)


@dataclass(frozen=True, eq=False)
class PluginCode:
    """The verified code of a plugin: its classes, and their hooks in the order of the file."""

    name: str
    version: str
    """What its classes say, or the version of the distribution; may be empty."""
    source: Source
    module: str
    use: type[Use] | None
    application: type[Application] | None
    use_hooks: tuple[HookMethod, ...]
    application_hooks: tuple[HookMethod, ...]
    models: Mapping[type, type[Settings]] = field(repr=False)

    def settings_model(self, cls: Kind) -> type[Settings]:
        """The settings of one of the two classes: plain `Settings`, without keys, if none."""
        return self.models[cls]


def inspect(source: Source, module: ModuleType) -> PluginCode:
    """Verify a plugin that was loaded. Raises ConfigError with everything that is wrong."""
    looking = _Looking(source, module)
    use = looking.the_one(Use)
    application = looking.the_one(Application)
    if use is None and application is None and not looking.wrong:
        looking.note_no_class()
    classes = [cls for cls in (application, use) if cls]
    hooks = {cls: looking.hooks(cls) for cls in classes}
    models = {cls: looking.model(cls) for cls in classes}
    looking.end()
    return PluginCode(
        name=source.name,
        version=_version(source, classes),
        source=source,
        module=source.module,
        use=use,
        application=application,
        use_hooks=hooks[use] if use else (),
        application_hooks=hooks[application] if application else (),
        models=models,
    )


def bind(instance: Use | Application, method: HookMethod) -> Callable[..., Any]:
    """The hook of an instance as a function of all its arguments, in their order.

    A method that takes all of them in that order is the function: nothing comes between.
    """
    bound: Callable[..., Any] = getattr(instance, method.name)
    specified = ARGUMENTS[method.name]
    if method.arguments == specified:
        return bound
    places = [specified.index(argument) for argument in method.arguments]
    if not places:
        return lambda *_given: bound()
    if len(places) == 1:
        place = places[0]
        return lambda *given: bound(given[place])
    picked = itemgetter(*places)
    return lambda *given: bound(*picked(given))


def _version(source: Source, classes: list[Kind]) -> str:
    said = [str(cls.version) for cls in classes if cls.version]
    return shown(said[0] if said else source.version)


class _Looking:
    """One look at a plugin; what is wrong is collected in `wrong`."""

    def __init__(self, source: Source, module: ModuleType) -> None:
        self._source = source
        self._module = module
        self._written = Written(source)
        self._notary = Notary(self._written)
        self.wrong: list[Wrong] = self._notary.wrong

    def end(self) -> None:
        """Raise ConfigError if anything is wrong."""
        where = f"plugin {self._source.name}"
        if self.wrong:
            raise ConfigError(Problem(*one.spot, where, *one[1:]) for one in self.wrong)

    def hooks(self, cls: Kind) -> tuple[HookMethod, ...]:
        """The hooks of a class; a `Use` must have some, and a constructor that fits."""
        before = len(self.wrong)
        hooks = self._notary.hooks(cls)
        if issubclass(cls, Use) and not hooks and len(self.wrong) == before:
            hint = "write @hook above the methods that are hooks"
            self._note(self._written.class_spot(cls), "a Use without hooks", "at least one", hint)
        self._check_constructor(cls)
        return hooks

    def the_one(self, kind: type[_Class]) -> type[_Class] | None:
        """The class of a kind that the module defines; None where there is none."""
        found = [cls for cls in self._classes() if issubclass(cls, kind)]
        for cls in found[1:]:
            said = f"the classes {shown(found[0].__name__)} and {shown(cls.__name__)}"
            hint = "make two plugins of them; a common base begins its name with _"
            self._note(self._written.class_spot(cls), said, f"one {kind.__name__}", hint)
        return found[0] if found else None

    def _classes(self) -> list[type]:
        """The classes that the module shows and that the plugin defines, without private ones."""
        values = (value for value in vars(self._module).values() if isinstance(value, type))
        module = self._source.module
        return [
            cls
            for cls in dict.fromkeys(values)
            if f"{cls.__module__}.".startswith(f"{module}.") and not cls.__name__.startswith("_")
        ]

    def note_no_class(self) -> None:
        """Say that there is neither a `Use` nor an `Application`."""
        spot, hint = self._written.top, "write class ...(Use), with its hooks as methods"
        for cls in self._classes():
            if any(is_marked(value) for value in vars(cls).values()):
                spot = self._written.class_spot(cls)
                hint = f"write class {shown(cls.__name__)}(Use)"
        wanted = "a class of kind Use or Application"
        self._note(spot, f"none in {self._source.main.name}", wanted, hint)

    def model(self, cls: Kind) -> type[Settings]:
        """The type of a class's attribute `settings`; the problem is noted if there is none."""
        base = next(base for base in cls.__mro__ if _gives_settings(base))
        annotation = inspection.get_annotations(base).get("settings")
        said = f"settings: {_as_text(annotation)}" if annotation else "settings without a type"
        hint = _AS_MODEL
        try:
            model = _evaluated(annotation, base)
            if isinstance(model, type) and issubclass(model, Settings):
                return model
        except Exception as error:  # whatever an author writes there
            said = f"{said} ({type(error).__name__})"
            hint = "define it at the top of the file"
        spot = self._written.attribute_spot(base, "settings")
        self._note(spot, said, "a subclass of Settings", hint)
        return Settings

    def _check_constructor(self, cls: Kind) -> None:
        """See that the class can be constructed as the host does it."""
        given = ("settings", "application") if issubclass(cls, Use) else ("settings",)
        try:
            inspection.signature(cls.__init__).bind("self", *given)
        except TypeError:
            definition = self._written.definition(cls.__init__)
            wanted = f"def __init__(self, {', '.join(given)})"
            hint = f"the proxy gives it {' and '.join(given)}"
            self._note(definition.spot, definition.text, wanted, hint)

    def _note(self, spot: Spot, said: str, wanted: str, hint: str) -> None:
        self.wrong.append(Wrong(spot, said, wanted, hint))


_AS_MODEL = "write class ...(Settings) with the keys, and settings: ... in the class"


def _gives_settings(cls: type) -> bool:
    return "settings" in inspection.get_annotations(cls) or "settings" in vars(cls)


def _evaluated(annotation: object, cls: type) -> object:
    """The type that an annotation in a class's body means, written as text or not."""
    scope = vars(sys.modules[cls.__module__])
    holder = SimpleNamespace(__annotations__={"settings": annotation})
    return typing.get_type_hints(holder, scope, dict(vars(cls)))["settings"]


def _as_text(annotation: object) -> str:
    if isinstance(annotation, type):
        return shown(annotation.__qualname__)
    return shown(annotation if isinstance(annotation, str) else repr(annotation))
