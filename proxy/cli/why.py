"""`crossfade why`: what is known of how a request was answered."""

from typing import Annotated
from urllib.parse import quote

import typer

from proxy.cli.admin_client import FAILED, admin_url, ask, fail
from proxy.cli.changes import refusal
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import printable
from proxy.cli.tables import console, print_json, print_table, when

_COLUMNS = ("when", "who", "what", "why")


def command(
    request_id: Annotated[
        str, typer.Argument(help="The X-Request-Id of an answer, or request_id of the access log.")
    ],
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Say why a request was answered as it was: what was decided, tried, and why.

    Joins the decision of the split, if it is still remembered, with what plugins know of the
    request, by time. Exits with 0, with 1 when nothing is known of it or the proxy cannot be
    reached, 2 on bad usage.
    """
    answer = ask("GET", admin_url(admin, config), f"v1/why/{quote(request_id, safe='')}")
    if answer.status != 200:
        fail(FAILED, refusal(answer))
    if as_json:
        print_json(answer.body)
        return
    rows = (
        (_moment(note["at"]), *(printable(note[part]) for part in _COLUMNS[1:]))
        for note in answer.body["notes"]
    )
    print_table(console(), _COLUMNS, rows)


def _moment(at: float | None) -> str | None:
    """Return a time with its milliseconds: attempts follow each other quickly."""
    if at is None:
        return None
    seconds, rest = divmod(int(at * 1000), 1000)
    return f"{when(seconds).removesuffix(' UTC')}.{rest:03d} UTC"
