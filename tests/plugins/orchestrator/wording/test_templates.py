"""Templates are good as a whole or not at all, and errors in them name file and line."""

import os
from pathlib import Path

import pytest

from plugins.orchestrator.wording.templates import (
    LARGEST,
    MOST_FILES,
    OWN,
    TemplateFaultError,
    Templates,
    TemplatesOnDisk,
)

NAME = "content_planning/user.md"


def anything_goes(templates: Templates) -> None:
    """A trial that every set passes."""


def rendered(templates: Templates) -> None:
    """A trial that renders one template."""
    templates.render(NAME, {"data": "{}"})


def write(folder: Path, text: str, name: str = NAME) -> Path:
    """Write a template, as an editor does: a new file in place of the old one."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path


def text_of(found: TemplatesOnDisk) -> str:
    return found.current().render(NAME, {"data": "{}"})


def test_a_template_of_the_folder_goes_before_that_of_the_plugin(tmp_path: Path) -> None:
    write(tmp_path, "mine: {{ data }}")
    found = TemplatesOnDisk(tmp_path, rendered)
    assert text_of(found) == "mine: {}"
    assert "limits" in found.current().render(
        "shared/limits.md", {"limits": [("limits", "1")], "strict": False}
    )


def test_a_change_on_the_disk_is_used_at_the_next_look(tmp_path: Path) -> None:
    write(tmp_path, "one")
    found = TemplatesOnDisk(tmp_path, rendered)
    first = found.current()
    assert found.current() is first
    write(tmp_path, "two")
    assert text_of(found) == "two"
    (tmp_path / NAME).unlink()
    assert text_of(found) == TemplatesOnDisk(None, rendered).current().render(NAME, {"data": "{}"})


def test_a_change_that_keeps_size_and_time_is_seen_where_the_file_is_another(
    tmp_path: Path,
) -> None:
    path = write(tmp_path, "one")
    found = TemplatesOnDisk(tmp_path, rendered)
    told = path.stat()
    write(tmp_path, "two")
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert text_of(found) == "two"


def test_a_broken_template_leaves_the_last_good_ones_and_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "good")
    found = TemplatesOnDisk(tmp_path, rendered)
    write(tmp_path, "fine\n{% if %}")
    assert text_of(found) == "good"
    assert found.problem == (
        f"{path}:2: Expected an expression, got 'end of statement block'; "
        "the templates of before are used"
    )
    write(tmp_path, "better")
    assert (text_of(found), found.problem) == ("better", "")


def test_a_folder_that_goes_away_leaves_the_last_good_ones(tmp_path: Path) -> None:
    folder = tmp_path / "prompts"
    folder.mkdir()
    write(folder, "good")
    found = TemplatesOnDisk(folder, rendered)
    folder.rename(tmp_path / "elsewhere")
    assert text_of(found) == "good"
    assert "this is no folder" in found.problem
    (tmp_path / "elsewhere").rename(folder)
    assert (text_of(found), found.problem) == ("good", "")


FAULTS = {
    "syntax": ("a\n{{ data", ":2: unexpected end of template, expected 'end of print statement'."),
    "an unknown name": ("a\n\n{{ user_name }}", ":3: 'user_name' is undefined"),
    "an unknown include": ('{% include "shared/x.md" %}', ":1: there is no template 'shared/x.md'"),
    "an unknown filter": ("{{ data|shout }}", ":1: No filter named 'shout'."),
    "what the sandbox forbids": (
        "{{ data.__class__.__mro__ }}",
        ":1: access to attribute '__class__' of 'str' object is unsafe.",
    ),
    "an error of Python": ("a\n{{ 1 // 0 }}", ":2: ZeroDivisionError"),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_wrong_with_a_template_is_told_with_its_line(what: str, tmp_path: Path) -> None:
    text, says = FAULTS[what]
    path = write(tmp_path, text)
    with pytest.raises(TemplateFaultError) as caught:
        TemplatesOnDisk(tmp_path, rendered)
    assert str(caught.value) == f"{path}{says}"


def test_a_fault_within_an_included_template_is_told_there(tmp_path: Path) -> None:
    write(tmp_path, '{% include "shared/brand.md" %}')
    path = write(tmp_path, "\n{{ nothing }}", "shared/brand.md")
    with pytest.raises(TemplateFaultError, match=f"{path}:2: 'nothing' is undefined"):
        TemplatesOnDisk(tmp_path, rendered)


def test_a_template_that_replaces_none_is_told(tmp_path: Path) -> None:
    write(tmp_path, "x", "content_planing/user.md")
    with pytest.raises(TemplateFaultError, match=r"did you mean content_planning/user\.md"):
        TemplatesOnDisk(tmp_path, anything_goes)


def test_hidden_folders_are_none_of_ours(tmp_path: Path) -> None:
    write(tmp_path, "x", "..2026_11_23/user.md")
    assert text_of(TemplatesOnDisk(tmp_path, rendered)).startswith("Write the post")


def test_templates_are_found_behind_symbolic_links(tmp_path: Path) -> None:
    (tmp_path / "..data").mkdir()
    write(tmp_path, "linked", "..data/user.md")
    (tmp_path / "content_planning").symlink_to("..data")
    assert text_of(TemplatesOnDisk(tmp_path, rendered)) == "linked"


def test_what_is_read_is_bounded(tmp_path: Path) -> None:
    path = write(tmp_path, "x" * (LARGEST + 1))
    with pytest.raises(TemplateFaultError, match=f"more than {LARGEST} bytes"):
        TemplatesOnDisk(tmp_path, anything_goes)
    path.unlink()
    for number in range(MOST_FILES + 1):
        write(tmp_path, "x", f"shared/{number}.md")
    with pytest.raises(TemplateFaultError, match=f"at most {MOST_FILES}"):
        TemplatesOnDisk(tmp_path, anything_goes)


def test_what_is_no_text_is_told(tmp_path: Path) -> None:
    path = write(tmp_path, "")
    path.write_bytes(b"\xff")
    with pytest.raises(TemplateFaultError, match=":1: it is not written in UTF-8"):
        TemplatesOnDisk(tmp_path, anything_goes)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(TemplateFaultError, match="nowhere:1: this is no folder"):
        TemplatesOnDisk(tmp_path / "nowhere", anything_goes)


def test_the_plugin_has_two_templates_for_each_type_and_some_that_are_shared() -> None:
    names = {f"{path.parent.name}/{path.name}" for path in OWN.glob("*/*")}
    types = ("campaign_execution", "content_planning", "content_validation", "message_generation")
    wanted = {f"{one}/{role}.md" for one in types for role in ("system", "user")}
    assert names == wanted | {"shared/answer.md", "shared/data.md", "shared/limits.md"}
