"""What every test of the plugin host may ask for, and what is done after each."""

import sys
from collections.abc import Iterator

import pytest

from proxy.pluginhost.importing import loaded


@pytest.fixture(autouse=True)
def _nothing_stays_imported() -> Iterator[None]:
    """Forget plugins of hosts that were not closed: others count what is imported."""
    before = set(loaded())
    yield
    for name in set(loaded()) - before:
        del sys.modules[name]
