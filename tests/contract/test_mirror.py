"""Each file of the product has a test file of its own, in the same place below tests/."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_SECTION = "a section's model: tests/config/test_models.py, tests/config/test_golden.py"
_RULES = "what a file may not say: tests/config/test_golden.py, one case for each problem"
_AUTHORITY = (
    "parts of the authority: tests/controlplane/rollouts/test_authority.py, "
    "tests/controlplane/rollouts/test_outages.py, tests/controlplane/rollouts/test_agreeing.py"
)

# Tested through others; each with where.
ELSEWHERE = {
    "proxy/__main__.py": "one line; tests/contract/test_demo.py starts it",
    "proxy/api/alerts.py": "a protocol: tests/plugins/notify/serving/test_endpoints.py keeps it",
    "proxy/cli/admin_client.py": "tests/cli/test_status.py, tests/cli/test_reload.py ask with it",
    "proxy/cli/main.py": "a list of commands; tests/cli/test_version.py walks it",
    "proxy/cli/options.py": "options that commands share: tests/cli/test_plugins.py",
    "proxy/cli/serve.py": "a process: tests/conformance/test_life.py, tests/story/test_drain.py",
    "proxy/config/examples.py": "one text; tests/config/test_reference.py loads it",
    "proxy/config/exposure.py": _RULES,
    "proxy/settings/fields.py": "how values are written: tests/settings/test_values.py",
    "proxy/config/identity.py": _SECTION,
    "proxy/config/limits.py": _SECTION,
    "proxy/config/listen.py": _SECTION,
    "proxy/settings/problems.py": "how problems are told: tests/config/test_golden.py",
    "proxy/config/ramping.py": _RULES,
    "proxy/config/rollout.py": _SECTION,
    "proxy/config/route.py": _SECTION,
    "proxy/config/schema.py": "what a schema says: tests/config/test_reference.py",
    "proxy/settings/section.py": "three lines under every section: tests/config/test_models.py",
    "proxy/config/semantics.py": "a list of rules: tests/config/test_golden.py",
    "proxy/settings/shape.py": "names and kinds: tests/config/test_golden.py",
    "proxy/config/source.py": "files, lines, columns: tests/config/test_golden.py",
    "proxy/config/splitting.py": _RULES,
    "proxy/config/tree.py": "YAML with places: tests/config/test_bounds.py",
    "proxy/config/trust.py": _RULES,
    "proxy/config/upstream.py": _SECTION,
    "proxy/config/wiring.py": _RULES,
    "proxy/controlplane/admin/serving.py": "tests/controlplane/admin/test_server.py, "
    "tests/controlplane/admin/test_changes.py",
    "proxy/controlplane/rollouts/course.py": "tests/controlplane/rollouts/test_braking.py walks it",
    "proxy/controlplane/rollouts/surroundings.py": "names: "
    "tests/controlplane/rollouts/looped.py fills it",
    "proxy/controlplane/admin/feature_flag_routes.py": "what is asked for, and refused: "
    "tests/controlplane/admin/test_feature_flags.py",
    "proxy/controlplane/status.py": "what tests/controlplane/admin/test_server.py is shown",
    "proxy/controlplane/rollouts/report.py": "values: tests/controlplane/rollouts/test_loop.py",
    "proxy/controlplane/metric_specs.py": "a list: tests/controlplane/test_metrics.py",
    "proxy/controlplane/rollouts/states.py": _AUTHORITY,
    "proxy/controlplane/rollouts/declarations.py": _AUTHORITY,
    "proxy/controlplane/rollouts/declaring.py": _AUTHORITY,
    "proxy/controlplane/rollouts/effects.py": _AUTHORITY,
    "proxy/controlplane/rollouts/entries.py": _AUTHORITY,
    "proxy/controlplane/rollouts/force.py": _AUTHORITY,
    "proxy/controlplane/rollouts/change_request.py": _AUTHORITY,
    "proxy/controlplane/rollouts/rollouts_of_process.py": "parts: "
    "tests/controlplane/test_process.py",
    "proxy/controlplane/rollouts/saving.py": _AUTHORITY,
    "proxy/core/decision.py": "values: tests/core/test_decide.py makes them",
    "proxy/dataplane/endpoint_snapshot.py": "a value: tests/dataplane/test_upstream.py",
    "proxy/dataplane/decided.py": "a value: tests/dataplane/test_split_exchange.py has them made",
    "proxy/api/stores.py": "protocols: tests/stores/test_for_plugins.py has what keeps them",
    "proxy/api/messages.py": "a protocol: tests/plugins/message_queue/test_assembly.py keeps it",
    "proxy/api/workflows.py": "values: tests/plugins/campaigns shows them, "
    "tests/plugins/orchestrator/serving/test_intake.py reads them",
    "proxy/api/judging.py": "values: tests/controlplane/rollouts/test_observing.py makes them",
    "proxy/core/identity.py": "values: tests/core/test_decide.py, tests/dataplane/test_identify.py",
}


def mirrored(name: str) -> Path:
    path = Path(name)
    return ROOT / "tests" / path.relative_to("proxy").parent / f"test_{path.name}"


def test_each_file_of_the_product_has_its_test_file() -> None:
    missing = []
    for path in sorted((ROOT / "proxy").rglob("*.py")):
        relative = str(path.relative_to(ROOT))
        named = relative in ELSEWHERE or path.name == "__init__.py"
        if not named and not mirrored(relative).exists():
            missing.append(relative)
    assert missing == []


@pytest.mark.parametrize("name", ELSEWHERE)
def test_each_exception_is_still_one_and_is_tested_where_it_says(name: str) -> None:
    assert (ROOT / name).exists()
    assert not mirrored(name).exists()
    places = re.findall(r"tests/[\w/.]*\w", ELSEWHERE[name])
    assert places
    for place in places:
        assert (ROOT / place).exists(), place
