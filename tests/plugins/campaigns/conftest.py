"""What the tests of the plugin share."""

from collections.abc import Iterator

import pytest

from tests.plugins.campaigns.served import Served, served_campaigns


@pytest.fixture(scope="package")
def served() -> Iterator[Served]:
    """A real proxy with the plugin."""
    with served_campaigns() as running:
        yield running
