"""`crossfade replay`: a decision that was made, derived once more from what was in force then."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from proxy.cli.admin_client import FAILED, admin_url, ask, fail
from proxy.cli.changes import refusal
from proxy.cli.decide import derivation_lines
from proxy.cli.options import CONFIG, Admin, AskedConfig, Json
from proxy.cli.rollout_text import printable
from proxy.cli.tables import print_json, when


def command(
    decision: Annotated[
        str, typer.Argument(help="The X-Request-Id of an answer, or request_id of the access log.")
    ],
    config: AskedConfig = CONFIG,
    admin: Admin = None,
    *,
    as_json: Json = False,
) -> None:
    """Derive a decision that a running proxy remembers once more, and compare.

    Configuration and learned state are those that it was made under. Exits with 0 when both
    are the same, with 1 when they are not, when it is not remembered (any more) or the proxy
    cannot be reached, 2 on bad usage.
    """
    answer = ask("POST", admin_url(admin, config), "v1/replay", body={"decision": decision})
    if answer.status != 200:
        fail(FAILED, refusal(answer))
    if as_json:
        print_json(answer.body)
    else:
        print("\n".join(_lines(answer.body)))
    if not answer.body["same"]:
        raise typer.Exit(FAILED)


def _lines(body: Mapping[str, Any]) -> Iterator[str]:
    yield f"made       {when(body['at'])}"
    yield f"logged     {_decision(body['logged'])}"
    yield f"derived    {_decision(body['derived'])}"
    yield f"same       {'yes' if body['same'] else 'NO'}"
    if body["note"]:
        yield printable(body["note"])
    yield ""
    yield from derivation_lines({**body, **body["derived"]})


def _decision(found: Mapping[str, Any]) -> str:
    bucket = "" if found["bucket"] is None else f", bucket {found['bucket']}"
    return printable(f"{found['arm'] or 'no arm'}, {found['reason']}{bucket}")
