"""Does the code of the plugins fit what the configuration wants? And its settings, read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pydantic import ValidationError

from proxy.api.hookspecs import HOOKS
from proxy.api.settings import Settings
from proxy.pluginhost.failures import failure
from proxy.pluginhost.guard import CATCHABLE
from proxy.pluginhost.verify import PluginCode
from proxy.pluginhost.wanted import ApplicationWanted, JudgeWanted, Place, UseWanted, Wanted
from proxy.settings.problems import ConfigError, Problem

__all__ = ["ON_ERROR_HOOKS", "Fitting", "ReadApplication", "ReadUse", "UseKey", "fit"]

ON_ERROR_HOOKS = frozenset(
    ("admit", "edit_request", "rewrite_request", "rewrite_response", "edit_response")
)
"""The hooks for which a use may say by `on_error` what a fault means."""


class UseKey(NamedTuple):
    """What makes a use the same one before and after a reload."""

    plugin: str
    route: str
    arm: str
    destination: bool
    ordinal: int
    """How many uses of the plugin stand there before it."""


class ReadApplication(NamedTuple):
    """An application that is to be, with its settings read."""

    code: PluginCode
    settings: Settings
    wanted: ApplicationWanted | UseWanted | JudgeWanted
    """Where it is asked for: under `plugins:`, or by the first use of its plugin, or by a
    rollout."""


class ReadUse(NamedTuple):
    """A use that is to be, with its settings read."""

    code: PluginCode
    settings: Settings
    wanted: UseWanted
    key: UseKey


class Fitting(NamedTuple):
    """What is to be constructed; complete only without `problems`."""

    applications: tuple[ReadApplication, ...]
    uses: tuple[ReadUse, ...]
    problems: tuple[Problem, ...]


def fit(wanted: Wanted, codes: Mapping[str, PluginCode]) -> Fitting:
    """Read all settings and find all that does not fit; plugins without code are passed over."""
    problems: list[Problem] = []
    applications = tuple(_applications(wanted, codes, problems))
    problems += _no_judges(wanted, codes)
    uses: list[ReadUse] = []
    for use, key in _keyed(wanted.uses):
        code = codes.get(use.plugin)
        if code is None:
            continue
        wrong = list(_unfit(use, code))
        problems += wrong
        if code.use is None or wrong:
            continue
        settings = _read(use.place, code, code.settings_model(code.use), problems)
        if settings is not None:
            uses.append(ReadUse(code, settings, use, key))
    return Fitting(applications, tuple(uses), tuple(problems))


def _keyed(uses: tuple[UseWanted, ...]) -> Iterator[tuple[UseWanted, UseKey]]:
    seen: Counter[UseKey] = Counter()
    for use in uses:
        first = UseKey(use.plugin, use.route, use.arm, use.destination, 0)
        yield use, first._replace(ordinal=seen[first])
        seen[first] += 1


def _applications(
    wanted: Wanted, codes: Mapping[str, PluginCode], problems: list[Problem]
) -> Iterator[ReadApplication]:
    asked: dict[str, ApplicationWanted | UseWanted | JudgeWanted] = {}
    for one in wanted.named:
        asked.setdefault(one.plugin, one)
    for name, one in asked.items():
        code = codes.get(name)
        if code is None:
            continue
        if code.application is None:
            if isinstance(one, ApplicationWanted):
                problems.append(_no_application(one))
            continue
        model = code.settings_model(code.application)
        if isinstance(one, ApplicationWanted):
            settings = _read(one.place, code, model, problems)
        else:
            settings = _default(one, code, model, problems)
        if settings is not None:
            yield ReadApplication(code, settings, one)


def _read(
    place: Place, code: PluginCode, model: type[Settings], problems: list[Problem]
) -> Settings | None:
    try:
        return place.read(model)
    except ConfigError as error:
        problems += error.problems
    except CATCHABLE as error:  # out of a validator of the plugin's own
        problems.append(failure(code, error, "reading the settings"))
    return None


def _default(
    asked: UseWanted | JudgeWanted,
    code: PluginCode,
    model: type[Settings],
    problems: list[Problem],
) -> Settings | None:
    """The settings of an application that nobody wrote settings for."""
    try:
        return model.model_validate({})
    except ValidationError as error:
        missing = ", ".join(str(one["loc"][0]) for one in error.errors() if one["loc"])
        problems.append(
            asked.place.problem(
                f"{asked.plugin}, with no settings under plugins.{asked.plugin}",
                f"the settings that it needs there: {missing or 'those of its Application'}",
                f"write them under plugins.{asked.plugin}",
            )
        )
    except CATCHABLE as error:
        problems.append(failure(code, error, "reading the settings"))
    return None


def _no_application(wanted: ApplicationWanted) -> Problem:
    return wanted.place.problem(
        f"settings for plugin {wanted.plugin} as a whole",
        "a plugin that has some: this one has no Application class",
        "write them where the plugin is used on a route",
    )


def _no_judges(wanted: Wanted, codes: Mapping[str, PluginCode]) -> Iterator[Problem]:
    """A plugin that cannot judge would never roll back."""
    for one in wanted.judges:
        code = codes.get(one.plugin)
        if code and "judge" not in {method.name for method in code.application_hooks}:
            yield one.place.problem(
                f"{one.plugin} as the judge of a rollout",
                "a plugin with an Application class that has the hook judge",
                "auto_rollback is one",
            )


def _unfit(use: UseWanted, code: PluginCode) -> Iterator[Problem]:
    hooks = {method.name for method in code.use_hooks}
    if code.use is None:
        yield use.place.problem(
            f"{use.plugin} on a route",
            "a plugin for routes: this one has no Use class",
            f"name it under plugins: only, as plugins.{use.plugin}",
        )
    elif use.destination and "dispatch" not in hooks:
        yield use.place.problem(
            f"{use.plugin} as the destination",
            "a plugin with the hook dispatch",
            "name an upstream here, and the plugin in the route's plugins",
        )
    elif not use.destination and "dispatch" in hooks:
        yield use.place.problem(
            f"{use.plugin} among the route's plugins, where its hook dispatch is never called",
            "its name as the destination",
            f"write plugin: {use.plugin} on the route or on an arm; its other hooks run there too",
        )
    elif use.on_error and not hooks & _governed(use.on_error):
        yield use.place.problem(
            f"on_error: {use.on_error} for {use.plugin}",
            f"it for a plugin with one of the hooks {', '.join(sorted(ON_ERROR_HOOKS))}",
            "leave it out: what a fault of this plugin's hooks means is fixed",
        )


def _governed(on_error: str) -> frozenset[str]:
    """The hooks whose faults may mean, or always mean, what `on_error` says."""
    return ON_ERROR_HOOKS | {name for name, one in HOOKS.items() if one.on_fault == on_error}
