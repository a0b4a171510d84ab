"""What the state machine asserts is told like what tests assert."""

import pytest

pytest.register_assert_rewrite("tests.plugins.cost_meter.ledger.machine")
