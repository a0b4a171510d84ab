"""Code is found, loaded once, and forgotten when nobody holds it."""

from pathlib import Path

import pytest

from proxy.pluginhost.codes import Gathered, LiveCodes, gather
from proxy.pluginhost.wanted import Wanted
from proxy.settings.problems import ConfigError
from tests.pluginhost.hosting import GREETER, WATCHER, Hosting, application, use


@pytest.fixture
def hosting(tmp_path: Path) -> Hosting:
    hosting = Hosting(tmp_path)
    hosting.write("hello", GREETER)
    hosting.write("watch", WATCHER)
    return hosting


def gathered(hosting: Hosting, codes: LiveCodes, *names: str) -> Gathered:
    found = gather(hosting.wanted(*(use(name) for name in names)), codes.known())
    codes.add(found.fresh)
    return found


def test_only_what_is_wanted_is_loaded(hosting: Hosting) -> None:
    codes = LiveCodes()
    with codes.settling():
        found = gathered(hosting, codes, "hello")
        assert list(found.codes) == ["hello"]
        assert {"hello", "watch"} <= found.catalogue.sources.keys()
        assert (hosting.modules(), len(codes)) == (1, 1)
    assert (hosting.modules(), len(codes)) == (0, 0)


def test_what_was_found_before_is_not_looked_for_again(hosting: Hosting) -> None:
    wanted = hosting.wanted(use("hello"))
    wanted = wanted._replace(found=gather(wanted._replace(uses=()), {}).catalogue)
    hosting.write("hello", "def nothing(:\n")
    codes = LiveCodes()
    with codes.settling():
        found = gather(wanted, codes.known())
        codes.add(found.fresh)
        assert (list(found.codes), found.problems) == (["hello"], ())
    assert hosting.modules() == 0


def test_the_same_content_is_the_same_code(hosting: Hosting) -> None:
    codes = LiveCodes()
    with codes.settling():
        first = gathered(hosting, codes, "hello").codes["hello"]
        again = gathered(hosting, codes, "hello")
        assert (again.codes["hello"], again.fresh) == (first, ())
        hosting.write("hello", GREETER, "# a comment")
        changed = gathered(hosting, codes, "hello").codes["hello"]
        assert changed.use is not first.use
        assert hosting.modules() == 2


def test_code_is_kept_as_long_as_anybody_holds_it(hosting: Hosting) -> None:
    codes = LiveCodes()
    with codes.settling():
        code = gathered(hosting, codes, "hello").codes["hello"]
        codes.hold([code])
    codes.hold([code])
    codes.drop([code])
    assert hosting.modules() == 1
    codes.drop([code])
    assert hosting.modules() == 0


def test_what_is_dropped_meanwhile_is_kept_until_it_is_settled(hosting: Hosting) -> None:
    codes = LiveCodes()
    with codes.settling():
        code = gathered(hosting, codes, "hello").codes["hello"]
        codes.hold([code])
    with codes.settling():
        codes.drop([code])
        codes.hold([gathered(hosting, codes, "hello").codes["hello"]])
    assert hosting.modules() == 1
    codes.drop([code])
    assert hosting.modules() == 0


def test_what_comes_too_late_is_forgotten_unless_it_is_held(hosting: Hosting) -> None:
    codes = LiveCodes()
    late = gather(hosting.wanted(use("hello"), use("watch")), codes.known())
    codes.hold([late.codes["hello"]])
    codes.add_late(late)
    assert (hosting.modules(), len(codes)) == (1, 1)
    codes.drop([late.codes["hello"]])
    assert hosting.modules() == 0


def test_an_unknown_plugin_is_told_with_the_nearest_name_and_where_was_looked(
    hosting: Hosting,
) -> None:
    found = gather(hosting.wanted(use("helo"), application("watsh")), {})
    said = [(one.where, one.said, one.hint) for one in found.problems]
    looked = f"looked in {hosting.folder}"[:66]
    assert [one[:2] for one in said] == [
        ("plugins.watsh", "watsh"),
        ("routes.campaigns", "helo"),
    ]
    assert said[0][2].startswith("did you mean watch?; looked in ")
    assert said[1][2].startswith(f"did you mean hello?; {looked}")
    assert all(one.hint.endswith("the installed packages") for one in found.problems)
    assert "hello" in found.problems[0].wanted


def test_every_broken_plugin_is_told_and_leaves_nothing(hosting: Hosting) -> None:
    hosting.write("broken", "def nothing(:\n")
    hosting.write("empty", "x = 1\n")
    codes = LiveCodes()
    with codes.settling():
        found = gathered(hosting, codes, "broken", "empty", "hello")
        assert list(found.codes) == ["hello"]
        files = [Path(one.file).name for one in found.problems]
        assert files == ["broken.py", "empty.py"]
        assert hosting.modules() == 1


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="missing"):
        gather(Wanted((tmp_path / "missing",)), {})
