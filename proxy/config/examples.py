"""The examples of the configuration reference. Put together they are one valid file."""

EXAMPLES: dict[str, str] = {
    "listen": """\
listen:
  - 127.0.0.1:8080
  - address: "[::1]:8080"
""",
    "admin": """\
admin:
  listen: 127.0.0.1:9090
  tokens:
    - {name: ops, role: admin, token: "${CROSSFADE_ADMIN_TOKEN}"}
    - {name: dashboard, role: viewer, token: "${CROSSFADE_VIEWER_TOKEN}"}
""",
    "state": """\
state: sqlite:///var/crossfade.db
""",
    "upstreams": """\
upstreams:
  legacy:
    url: http://127.0.0.1:3000
    timeouts: {connect: 2s, first_byte: 30s, idle: 60s, tunnel: 1h}
    pool: {max: 256, idle: 10s, queue: 256, queue_timeout: 5s}
  new:
    endpoints: [https://10.0.0.5:8443, https://10.0.0.6:8443]
    host: replace
    health: {path: /api/health, interval: 5s, timeout: 2s}
    outlier: {failures: 5, base: 10s, max: 5m}
    tls: {server_name: new.internal}
""",
    "default_upstream": """\
default_upstream: legacy
""",
    "identity": """\
identity:
  key: [jwt:userId, jwt:sub, "header:X-User-Id", "cookie:sid"]
  jwt: {cookies: [access_token], secret: "${JWT_SECRET}", algorithms: [HS256]}
  attributes:
    tier: [jwt:tier, "header:X-User-Tier"]
    account_age: [jwt:accountAge]
    tenant: [jwt:tenantId]
  session: {url: "http://127.0.0.1:3000/api/auth/session", ttl: 60s}
  trusted_proxies: [127.0.0.1/32, 10.0.0.0/8]
""",
    "rollouts": """\
rollouts:
  hybrid-orchestrator:
    percentage: 5
    whitelist: [admin-user]
    blacklist: [problematic-user-456]
    conditions: {tier: [pro, enterprise], account_age: {min: 30}}
    rules:
      - {when: {account_age: {max: 90}}, then: legacy}
      - {when: {tier: [enterprise]}, percentage: 1}
    missing_key: legacy
    cohort: tenant
    write_affinity: 30s
    ramp:
      steps: [5, {percentage: 25, gates: {approval: true}}, 50, {percentage: 100, bake: 1h}]
      bake: 10m
      min_requests: 200
      max_duration: 24h
      gates:
        webhook: {url: "http://127.0.0.1:7000/gate", timeout: 5s}
        window: {days: [mon, tue, wed, thu], hours: "09:00-17:00", zone: Europe/Paris}
    rollback:
      alpha: 0.01
      min_requests: 50
      cooldown: 15m
      absolute: {error_rate: 5, p95: 5s}
""",
    "routes": """\
routes:
  - name: campaigns
    match: {path: /api/campaigns, methods: [POST]}
    rollout: hybrid-orchestrator
    arms: {legacy: {upstream: legacy}, new: {upstream: new}}
    replay: allow
    plugins:
      - access_control: {default: allow, rules: [{action: deny, networks: [192.0.2.0/24]}]}
      - headers: {request: {set: {X-Fading: "yes"}}, on_error: refuse}
  - name: retired
    match: {path: "/old/**"}
    plugin: {static_reply: {status: 410}}
    timeout: 1s
  - name: everything-else
    match: {path: "/**"}
    upstream: legacy
""",
    "plugins": """\
plugins:
  path: [plugins]
  statsd: {host: 127.0.0.1, port: 8125}
""",
    "limits": """\
limits: {header_bytes: 32KiB, url_bytes: 8KiB, connections: 10000, buffered_body: 1MiB, drain: 30s}
""",
    "expose": """\
expose: true
""",
    "log": """\
log: {format: json, level: info, access: {sample: 0.01}}
""",
}
