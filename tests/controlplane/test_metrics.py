"""What Prometheus reads is what was counted, and every metric is in the documentation."""

from pathlib import Path

from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from proxy.controlplane.metrics import METRICS, metrics_page
from tests.controlplane.admin_view import View, serve_some

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
ORDER = [*dict.fromkeys(label for spec in METRICS for label in spec.labels), "le"]


def scraped(view: View) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(generate_latest(view.registry).decode()):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in ORDER if name in sample.labels)
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_every_declared_metric_is_exposed_with_its_labels_and_type() -> None:
    view = View()
    serve_some(view.accounting)
    families = {
        family.name: family
        for family in text_string_to_metric_families(generate_latest(view.registry).decode())
        if family.name.startswith("crossfade_")
    }
    assert set(families) == {spec.name.removesuffix("_total") for spec in METRICS}
    for spec in METRICS:
        family = families[spec.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (spec.type, spec.help)
        assert family.samples
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(spec.labels)


def test_the_counts_are_those_of_the_accounting() -> None:
    view = View()
    serve_some(view.accounting)
    found = scraped(view)
    assert found["crossfade_requests_total"] == {
        ("campaigns", "new", "2xx", "percentage"): 1,
        ("campaigns", "new", "5xx", "percentage"): 1,
        ("campaigns", "legacy", "5xx", "upstream_refused"): 1,
        ("campaigns", "legacy", "none", "client_left"): 1,
        ("", "none", "4xx", "bad_request"): 1,
    }
    assert found["crossfade_faults_total"] == {
        ("upstream_refused", "upstream"): 1,
        ("client_left", "client"): 1,
        ("bad_request", "client"): 1,
    }
    assert found["crossfade_rollout_rescues_total"] == {("campaigns",): 1}
    assert found["crossfade_bytes_total"] == {("in",): 40, ("out",): 400}
    assert found["crossfade_request_seconds_count"][("campaigns", "new")] == 2
    assert found["crossfade_request_seconds_bucket"][("campaigns", "new", "0.01")] == 0
    assert found["crossfade_request_seconds_bucket"][("campaigns", "new", "0.025")] == 2


def test_an_endpoint_is_in_exactly_one_state() -> None:
    states = scraped(View())["crossfade_upstream_endpoint_state"]
    assert states[("new", "http://127.0.0.1:4000", "ejected")] == 1
    assert sum(states.values()) == 2


def test_a_rollout_that_is_not_enabled_gives_0_percent() -> None:
    assert scraped(View())["crossfade_rollout_percentage"] == {("hybrid",): 12.5, ("sleeping",): 0}


def test_a_refused_configuration_shows_as_stale() -> None:
    view = View()
    assert scraped(view)["crossfade_config_stale"] == {(): 0}
    view.problems = ("config.yaml:3:1 listen: wrong",)
    assert scraped(view)["crossfade_config_stale"] == {(): 1}


def test_what_plugins_did_is_counted_by_plugin_route_and_hook() -> None:
    found = scraped(View())
    assert found["crossfade_plugin_faults_total"] == {("campaigns", "headers", "edit_request"): 4}
    assert found["crossfade_plugin_slow_total"] == {("campaigns", "edit_request"): 2}
    assert found["crossfade_plugin_modules"] == {(): 7}
    assert found["crossfade_generations_draining"] == {(): 2}


def test_a_plugin_is_quarantined_on_a_route_as_soon_as_one_of_its_uses_is() -> None:
    states = scraped(View())["crossfade_plugin_quarantined"]
    assert states == {("campaigns", "headers"): 1, ("", "statsd"): 0}


def test_each_scrape_reads_the_moment() -> None:
    view = View()
    before = scraped(view)["crossfade_requests_in_flight"][()]
    view.accounting.started()
    assert scraped(view)["crossfade_requests_in_flight"][()] == before + 1


def test_two_registries_do_not_know_of_each_other() -> None:
    one, other = View(), View()
    serve_some(one.accounting)
    assert "crossfade_requests_total" not in scraped(other)


def test_the_documentation_lists_the_metrics_as_they_are() -> None:
    again = "python -m proxy.controlplane.metrics > docs/reference/metrics.md"
    assert PAGE.read_text() == metrics_page(), again
