"""A copy on the disk is enough to start with while Redis cannot be reached."""

import io
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.controlplane.rollouts.last_known import LastKnown
from proxy.core import commands as ask
from proxy.core.rollout_state import RolloutState
from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import StoreLostError
from tests.controlplane.log_lines import logging_into
from tests.controlplane.rollouts.replica import NAME, NOW, Replica, declared

STATES = {"fade": RolloutState("fade", 3, 40.0, whitelist=frozenset(["alice"]))}


@pytest.fixture(autouse=True)
def log() -> Iterator[io.StringIO]:
    with logging_into(io.StringIO()) as out:
        yield out


def test_a_copy_is_kept_where_the_url_asks_for_it() -> None:
    assert LastKnown.of("redis://h:1/0?prefix=x&copy=/var/c.json").path == Path("/var/c.json")
    assert LastKnown.of("redis://h:1/0").path is None
    assert LastKnown.of("memory://").read() == {}


def test_what_was_written_is_read_and_is_for_its_owner_alone(tmp_path: Path) -> None:
    copy = LastKnown(tmp_path / "copy.json")
    assert copy.read() == {}
    copy.write(STATES)
    assert copy.read() == STATES
    assert stat.S_IMODE((tmp_path / "copy.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["copy.json"]


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '[{"name": "x", "versoin": 1}]', "[[]]"])
def test_a_damaged_copy_is_told_and_not_used(tmp_path: Path, text: str, log: io.StringIO) -> None:
    path = tmp_path / "copy.json"
    path.write_text(text)
    assert LastKnown(path).read() == {}
    assert "state_copy_unreadable" in log.getvalue()


def test_a_disk_that_refuses_is_told_once(tmp_path: Path, log: io.StringIO) -> None:
    copy = LastKnown(tmp_path / "none" / "copy.json")
    copy.write(STATES)
    copy.write(STATES)
    assert log.getvalue().count("state_copy_not_written") == 1


async def test_a_start_without_the_store_goes_by_the_copy(tmp_path: Path) -> None:
    config = declared(state=f"redis://127.0.0.1:1/0?copy={tmp_path}/copy.json")
    store = MemoryStore(lambda: NOW)
    one = await Replica(store).open(config)
    await one.ask(ask.SetPercentage(30))
    await one.rollouts.refresh()
    await one.ask(ask.SetPercentage(31))
    await one.rollouts.close()
    late = Replica(store.another())
    late.store.lost = "no way there"  # type: ignore[attr-defined]
    await late.open(config)
    assert (late.state.percentage, late.serves) == (31, 31)
    assert late.rollouts.degraded == "no way there"
    with pytest.raises(StoreLostError):
        await late.ask(ask.SetPercentage(32))
    await late.ask(ask.SetPercentage(20))
    late.store.lost = ""  # type: ignore[attr-defined]
    await late.rollouts.refresh()
    assert (await store.load())[NAME].percentage == 20
