"""What a generation is made of: a configuration, and the code of the plugins that it names."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from proxy.config import Config, load
from proxy.controlplane.wanted import wanted
from proxy.pluginhost.sources import Catalogue, Source, discover
from proxy.pluginhost.wanted import Wanted

__all__ = ["Material", "material_of", "read"]


class Material(NamedTuple):
    """See the module. Two of the same `digest` make generations that behave the same."""

    config: Config
    catalogue: Catalogue
    """The plugins that were found, used or not: what else could have been meant."""
    digest: str
    """SHA-256 (hex) of the configuration and of the used plugins' code."""

    @property
    def wanted(self) -> Wanted:
        """What the plugin host is asked for: this code, and not what may have come since."""
        return wanted(self.config)._replace(found=self.catalogue)

    @property
    def sources(self) -> dict[str, Source]:
        """The code of the plugins that are used, by name; those not found are missing."""
        used = wanted(self.config).plugins
        return {name: one for name, one in self.catalogue.sources.items() if name in used}


def read(path: Path, env: Mapping[str, str]) -> Material:
    """Read a configuration file and find its plugins. Raises ConfigError."""
    return material_of(load(path, env))


def material_of(config: Config) -> Material:
    """Find the plugins of a configuration. Raises ConfigError."""
    found = Material(config, discover(config.plugins.path), config.digest)
    if not found.sources:
        return found
    digest = hashlib.sha256(config.digest.encode())
    for name, source in sorted(found.sources.items()):
        digest.update(f"\n{name} {source.digest}".encode())
    return found._replace(digest=digest.hexdigest())
