"""Each file of `golden/` that is wrong, and beside it what is said about it."""

from pathlib import Path

import pytest

from proxy.config import ConfigError, load

GOLDEN = Path(__file__).parent / "golden"
ENV = {"EMPTY": "", "WORD": "hunter2"}
FILES = sorted(path.name for path in GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("name", FILES)
def test_a_wrong_file_is_told_all_its_problems_in_the_words_of_the_golden_text(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(GOLDEN)

    with pytest.raises(ConfigError) as caught:
        load(Path(name), ENV)

    expected = Path(name).with_suffix(".txt").read_text(encoding="utf-8")
    assert f"{caught.value}\n" == expected


def test_no_golden_text_shows_a_secret_of_its_file() -> None:
    texts = [path.read_text(encoding="utf-8") for path in GOLDEN.glob("*.txt")]

    assert len(texts) == len(FILES)
    assert not any("hunter2" in text for text in texts)
