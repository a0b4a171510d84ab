"""What every test may ask for."""

import pytest

pytest.register_assert_rewrite("tests.kit", "tests.conformance.judge")
