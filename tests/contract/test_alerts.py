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
        for call in ast.walk(file.tree()):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Alert":
                words = [ast.literal_eval(one) for one in (call.args[0], *call.args[3:4])]
                yield words[0], (*words, Alert._field_defaults["severity"])[1]


def test_each_alert_that_is_raised_is_on_the_page_and_no_other() -> None:
    assert len(set(raised())) > 8
    assert sorted(ROW.findall(PAGE)) == sorted(set(raised()))
