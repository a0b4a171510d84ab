"""What the proxy verifies when it loads a plugin, for a class that need not be in a file.

The words are those of the proxy, which tells file, line and column besides.
"""

import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from proxy.api.hookspecs import HOOKS, Hook, is_marked
from proxy.api.plugin import Application, Use
from proxy.api.settings import Settings
from proxy.settings.problems import ConfigError, listed, nearest
from proxy.settings.reading import read_plain

__all__ = ["annotation", "hooks_of", "read_settings"]

_Plugin = type[Use] | type[Application]
_Parameter = inspect.Parameter
_POSITIONAL = (_Parameter.POSITIONAL_ONLY, _Parameter.POSITIONAL_OR_KEYWORD)
_STARS: Mapping[Any, str] = {_Parameter.VAR_POSITIONAL: "*", _Parameter.VAR_KEYWORD: "**"}
_OWNERS = {"use": "a Use", "application": "an Application"}


def hooks_of(plugin: _Plugin) -> dict[str, tuple[str, ...]]:
    """Return the hooks of a plugin's class by name, each with the arguments that it takes.

    Raises ValueError with everything that the proxy would refuse, a line for each:
    unknown hooks, hooks of the other class, the wrong colour, unknown arguments, missing
    marks.
    """
    found: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for name, function in inspect.getmembers(plugin, inspect.isroutine):
        if name not in HOOKS and not is_marked(function):
            continue
        method = _Method(plugin, name, function)
        problems += method.wrong()
        found[name] = method.arguments
    if issubclass(plugin, Use) and not found and not problems:
        hint = "write @hook above the methods that are hooks"
        problems.append(f"{plugin.__name__}: said a Use without hooks; wanted at least one; {hint}")
    if problems:
        raise ValueError("\n".join(problems))
    return found


def read_settings(plugin: _Plugin, said: Mapping[str, Any]) -> Settings:
    """Return the settings of a plugin's class, read from what stands in the configuration.

    Raises ValueError with one line for each problem.
    """
    model = annotation(plugin, "settings")
    if not (isinstance(model, type) and issubclass(model, Settings)):
        raise ValueError(f"{plugin.__name__}.settings: wanted a subclass of Settings")
    try:
        return read_plain(model, dict(said), ("settings",))
    except ConfigError as error:
        raise ValueError(str(error)) from None


def annotation(plugin: _Plugin, name: str) -> Any:
    """Return what a class says that its attribute is. Raises ValueError if nobody can tell."""
    try:
        return typing.get_type_hints(plugin)[name]
    except NameError as error:
        raise ValueError(
            f"{plugin.__name__}.{name}: {error}; define it at the top of the file"
        ) from None


class _Method:
    """A method that is, or is called like, a hook."""

    def __init__(self, plugin: _Plugin, name: str, function: Callable[..., Any]) -> None:
        self._name = name
        self._hook = HOOKS.get(name)
        self._function = getattr(function, "__func__", function)
        self._static = inspect.getattr_static(plugin, name)
        self._plugin = plugin
        signature = inspect.signature(self._function)
        self._parameters = list(signature.parameters.values())[1:]
        self._text = _text(name, self._function, signature)

    @property
    def arguments(self) -> tuple[str, ...]:
        """Those that it is to be given, in its own order."""
        return tuple(
            p.name for p in self._parameters if p.kind in _POSITIONAL and p.default is p.empty
        )

    def wrong(self) -> Iterator[str]:
        """Everything that is not as it must be."""
        scope = "use" if issubclass(self._plugin, Use) else "application"
        if not inspect.isfunction(self._static):
            kind = type(self._static).__name__
            hint = f"take @{kind} away, and write self first"
            yield self._told(f"{self._text} as a {kind}", "a method", hint)
        elif not is_marked(self._function):
            wanted = "the mark on a method that is called like a hook"
            hint = "write @hook above it, or call it something else"
            yield self._told(f"{self._text} without @hook", wanted, hint)
        elif self._hook is None:
            hint = nearest(self._name, HOOKS) or f"the hooks are {', '.join(HOOKS)}"
            yield self._told(self._text, "the name of a hook", hint)
        else:
            if self._hook.scope not in (scope, "both"):
                owner, other = _OWNERS[scope], _OWNERS[self._hook.scope]
                said = f"{self._text} in {owner}"
                yield self._told(said, f"a hook for {owner}", f"it belongs in {other}")
            yield from self._wrong_colour(self._hook)
            yield from self._wrong_arguments(tuple(_given(self._hook)))

    def _wrong_colour(self, hook: Hook) -> Iterator[str]:
        waits = inspect.iscoroutinefunction(self._function)
        if inspect.isgeneratorfunction(self._function) or inspect.isasyncgenfunction(
            self._function
        ):
            yield self._told(f"a yield in {self._text}", "a hook that returns", "leave yield out")
        elif hook.colour == "def" and waits:
            hint = "it must not wait; hand what takes long to services.spawn"
            yield self._told(self._text, "a plain def", hint)
        elif hook.colour == "async def" and not waits:
            yield self._told(self._text, "an async def", f"write async def {self._name}")

    def _wrong_arguments(self, known: tuple[str, ...]) -> Iterator[str]:
        taken = {parameter.name for parameter in self._parameters}
        left = [name for name in known if name not in taken]
        offered = listed(known) or "none"
        for parameter in self._parameters:
            name = f"{_STARS.get(parameter.kind, '')}{parameter.name}"
            has_default = parameter.default is not parameter.empty
            said = f"the argument {name} in {self._text}"
            if has_default and name in known:
                said = f"the argument {name} with a default in {self._text}"
                hint = "arguments with a default are not given"
                yield self._told(said, f"{name} without one", hint)
            elif not has_default and parameter.kind not in _POSITIONAL:
                hint = "leave it out; in a decorator, use functools.wraps"
                if parameter.kind is parameter.KEYWORD_ONLY:
                    hint = "leave out the * before it"
                yield self._told(said, f"arguments by their names: {offered}", hint)
            elif not has_default and name not in known:
                yield self._told(said, f"arguments of {self._name}: {offered}", nearest(name, left))

    def _told(self, said: str, wanted: str, hint: str = "") -> str:
        more = f"; {hint}" if hint else ""
        return f"{self._plugin.__name__}: said {said}; wanted {wanted}{more}"


def _given(hook: Hook) -> Mapping[str, _Parameter]:
    return inspect.signature(hook.function).parameters


def _text(name: str, function: Callable[..., Any], signature: inspect.Signature) -> str:
    """A function as its author wrote it, without annotations."""
    waits = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = signature.replace(parameters=bare, return_annotation=signature.empty)
    return f"{'async def' if waits else 'def'} {name}{text}"
