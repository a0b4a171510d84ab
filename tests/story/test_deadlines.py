"""Whatever keeps a provider or the store, clients are told by their deadline."""

import pytest

from tests.kit.provider import hang_before_head
from tests.story.deadlines import waiting

SLACK = 1.0
"""Seconds by which a busy machine may be late; `scripts.soak.keep_deadline` measures."""


@pytest.mark.parametrize("locked", [False, True])
async def test_who_is_kept_waiting_is_told_by_the_deadline(locked: bool) -> None:
    seen = await waiting((hang_before_head(),), {}, count=8, at_once=8, locked=locked)
    assert seen.statuses == {503: 8}
    assert max(seen.late) < SLACK
