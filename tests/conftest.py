"""What every test may ask for."""

import os

import pytest

pytest.register_assert_rewrite("tests.kit", "tests.conformance.judge")

# Many tests start processes of the proxy. Where this is set, each of them compiles all modules
# anew, which takes a fifth of its start.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
