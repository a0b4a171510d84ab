"""The promise of a new plugin: nobody notices, nobody meets half of it, nothing piles up."""

from pathlib import Path

from scripts.soak.reload_code_under_load import wrong
from tests.story.code_reloading import CodeReloading

RELOADS = 20


async def test_a_plugin_is_replaced_under_load_and_each_answer_is_one_versions(
    tmp_path: Path,
) -> None:
    found = await CodeReloading(RELOADS, 500, tmp_path).run()

    assert wrong(found) == []
    assert found.reloads == RELOADS
    assert min(found.by_version.values()) > 100, found.by_version
    assert found.requests >= 400
