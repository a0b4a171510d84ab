"""What cannot be done is told in words, by a status of its own."""

import pytest
from pydantic import BaseModel

from plugins.cost_meter.answering import Answering, NotDoneError
from proxy.api import Reply, Request, StoreError, json_reply
from proxy.api.testing import request


class Wanted(BaseModel):
    share: int


async def _answers(asked: Request, body: bytes) -> Reply:
    if asked.path == "/gone":
        raise NotDoneError(404, "There is none.")
    if asked.path == "/odd":
        raise ValueError("since: has to be before until")
    if asked.path == "/lost":
        raise StoreError("the disk is full")
    return json_reply({"share": Wanted.model_validate_json(body).share})


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/gone", 404, "There is none."),
        ("/odd", 400, "since: has to be before until"),
        ("/lost", 503, "The ledger of costs does not answer: the disk is full"),
        ("/read", 400, "share: "),
    ],
)
async def test_what_is_wrong_is_told(path: str, status: int, says: str) -> None:
    reply = await Answering(_answers)(request("POST", path), b'{"share": "some"}')
    assert (reply.status, says in reply.json()["detail"]) == (status, True)


async def test_what_is_right_is_answered() -> None:
    reply = await Answering(_answers)(request("POST", "/read"), b'{"share": 5}')
    assert reply.json() == {"share": 5}
