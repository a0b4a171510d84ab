"""The last ten generations can be brought back, with the code of their plugins."""

from pathlib import Path

from proxy.controlplane.history import KEPT, Generations, HistoryEntry
from proxy.controlplane.material import Material, material_of
from tests.config.writing import MINIMAL, load_text

USES = MINIMAL + "plugins: {path: plugins, hello: {}}\n"


def entry(number: int) -> HistoryEntry:
    return HistoryEntry(number, "ab" * 32, 1_700_000_000.0 + number, "Crossfade started")


def made(folder: Path, hello: str) -> Material:
    """What a configuration with a plugin is made of; another plugin lies beside it."""
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "hello.py").write_text(hello)
    (folder / "plugins" / "other.py").write_text("")
    return material_of(load_text(folder, USES))


def test_only_the_last_ten_are_remembered(tmp_path: Path) -> None:
    generations, material = Generations(), made(tmp_path, "")
    for number in range(1, KEPT + 4):
        generations.keep(entry(number), material)
    assert [one.number for one in generations.entries()] == list(range(4, KEPT + 4))
    assert generations.get(3) is None
    kept = generations.get(4)
    assert kept is not None
    assert kept.entry == entry(4)


def test_the_code_is_remembered_as_it_was(tmp_path: Path) -> None:
    generations = Generations()
    generations.keep(entry(1), made(tmp_path, "old = 1"))
    generations.keep(entry(2), made(tmp_path, "new = 1"))
    texts = []
    for number in (1, 2):
        kept = generations.get(number)
        assert kept is not None
        texts.append(kept.material.sources["hello"].files["hello.py"])
    assert texts == [b"old = 1", b"new = 1"]


def test_of_the_plugins_only_those_in_use_are_remembered_and_unchanged_ones_once(
    tmp_path: Path,
) -> None:
    generations = Generations()
    for number in (1, 2):
        generations.keep(entry(number), made(tmp_path, "same = 1"))
    first, second = generations.get(1), generations.get(2)
    assert first is not None
    assert second is not None
    assert list(second.material.catalogue.sources) == ["hello"]
    assert first.material.sources["hello"] is second.material.sources["hello"]
