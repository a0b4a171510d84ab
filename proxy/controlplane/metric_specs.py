"""The metrics as data: what is exposed, and what each says."""

from typing import Literal, NamedTuple

from proxy.pluginhost.chains import SLOW_SECONDS

__all__ = ["ENDPOINT_STATES", "METRICS", "MetricSpec"]


class MetricSpec(NamedTuple):
    """One metric: its name as it is exposed, type, label names, and what it says."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_ENDPOINT = ("upstream", "endpoint")
_SLOW = f"{SLOW_SECONDS * 1000:g} ms or more"
ENDPOINT_STATES = ("up", "down", "ejected")

METRICS: tuple[MetricSpec, ...] = (
    MetricSpec(
        "crossfade_requests_total",
        "counter",
        ("route", "arm", "status", "reason"),
        "Finished requests. status is the class (2xx; none: nothing was sent), "
        "route is empty where none matched.",
    ),
    MetricSpec(
        "crossfade_request_seconds",
        "histogram",
        ("route", "arm"),
        "Time from the request's head to the response's last byte; tunnels are left out.",
    ),
    MetricSpec("crossfade_requests_in_flight", "gauge", (), "Requests begun and not finished."),
    MetricSpec(
        "crossfade_faults_total",
        "counter",
        ("reason", "blame"),
        "Requests that ended in a fault; blame is client, upstream, plugin or proxy.",
    ),
    MetricSpec(
        "crossfade_bytes_total",
        "counter",
        ("direction",),
        "Bytes of finished requests on the client's side; direction is in or out.",
    ),
    MetricSpec("crossfade_connections_open", "gauge", (), "Client connections that are open."),
    MetricSpec(
        "crossfade_connections_total",
        "counter",
        ("outcome",),
        "Client connections; outcome is accepted or refused (limits.connections).",
    ),
    MetricSpec("crossfade_tunnels_open", "gauge", (), "Upgraded connections that are open."),
    MetricSpec(
        "crossfade_upstream_retries_total",
        "counter",
        ("upstream",),
        "Requests sent again because a reused connection had died.",
    ),
    MetricSpec(
        "crossfade_rollout_rescues_total",
        "counter",
        ("route",),
        "Requests that new failed at and that were asked of legacy instead.",
    ),
    MetricSpec(
        "crossfade_upstream_endpoint_state",
        "gauge",
        (*_ENDPOINT, "state"),
        "1 for the state the endpoint is in (up, down, ejected), 0 for the others.",
    ),
    MetricSpec(
        "crossfade_upstream_requests_outstanding",
        "gauge",
        _ENDPOINT,
        "Requests that the endpoint is working on.",
    ),
    MetricSpec(
        "crossfade_upstream_requests_waiting",
        "gauge",
        _ENDPOINT,
        "Requests that wait for a connection to the endpoint.",
    ),
    MetricSpec(
        "crossfade_upstream_connections_idle",
        "gauge",
        _ENDPOINT,
        "Open connections to the endpoint without a request.",
    ),
    MetricSpec(
        "crossfade_upstream_connects_total",
        "counter",
        _ENDPOINT,
        "Connections opened to the endpoint.",
    ),
    MetricSpec(
        "crossfade_upstream_ejections_total",
        "counter",
        _ENDPOINT,
        "Times the endpoint was ejected because requests to it failed.",
    ),
    MetricSpec(
        "crossfade_rollout_percentage",
        "gauge",
        ("rollout",),
        "Percentage that the rollout gives to new; 0 when everybody is on legacy: not enabled, "
        "rolled back or killed.",
    ),
    MetricSpec(
        "crossfade_rollout_standing",
        "gauge",
        ("rollout", "standing"),
        "1 for how the rollout stands (a phase of its ramp, or what overrides it), 0 for the "
        "others.",
    ),
    MetricSpec(
        "crossfade_rollout_version",
        "gauge",
        ("rollout",),
        "Version of the rollout's state by which this replica serves.",
    ),
    MetricSpec(
        "crossfade_state_degraded",
        "gauge",
        (),
        "1 while the store of the rollouts cannot be used, else 0.",
    ),
    MetricSpec(
        "crossfade_state_leader",
        "gauge",
        (),
        "1 while this replica walks the ramps and judges, else 0.",
    ),
    MetricSpec("crossfade_generation", "gauge", (), "Number of the generation that serves."),
    MetricSpec(
        "crossfade_config_stale",
        "gauge",
        (),
        "1 when the configuration file holds something that does not serve: it was refused, or "
        "an operator brought an older generation back.",
    ),
    MetricSpec(
        "crossfade_config_last_reload_success_timestamp_seconds",
        "gauge",
        (),
        "When the configuration that serves was loaded, in unix seconds.",
    ),
    MetricSpec(
        "crossfade_reloads_total",
        "counter",
        ("outcome",),
        "Attempts to take a changed configuration or plugin; outcome is done or failed.",
    ),
    MetricSpec(
        "crossfade_generations_draining",
        "gauge",
        (),
        "Generations that serve no new requests and have some under way.",
    ),
    MetricSpec(
        "crossfade_plugin_faults_total",
        "counter",
        ("plugin", "route", "hook"),
        "Hooks that raised or took too long; route is empty for a plugin's application.",
    ),
    MetricSpec(
        "crossfade_plugin_quarantined",
        "gauge",
        ("plugin", "route"),
        "1 while a use of the plugin on the route is quarantined, else 0.",
    ),
    MetricSpec(
        "crossfade_plugin_slow_total",
        "counter",
        ("route", "hook"),
        f"Times that a route's plugins together held up the loop in one hook for {_SLOW}.",
    ),
    MetricSpec(
        "crossfade_plugin_modules",
        "gauge",
        (),
        "Modules of plugins out of directories that are loaded, of all generations together.",
    ),
    MetricSpec(
        "crossfade_build_info",
        "gauge",
        ("version", "python"),
        "Always 1; the versions of Crossfade and of Python.",
    ),
)
