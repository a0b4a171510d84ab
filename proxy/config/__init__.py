"""Floor 2: YAML becomes declared values; every problem at once, each with file:line:column."""

from proxy.config.loading import load, load_admin
from proxy.config.models import Config
from proxy.settings.problems import ConfigError, Problem

__all__ = ["Config", "ConfigError", "Problem", "load", "load_admin"]
