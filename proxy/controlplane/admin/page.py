"""The reference page of the admin listener, made of its routes.

`python -m proxy.controlplane.admin.page > docs/reference/admin.md`
"""

import sys

from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.plugins import PATIENCE_SECONDS
from proxy.controlplane.admin.routes import AdminRoute
from proxy.controlplane.admin.server import LARGEST_BODY, ROUTES
from proxy.core.rollout_limits import MOST_REASON

__all__ = ["admin_page"]

_HEAD = f"""\
# Admin listener

`admin.listen`, on loopback unless the configuration says otherwise. With `admin.tokens`
a request carries `Authorization: Bearer <token>`; each role may do what those before it
may: {", ".join(role.name.lower() for role in Role)}. Without tokens only this machine
is answered: the `Host` must be a loopback name or address, and nothing is changed for a
request with an `Origin` (a page in a browser).

The same as an OpenAPI 3.1 document: `GET /v1/openapi.json`. How to work with it:
[change rollouts from a program](../howto/automate-rollouts.md).

| request | least role | answer |
|---|---|---|
"""

_BODIES = """
## Bodies

JSON objects of these fields; what is in brackets may be left out. Below `/v1` any other field
is refused, with all problems of the body at once.

| request | fields |
|---|---|
"""

_REST = f"""
`reason` is 1 to {MOST_REASON} printable letters; it stands in the audit, with the token's name.

## Changing a rollout

Each answer with a rollout has its version as `ETag`. `PATCH /v1/rollouts/{{name}}` wants it
back as `If-Match`, so that nobody overrules a change that he has not seen; for everything
else it is optional. A list of tags is read, `*` stands for any version where none is
required, and weak tags are refused. Each action (`POST`) wants an `Idempotency-Key` (1 to
128 visible ASCII characters): the same request sent again with the same key does nothing more,
and is answered with the rollout as it stands. The same key with another body is another
request.

What leads toward legacy is done even while the store is lost; all else is answered 503.

## Plugins

Plugins answer below `/plugins/<name>`, each request for the role that the plugin asks.
A plugin is not shown the token: the caller's key is the name of the token, and the
attribute `role` its role. It has {PATIENCE_SECONDS:g} seconds to answer.

## Errors

Errors are `application/problem+json` (RFC 9457) with a `hint` about what to do:

| status | when |
|---|---|
| 400 | a body that is no JSON object, a query or a header that is not what is wanted |
| 401, 403 | no or an unknown token; a role too low, or a caller that is not local |
| 404, 405 | nothing of this name; another method is answered here (`Allow`) |
| 409 | a refused configuration (`problems`); what a rollout does not take as it stands |
| 412 | the rollout has been changed since; `current` is how it stands now |
| 413 | a body above {LARGEST_BODY} bytes |
| 422 | a body that does not fit: `problems` has the `field` and the `problem` of each |
| 428 | `If-Match` is missing where it is required |
| 500, 504 | a plugin that failed, or gave no answer in time |
| 503 | the store is lost; too many listen to events; a plugin is quarantined |

`crossfade status`, `reload`, `plugins`, `config`, `rollouts`, `ramp`, `audit` and the
commands of plugins ask this listener; they take the token from `CROSSFADE_ADMIN_TOKEN`.
"""


def admin_page() -> str:
    """Return the reference page of the admin listener, in Markdown."""
    routes = "".join(map(_row, ROUTES))
    bodies = "".join(_body(route) for route in ROUTES if route.body is not None)
    return f"{_HEAD}{routes}{_BODIES}{bodies}{_REST}"


def _row(route: AdminRoute) -> str:
    needs = route.needs.name.lower() if route.needs else "none"
    return f"| `{route.method} {route.path}` | {needs} | {route.says} |\n"


def _body(route: AdminRoute) -> str:
    fields = {} if route.body is None else route.body.model_fields
    said = {field.alias or name: field.is_required() for name, field in fields.items()}
    needed = [f"`{name}`" for name, required in said.items() if required]
    others = [f"[`{name}`]" for name, required in said.items() if not required]
    return f"| `{route.method} {route.path}` | {', '.join(needed + others)} |\n"


if __name__ == "__main__":
    sys.stdout.write(admin_page())
