"""What the queues of each kind share is asserted in modules that are no tests themselves."""

import pytest

STORES = "tests.plugins.message_queue.stores"

pytest.register_assert_rewrite(
    f"{STORES}.behaviour", f"{STORES}.ordering", f"{STORES}.machine", f"{STORES}.operating"
)
