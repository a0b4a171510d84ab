"""The page about alerts lists what is raised, as grave as it is raised."""

import ast
import re
from collections.abc import Iterator

from proxy.api import Alert
from scripts.house_rules import ROOT, source_files

PAGE = (ROOT / "docs" / "reference" / "alerts.md").read_text("utf-8")
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|", re.MULTILINE)


def raised() -> Iterator[tuple[str, str]]:
    """Name and severity of each alert that the proxy and the shipped plugins make."""
    for file in source_files():
        if not file.is_python or not file.path.startswith(("proxy/", "plugins/")):
            continue
        if "Alert(" not in file.text:
            continue
        for call in ast.walk(file.tree()):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Alert":
                yield ast.literal_eval(call.args[0]), severity_of(call)


def severity_of(call: ast.Call) -> str:
    """How grave the alert is; ``varies`` where that is decided when it is raised."""
    said = [*call.args[3:4], *(one.value for one in call.keywords if one.arg == "severity")]
    if not said:
        return str(Alert._field_defaults["severity"])
    return str(said[0].value) if isinstance(said[0], ast.Constant) else "varies"


def test_each_alert_that_is_raised_is_on_the_page_and_no_other() -> None:
    assert len(set(raised())) > 8
    assert sorted(ROW.findall(PAGE)) == sorted(set(raised()))
