"""What every test may ask for."""

import os

import pytest
from hypothesis import HealthCheck, settings

pytest.register_assert_rewrite("tests.kit", "tests.conformance.judge")

# Many tests start processes of the proxy. Where this is set, each of them compiles all modules
# anew, which takes a fifth of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# Each run tries the same cases, and a slow machine is no fault: what fails here fails everywhere.
# To try others is for the long runs in scripts/soak.
settings.register_profile(
    "suite",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=(HealthCheck.too_slow,),
)
settings.load_profile("suite")

_LONG = ("tests/story/", "tests/contract/test_demo.py")


def pytest_configure(config: pytest.Config) -> None:
    """Have the processes of a parallel run take files in the order of `items`."""
    config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: one at the end would leave a processor idle."""
    items.sort(key=lambda item: not item.nodeid.startswith(_LONG))
