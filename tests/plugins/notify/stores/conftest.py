"""What the stores of each kind share is asserted in modules that are no tests themselves."""

import pytest

STORES = "tests.plugins.notify.stores"

pytest.register_assert_rewrite(f"{STORES}.behaviour", f"{STORES}.machine")
