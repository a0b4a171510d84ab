"""What is cleared away after each test of a command: a real one ends with its process."""

from collections.abc import Iterator

import pytest

from proxy.pluginhost.importing import forget, loaded


@pytest.fixture(autouse=True)
def _plugins_forgotten() -> Iterator[None]:
    before = set(loaded())
    yield
    for name in set(loaded()) - before:
        forget(name)
