"""The loaded code of plugins, as long as anything needs it.

Code is known by the module's name and its content; what is there already is taken, so
that unchanged plugins keep their classes, and with them their instances, over a reload.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from proxy.pluginhost.importing import forget, load
from proxy.pluginhost.sources import Catalogue, Source, discover
from proxy.pluginhost.verify import PluginCode, inspect
from proxy.pluginhost.wanted import Wanted
from proxy.settings.problems import ConfigError, Problem, listed, nearest, shown

__all__ = ["Gathered", "Key", "LiveCodes", "gather"]

Key = tuple[str, str]
"""A module's name and the digest of its content."""


class Gathered(NamedTuple):
    """What discovery and loading came to."""

    catalogue: Catalogue
    codes: Mapping[str, PluginCode]
    """By the plugin's name; without those that have a problem."""
    fresh: tuple[PluginCode, ...]
    """Those of them that were loaded just now."""
    problems: tuple[Problem, ...]


class LiveCodes:
    """Code by its key, with the number of plugin sets that hold it."""

    def __init__(self) -> None:
        self._live: dict[Key, PluginCode] = {}
        self._holders: Counter[Key] = Counter()
        self._settling = 0

    def __len__(self) -> int:
        return len(self._live)

    def known(self) -> Mapping[Key, PluginCode]:
        """Return what is loaded, as a copy."""
        return dict(self._live)

    @contextmanager
    def settling(self) -> Iterator[None]:
        """Forget nothing until this is over, then whatever nobody holds."""
        self._settling += 1
        try:
            yield
        finally:
            self._settling -= 1
            self._sweep()

    def add(self, codes: Iterable[PluginCode]) -> None:
        """Take in what was loaded; hold it while `settling`, or it is forgotten again."""
        for code in codes:
            self._live.setdefault(key_of(code.source), code)

    def add_late(self, gathered: "Gathered") -> None:
        """Take in what nobody waits for any more, and forget it unless somebody holds it."""
        with self.settling():
            self.add(gathered.fresh)

    def hold(self, codes: Iterable[PluginCode]) -> None:
        """Note one more holder of each."""
        self._holders.update(key_of(code.source) for code in codes)

    def drop(self, codes: Iterable[PluginCode]) -> None:
        """Note one holder less of each."""
        self._holders.subtract(key_of(code.source) for code in codes)
        self._sweep()

    def _sweep(self) -> None:
        if self._settling:
            return
        for key in [key for key in self._live if self._holders[key] <= 0]:
            forget(self._live.pop(key).source)
            del self._holders[key]


def key_of(source: Source) -> Key:
    """Return what tells this code from any other."""
    return (source.module, source.digest)


def gather(wanted: Wanted, known: Mapping[Key, PluginCode]) -> Gathered:
    """Discover plugins, load and verify those that are wanted; `known` ones are there already.

    Raises ConfigError where discovery itself fails. May run in a thread.
    """
    catalogue = discover(wanted.paths) if wanted.found is None else wanted.found
    problems = list(_unknown(wanted, catalogue))
    codes: dict[str, PluginCode] = {}
    fresh: list[PluginCode] = []
    for name in sorted(wanted.plugins & catalogue.sources.keys()):
        source = catalogue.sources[name]
        code = known.get(key_of(source))
        if code is None:
            try:
                code = _loaded(source)
            except ConfigError as error:
                problems += error.problems
                continue
            fresh.append(code)
        codes[name] = code
    return Gathered(catalogue, codes, tuple(fresh), tuple(problems))


def _loaded(source: Source) -> PluginCode:
    module = load(source)
    try:
        return inspect(source, module)
    except BaseException:
        forget(source)
        raise


def _unknown(wanted: Wanted, catalogue: Catalogue) -> Iterator[Problem]:
    known = sorted(catalogue.sources)
    looked = _looked(wanted)
    for one in wanted.named:
        if one.plugin not in catalogue.sources:
            hint = "; ".join(filter(None, (nearest(one.plugin, known), looked)))
            there = f"the name of a plugin that is there ({listed(known) or 'none is'})"
            yield one.place.problem(shown(one.plugin), there, hint)


def _looked(wanted: Wanted) -> str:
    places = [*(shown(str(path)) for path in wanted.paths), "the installed packages"]
    return f"looked in {', '.join(places)}"
