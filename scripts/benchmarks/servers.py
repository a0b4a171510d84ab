"""The servers that are compared, each with the configuration it is measured in."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from scripts.benchmarks.processes import Server, free_port, serving

ANSWER_BYTES = 814
ANSWER = '{"campaigns":[],"pad":"' + "x" * (ANSWER_BYTES - 25) + '"}'

NGINX = """
{user}
daemon off;
worker_processes 1;
error_log stderr error;
pid {folder}/{name}.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 75s;
    client_body_temp_path {folder}/{name}-body;
    proxy_temp_path {folder}/{name}-proxy;
    fastcgi_temp_path {folder}/{name}-fastcgi;
    uwsgi_temp_path {folder}/{name}-uwsgi;
    scgi_temp_path {folder}/{name}-scgi;
    {body}
}}
"""

NGINX_ORIGIN = """
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        default_type application/json;
        location / {{ return 200 '{answer}'; }}
    }}
"""

NGINX_PROXY = """
    map $http_upgrade $connection_field {{ default upgrade; '' ''; }}
    split_clients $http_x_user_id $arm {{ 50% new; * legacy; }}
    upstream legacy {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
    upstream new {{ server 127.0.0.1:{origin}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_http_version 1.1;
            proxy_set_header Host $host;
            proxy_set_header Connection $connection_field;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Request-Id $request_id;
            proxy_pass http://$arm;
        }}
    }}
"""

HAPROXY = """
global
    nbthread 1
    maxconn 4096
defaults
    mode http
    timeout connect 2s
    timeout client 75s
    timeout server 60s
    option http-keep-alive
    http-reuse always
frontend door
    bind 127.0.0.1:{port}
    option forwardfor
    http-request set-header X-Request-Id %[uuid()]
    use_backend new if {{ req.hdr(X-User-Id),crc32(1),mod(100) lt 50 }}
    default_backend legacy
backend legacy
    server origin 127.0.0.1:{origin}
backend new
    server origin 127.0.0.1:{origin}
"""

CROSSFADE = """
listen: 127.0.0.1:{port}
admin: {{listen: "127.0.0.1:{admin}"}}
upstreams:
  legacy: {{url: "http://127.0.0.1:{origin}"}}
  new: {{url: "http://127.0.0.1:{origin}"}}
identity:
  key: ["header:X-User-Id"]
  trusted_proxies: [127.0.0.1/32]
rollouts:
  half: {{enabled: true, percentage: 50, blacklist: [user-blocked]}}
routes:
  - name: campaigns
    match: {{path: "/api/**"}}
    rollout: half
    arms: {{legacy: {{upstream: legacy}}, new: {{upstream: new}}}}
{more}  - name: everything-else
    match: {{path: "/**"}}
    upstream: legacy
log: {{format: json, level: warning}}
"""

ROUTE = """  - name: {name}
    match: {{path: "/{name}/**"}}
    rollout: half
    arms: {{legacy: {{upstream: legacy}}, new: {{upstream: new}}}}
    plugins: [{use}]
"""

USES = {
    "three_hooks": "three_hooks",
    "headers": "{headers: {request: {set: {X-Via: crossfade}}, "
    "response: {set: {X-Served-By: crossfade}}}}",
    "rate_limit": "rate_limit",
}
"""Plugins whose cost is measured: name, and how a route lists it."""

THREE_HOOKS = '''"""Three plain hooks that do next to nothing."""

from proxy.api import Outcome, Outgoing, Reply, Request, Use, hook


class ThreeHooks(Use):
    requests = 0

    @hook
    def admit(self, request: Request) -> Reply | None:
        return None

    @hook
    def edit_request(self, request: Request, outgoing: Outgoing) -> None:
        return None

    @hook
    def finished(self, request: Request, outcome: Outcome) -> None:
        self.requests += 1
'''


PLUGINS = """plugins:
  path: [plugins]
  rate_limit:
    rules:
      benchmark:
        scope: [user]
        windows: [{limit: 2000, per: 10s}, {limit: 5000, per: 1m}, {limit: 10000, per: 10m}]
"""
"""Each user has three windows that are never full, counted in memory."""


def program(name: str) -> str | None:
    """Where a system program is; Debian keeps some out of an ordinary user's PATH."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _nginx(name: str, body: str, port: int, folder: Path) -> AbstractContextManager[Server]:
    path = folder / f"{name}.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(NGINX.format(user=user, folder=folder, name=name, body=body))
    command = [program("nginx") or "nginx", "-e", "stderr", "-c", str(path), "-p", str(folder)]
    return serving(name, port, command, folder)


def json_origin(folder: Path) -> AbstractContextManager[Server]:
    """nginx that answers every request with the same 814 bytes of JSON."""
    port = free_port()
    return _nginx("origin", NGINX_ORIGIN.format(port=port, answer=ANSWER), port, folder)


def nginx(origin: int, folder: Path) -> AbstractContextManager[Server]:
    """nginx as a proxy: split_clients, kept-alive upstream connections, one worker."""
    port = free_port()
    return _nginx("nginx", NGINX_PROXY.format(port=port, origin=origin), port, folder)


def haproxy(origin: int, folder: Path) -> AbstractContextManager[Server]:
    """HAProxy with one thread."""
    port = free_port()
    path = folder / "haproxy.cfg"
    path.write_text(HAPROXY.format(port=port, origin=origin))
    return serving(
        "haproxy", port, [program("haproxy") or "haproxy", "-db", "-f", str(path)], folder
    )


def naive(origin: int, folder: Path) -> AbstractContextManager[Server]:
    """web.Application and ClientSession."""
    port = free_port()
    url = f"http://127.0.0.1:{origin}"
    command = [sys.executable, "-m", "scripts.benchmarks.naive", str(port), url, url]
    return serving("naive", port, command, folder)


def crossfade(origin: int, folder: Path) -> AbstractContextManager[Server]:
    """Crossfade: split, identity, request id, metrics, outcome counting and health on."""
    return _crossfade(origin, folder, "crossfade", "")


def crossfade_with_plugins(origin: int, folder: Path) -> AbstractContextManager[Server]:
    """The same, with a route beside `/api` for each entry of `USES`, called like its plugin."""
    (folder / "plugins").mkdir()
    (folder / "plugins" / "three_hooks.py").write_text(THREE_HOOKS)
    routes = (ROUTE.format(name=name, use=use) for name, use in USES.items())
    return _crossfade(origin, folder, "crossfade-with-plugins", "".join(routes))


def _crossfade(origin: int, folder: Path, name: str, more: str) -> AbstractContextManager[Server]:
    port = free_port()
    path = folder / f"{name}.yaml"
    text = CROSSFADE.format(port=port, admin=free_port(), origin=origin, more=more)
    path.write_text(text + (PLUGINS if more else ""))
    command = [sys.executable, "-m", "proxy", "serve", "--config", str(path)]
    return serving(name, port, command, folder)


@contextmanager
def streaming_origin(folder: Path) -> Iterator[Server]:
    """Our own origin for large bodies and WebSocket."""
    port = free_port()
    command = [sys.executable, "-m", "scripts.benchmarks.origin", str(port)]
    with serving("streaming-origin", port, command, folder) as server:
        yield server


def proxies() -> dict[str, bool]:
    """The proxies that can be compared here, and whether each is installed."""
    return {
        "nginx": program("nginx") is not None,
        "haproxy": program("haproxy") is not None,
        "naive": True,
        "crossfade": True,
    }


START = {"nginx": nginx, "haproxy": haproxy, "naive": naive, "crossfade": crossfade}
