"""The methods of a plugin's class that are hooks, and what is wrong with them.

Whether a hook exists and has its arguments, pluggy says: every method is registered with
it alone, as if it were a plugin, so that one mistake does not hide the next.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from types import MethodType, SimpleNamespace
from typing import Any, NamedTuple

import pluggy

from proxy.api import hookspecs
from proxy.api.hookspecs import HOOKS, PROJECT, Hook, Scope, is_marked
from proxy.api.plugin import Application, Use
from proxy.pluginhost.written import Definition, Spot, Written
from proxy.settings.problems import listed, nearest, shown

__all__ = ["ARGUMENTS", "HookMethod", "Kind", "Notary", "Wrong"]

Kind = type[Use] | type[Application]

ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    name: tuple(inspect.signature(hook.function).parameters) for name, hook in HOOKS.items()
}
"""What each hook is given, in order."""

_Parameter = inspect.Parameter
_STARS: Mapping[Any, str] = {_Parameter.VAR_POSITIONAL: "*", _Parameter.VAR_KEYWORD: "**"}


class HookMethod(NamedTuple):
    """A hook as a class has it."""

    name: str
    arguments: tuple[str, ...]
    """Those that the method takes, in its own order."""
    waits: bool
    """Whether it is a coroutine function."""
    line: int
    """Where its `def` stands in its file."""


class Wrong(NamedTuple):
    """Something that is not as it must be, and where."""

    spot: Spot
    said: str
    wanted: str
    hint: str


class Notary:
    """Verifies the hooks of classes; what is wrong is collected in `wrong`."""

    def __init__(self, written: Written) -> None:
        self.wrong: list[Wrong] = []
        self._written = written
        self._registry = pluggy.PluginManager(PROJECT)
        self._registry.add_hookspecs(hookspecs)
        self._number = count()

    def hooks(self, cls: Kind) -> tuple[HookMethod, ...]:
        """The hooks of a class, inherited ones first, in the order in which they are written."""
        found = (self._hook(cls, name) for name in _own_names(cls))
        return tuple(method for method in found if method)

    def _hook(self, cls: Kind, name: str) -> HookMethod | None:
        raw = inspect.getattr_static(cls, name)
        options = self._registry.parse_hookimpl_opts(cls, name)
        if options is None:
            self._not_marked(cls, name, raw)
            return None
        function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
        before = len(self.wrong)
        method = _Method(cls, name, function, self._written.definition(function))
        if function is not raw:
            self.wrong.append(method.not_of_an_instance(type(raw).__name__))
            return None
        used = [key for key, value in options.items() if value]
        if used:
            self.wrong.append(method.with_options(used))
            return None
        self.wrong += method.wrong()
        arguments = self._registered(method)
        if len(self.wrong) > before:
            return None
        waits = inspect.iscoroutinefunction(function)
        return HookMethod(name, arguments, waits, method.definition.spot.line)

    def _not_marked(self, cls: Kind, name: str, raw: object) -> None:
        function = raw.__func__ if isinstance(raw, staticmethod | classmethod) else raw
        if is_marked(raw):
            said = f"{shown(name)}, which is no function but {shown(type(raw).__name__)}, as a hook"
            spot = self._written.attribute_spot(cls, name)
            self.wrong.append(Wrong(spot, said, "a method", "write @hook above a def"))
        elif name in HOOKS and inspect.isfunction(function):
            method = _Method(cls, name, function, self._written.definition(function))
            self.wrong.append(method.without_mark())

    def _registered(self, method: "_Method") -> tuple[str, ...]:
        """Have pluggy verify a method; the arguments that it has found."""
        alone = SimpleNamespace(**{method.name: MethodType(method.function, self)})
        name = f"{next(self._number)}"
        try:
            self._registry.register(alone, name)
        except pluggy.PluginValidationError as error:
            self.wrong += method.unknown_arguments(str(error))
            return ()
        caller = getattr(self._registry.hook, method.name)
        arguments = next(
            tuple(one.argnames) for one in caller.get_hookimpls() if one.plugin_name == name
        )
        self._registry.unregister(alone, name)
        if not caller.has_spec():
            self.wrong.append(method.unknown())
        return arguments


def _own_names(cls: Kind) -> list[str]:
    """The names that a class and its bases give, but not ours and `object`."""
    ours = (Use, Application, object)
    bases = [base for base in reversed(cls.__mro__) if base not in ours]
    return list(dict.fromkeys(name for base in bases for name in vars(base)))


class _Method:
    """A method that is, or looks like, a hook; says what is wrong with it."""

    def __init__(
        self, cls: Kind, name: str, function: Callable[..., Any], definition: Definition
    ) -> None:
        self.name = name
        self.function = function
        self.definition = definition
        self.hook: Hook | None = HOOKS.get(name)
        self.known = ARGUMENTS.get(name, ())
        self.scope: Scope = "use" if issubclass(cls, Use) else "application"
        self.owner = _OWNERS[self.scope]
        self.parameters = list(inspect.signature(function).parameters.values())

    def not_of_an_instance(self, kind: str) -> Wrong:
        """It is a static or class method."""
        hint = f"take @{kind} away, and write self first"
        return self._wrong(f"{self._text} as a {kind}", "a method", hint)

    def with_options(self, used: list[str]) -> Wrong:
        """It is marked with pluggy's own mark, which can do more than ours."""
        said = f"{self._text} with {listed(used)}"
        hint = "hooks run in the order of the configuration, and none wraps another"
        return self._wrong(said, "the mark hook of proxy.api, without options", hint)

    def without_mark(self) -> Wrong:
        """It is called like a hook and is none."""
        hint = "write @hook above it, or call it something else"
        if self.hook and self._is_elsewhere:
            owner = _OWNERS[self.hook.scope]
            hint = f"call it something else: as a hook it belongs in {owner}"
        return self._wrong(f"{self._text} without @hook", _MARKED, hint)

    def unknown(self) -> Wrong:
        """There is no such hook."""
        hint = nearest(self.name, HOOKS) or f"the hooks are {', '.join(HOOKS)}"
        return self._wrong(self._text, "the name of a hook", hint)

    def unknown_arguments(self, message: str) -> Iterator[Wrong]:
        """Arguments that the hook does not have; `message` is pluggy's."""
        unknown = [p.name for p in self._given if p.name not in self.known]
        wanted = f"arguments of {self.name}: {listed(self.known) or 'none'}"
        for name in unknown:
            said = f"the argument {shown(name)} in {self._text}"
            yield self._wrong(said, wanted, nearest(name, self._left), argument=name)
        if not unknown:
            yield self._wrong(self._text, wanted, shown(message))

    def wrong(self) -> Iterator[Wrong]:
        """All that pluggy would let pass."""
        if not self.parameters or self.parameters[0].name in self.known:
            yield self._wrong(self._text, "a method", "write self first")
        for parameter in self.parameters[0 if self._is_wrapped else 1 :]:
            yield from self._ungiven(parameter)
        if self.hook and self._is_elsewhere:
            said = f"{self._text} in {self.owner}"
            hint = f"it belongs in {_OWNERS[self.hook.scope]}"
            yield self._wrong(said, f"a hook for {self.owner}", hint)
        elif self.hook:
            yield from self._colour(self.hook)

    def _ungiven(self, parameter: _Parameter) -> Iterator[Wrong]:
        """A parameter that no call would fill."""
        name = f"{_STARS.get(parameter.kind, '')}{parameter.name}"
        has_default = parameter.default is not _Parameter.empty
        if parameter.name in self.known and has_default:
            said = f"the argument {name} with a default in {self._text}"
            wanted, hint = f"{name} without one", "arguments with a default are not given"
        elif parameter.kind not in _POSITIONAL and not has_default:
            said = f"the argument {shown(name)} in {self._text}"
            wanted = f"arguments by their names: {listed(self.known) or 'none'}"
            hint = "leave it out; in a decorator, use functools.wraps"
            if parameter.kind is _Parameter.KEYWORD_ONLY:
                hint = "leave out the * before it"
        else:
            return
        yield self._wrong(said, wanted, hint, argument=parameter.name)

    def _colour(self, hook: Hook) -> Iterator[Wrong]:
        function = inspect.unwrap(self.function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            yield self._wrong(f"a yield in {self._text}", "a hook that returns", "leave yield out")
            return
        waits = inspect.iscoroutinefunction(self.function)
        if hook.colour == "def" and waits:
            hint = "it must not wait; hand what takes long to services.spawn"
            yield self._wrong(self._text, "a plain def", hint)
        elif hook.colour == "async def" and not waits:
            yield self._wrong(self._text, "an async def", f"write async def {self.name}")

    @property
    def _given(self) -> list[_Parameter]:
        """The parameters after `self` that pluggy looks at."""
        return [
            parameter
            for parameter in self.parameters[1:]
            if parameter.kind in _POSITIONAL and parameter.default is _Parameter.empty
        ]

    @property
    def _left(self) -> list[str]:
        """What the hook is given and the method does not take."""
        taken = {parameter.name for parameter in self.parameters}
        return [name for name in self.known if name not in taken]

    @property
    def _is_wrapped(self) -> bool:
        """Whether a decorator has hidden the method: then its `self` is among the rest."""
        return bool(self.parameters) and self.parameters[0].kind is _Parameter.VAR_POSITIONAL

    @property
    def _is_elsewhere(self) -> bool:
        return self.hook is not None and self.hook.scope not in (self.scope, "both")

    @property
    def _text(self) -> str:
        return self.definition.text

    def _wrong(self, said: str, wanted: str, hint: str, argument: str = "") -> Wrong:
        spot = self.definition.arguments.get(argument, self.definition.spot)
        return Wrong(spot, said, wanted, hint)


_POSITIONAL = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_MARKED = "the mark on a method that is called like a hook"
_OWNERS: Mapping[Scope, str] = {"use": "a Use", "application": "an Application"}
