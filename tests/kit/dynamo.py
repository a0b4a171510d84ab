"""A DynamoDB on a loopback port, as moto imitates it; nothing of it survives the process."""

import json
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.kit.dynamo_transactions import make_transactions_quick

REGION = "eu-west-1"

Environ = dict[str, Any]
App = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


class DynamoServer:
    """The server: one request at a time, so that conditions hold as they do in DynamoDB.

    - `endpoint`: where it is
    - `calls`: the operations that it was asked for, such as ``PutItem``
    - `troubles`: what it answers next instead, as names of errors; empty ones are served;
      ``lost`` is served and answered with a server's error
    - `waits`: while it is not set, nothing is answered
    """

    def __init__(self, app: App) -> None:
        self.calls: list[str] = []
        self.troubles: deque[str] = deque()
        self.waits = threading.Event()
        self.waits.set()
        self._app = app
        self._one = threading.Lock()
        self._server = make_server(
            "127.0.0.1", 0, self._serve, threaded=True, request_handler=_Quiet
        )
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.waits.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all that is in a table, as its client would have it, in no order."""
        with self._one:
            return [item.to_json()["Attributes"] for item in _table(table).all_items()]

    def keys(self, table: str) -> list[str]:
        """Return the names of a table's keys."""
        return list(_table(table).table_key_attrs)

    def _serve(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        self.waits.wait(10)
        with self._one:
            self.calls.append(str(environ.get("HTTP_X_AMZ_TARGET", "")).rpartition(".")[2])
            trouble = self.troubles.popleft() if self.troubles else ""
            if trouble in ("", "lost"):
                answer = self._app(environ, start if not trouble else lambda *_: None)
                if not trouble:
                    return answer
            return _refusal(trouble, start)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


def _table(name: str) -> Any:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.dynamodb.models import dynamodb_backends

    return dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].tables[name]


def _refusal(trouble: str, start: Callable[..., Any]) -> Iterable[bytes]:
    if trouble == "lost":
        body: dict[str, Any] = {"__type": "InternalServerError", "message": "lost"}
        start("500 Internal Server Error", [("Content-Type", "application/x-amz-json-1.0")])
        return [json.dumps(body).encode()]
    name, _, reason = trouble.partition(":")
    body = {"__type": f"com.amazonaws.dynamodb.v20120810#{name}", "message": "as was wanted"}
    if reason:
        body["CancellationReasons"] = [{"Code": code} for code in reason.split(",")]
    start("400 Bad Request", [("Content-Type", "application/x-amz-json-1.0")])
    return [json.dumps(body).encode()]


@cache
def _loader(search_path_string: str | None = None) -> Any:
    """Return what reads the descriptions of AWS: once a process, and not for each client."""
    from botocore.loaders import Loader

    paths = (search_path_string or "").split(":")
    return Loader(extra_search_paths=[path for path in paths if path])


@contextmanager
def dynamo_server() -> Iterator[DynamoServer]:
    """Start one, with credentials that it takes in the environment."""
    from moto.moto_server.werkzeug_app import (  # takes a second
        DomainDispatcherApplication,
        create_backend_app,
    )

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = DynamoServer(DomainDispatcherApplication(create_backend_app))
    make_transactions_quick()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", _loader)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        server.start()
        try:
            yield server
        finally:
            server.stop()
