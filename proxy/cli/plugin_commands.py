"""``crossfade <plugin> <command>``: commands that plugins add to the command line.

A word that is no command of ours may be the name of a plugin, or what it calls its
commands by. Only then, and for the list of all commands, the configuration is read and
its plugins are loaded: in this process, on instances that are never started. They ask
the running proxy, if at all, over its admin listener.
"""

import inspect
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command_name

from proxy.cli.admin_client import admin_url, ask_plugin
from proxy.cli.options import CONFIG, Admin, AskedConfig
from proxy.cli.unstarted import unstarted
from proxy.config import Config, ConfigError, load
from proxy.config.plugins import COMMANDS
from proxy.pluginhost.failures import failure
from proxy.pluginhost.guard import CATCHABLE
from proxy.pluginhost.instances import ApplicationInstance
from proxy.settings.problems import shown

__all__ = ["PluginCommands", "RootGroup", "plugin_groups"]

_HOOK = "provide_commands"
_USAGE = 2
_NO_CONFIG = f"no {CONFIG} is here, so no plugin has commands; name yours with --config"
_GROUP = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_FOUND = "crossfade.plugin_groups"
_OWN = {"config": (AskedConfig, CONFIG), "admin": (Admin, None)}


class RootGroup(TyperGroup):
    """Our commands, and behind them those of the configuration's plugins."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return (name, command, rest of the arguments); the plugins are asked only if we must."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            try:
                ctx.meta[_FOUND] = _groups(named_config(args))
            except ConfigError as error:
                first, *more = error.problems
                beyond = f" (and {len(more)} more problems)" if more else ""
                said = f"crossfade: the commands of plugins are not known: {first}{beyond}"
                typer.echo(said, err=True)
                # Nobody knows whether there is such a command: it is not said that there is none.
                raise SystemExit(_USAGE) from None
            if not ctx.meta[_FOUND] and not named_config(args).exists():
                typer.echo(f"crossfade: {_NO_CONFIG}", err=True)
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command of ours or the group of a plugin; None if there is neither."""
        return super().get_command(ctx, cmd_name) or ctx.meta.get(_FOUND, {}).get(cmd_name)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names: with the plugins' if the configuration at hand can be used."""
        if _FOUND not in ctx.meta:
            try:
                ctx.meta[_FOUND] = _groups(CONFIG)
            except Exception:
                ctx.meta[_FOUND] = {}
        own = super().list_commands(ctx)
        return [*own, *sorted(ctx.meta[_FOUND].keys() - set(own))]


class GroupOfPlugin(TyperGroup):
    """The commands of a plugin, of which one may be run without its name."""

    default: str | None = None

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default command first where there is none, but for a question for help."""
        unnamed = not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names)
        if self.default is not None and unnamed:
            args = [self.default, *args]
        return super().parse_args(ctx, args)


class PluginCommands:
    """What a plugin is given to say which commands it has; see `proxy.api.Commands`."""

    def __init__(self, plugin: str, called: str, says: str) -> None:
        """`called`: what its commands are called by; `says` explains the plugin in a sentence."""
        self._plugin = plugin
        self._called, self._says = called, says
        self._config, self._admin = CONFIG, None
        self.apps: dict[str, typer.Typer] = {}
        """The groups that have commands, by name."""
        self.defaults: dict[str, str] = {}
        """By group: the command that is run where none is named."""

    def add(
        self,
        function: Callable[..., None],
        *,
        name: str = "",
        group: str = "",
        default: bool = False,
    ) -> None:
        """Add a command. Raises ValueError for a function whose parameters cannot be options."""
        if not isinstance(group, str) or (group and not _GROUP.fullmatch(group)):
            raise ValueError(f"{shown(str(group))} is no group; write lower-case letters, - or _")
        aimed = self._aimed(function)
        called = group or self._called
        if called not in self.apps:
            self.apps[called] = typer.Typer(
                name=called,
                cls=GroupOfPlugin,
                help=self._says,
                no_args_is_help=True,
                add_completion=False,
            )
        self.apps[called].command(name or None)(aimed)
        if default:
            self.defaults[called] = name or get_command_name(aimed.__name__)

    def group(self, called: str) -> TyperGroup:
        """Return the commands of a group that there is."""
        made = typer.main.get_group(self.apps[called])
        if isinstance(made, GroupOfPlugin):
            made.default = self.defaults.get(called)
        return made

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Ask the running proxy for ``/plugins/<name><path>``; returns JSON or ends the command."""
        base = admin_url(self._admin, self._config)
        return ask_plugin(method, base, f"plugins/{self._plugin}{path}", body)

    def _aimed(self, function: Callable[..., None]) -> Callable[..., None]:
        """Return the function with the options that say which proxy is asked."""
        signature = inspect.signature(function, eval_str=True)
        own = list(signature.parameters.values())
        _check(function, own)
        options = [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind
            )
            for name, (kind, default) in _OWN.items()
        ]

        def run(**given: Any) -> None:
            self._config, self._admin = given.pop("config"), given.pop("admin")
            function(**given)

        run.__name__ = getattr(function, "__name__", "command")
        run.__doc__ = function.__doc__
        parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
        run.__signature__ = signature.replace(parameters=[*parameters, *options])  # type: ignore[attr-defined]
        run.__annotations__ = {one.name: one.annotation for one in (*own, *options)}
        return run


def plugin_groups(config: Config) -> Iterator[tuple[str, Any]]:
    """Yield the groups of commands that plugins have, by name. Raises ConfigError."""
    taken = set(COMMANDS)
    for one in unstarted(config).applications:
        provide = one.calls.get(_HOOK)
        if provide is None:
            continue
        called = one.application.commands or one.code.name
        commands = PluginCommands(one.code.name, called, _says(one))
        try:
            provide(commands)
            # What they are called by is taken, even where there are none.
            for name in {called: None} | dict.fromkeys(commands.apps):
                if name in taken:
                    raise ValueError(f"its commands are called {name}, as others are already")
                taken.add(name)
            groups = {name: commands.group(name) for name in commands.apps}
        except CATCHABLE as error:
            raise ConfigError([failure(one.code, error, _HOOK, one.settings)]) from None
        yield from groups.items()


def named_config(args: Sequence[str]) -> Path:
    """Return the configuration file that the arguments name, or the default one."""
    words = iter(args)
    for word in words:
        if word == "--":
            break
        if word in {"--config", "-c"}:
            return Path(next(words, str(CONFIG)))
        if word.startswith("--config="):
            return Path(word.partition("=")[2])
    return CONFIG


def _groups(path: Path) -> dict[str, Any]:
    if path == CONFIG and not path.exists():
        return {}
    return dict(plugin_groups(load(path, os.environ)))


def _says(one: ApplicationInstance) -> str:
    said = inspect.getdoc(type(one.application)) or ""
    return said.partition("\n")[0] or f"Commands of the plugin {one.code.name}."


def _check(function: Callable[..., None], parameters: list[inspect.Parameter]) -> None:
    name = getattr(function, "__name__", "the function")
    if inspect.iscoroutinefunction(function):
        raise ValueError(f"{name} is a coroutine function; a command is a plain one")
    for one in parameters:
        if one.name in _OWN:
            raise ValueError(f"{name} takes {one.name}, which is an option of every command")
        if one.kind in {one.VAR_POSITIONAL, one.VAR_KEYWORD, one.POSITIONAL_ONLY}:
            raise ValueError(f"{name} takes {one}, which can be no argument and no option")
