"""The reference page of the admin listener."""

from pathlib import Path

import pytest

from proxy.controlplane.admin.page import admin_page
from proxy.controlplane.admin.server import ROUTES

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "admin.md"


def test_the_documentation_lists_the_answers_as_they_are() -> None:
    again = "python -m proxy.controlplane.admin.page > docs/reference/admin.md"
    assert PAGE.read_text() == admin_page(), again


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.answer)
def test_each_answer_is_on_the_page_with_the_role_it_needs(route: object) -> None:
    method, path, needs, says = route[:4]  # type: ignore[index]
    role = "none" if needs is None else needs.name.lower()
    assert f"| `{method} {path}` | {role} | {says} |" in admin_page()
