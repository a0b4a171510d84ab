"""A table of DynamoDB, asked by boto3 in a few threads, for as long as patience lasts.

boto3 is imported in one of the threads, when the table is first used: it takes longer than
all the rest of a start.
"""

import asyncio
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from proxy.api.stores import ConditionError, StoreError

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

__all__ = ["PATIENCE", "DynamoTable"]

PATIENCE: Final = 5.0
"""Seconds that a call waits, tries of boto3 among them."""

_THREADS: Final = 8
_WAITING_MOST: Final = 256
_CONNECT_SECONDS: Final = 2.0
_READ_SECONDS: Final = 2.0
_TRIES: Final = 3
_PAUSES: Final = (0.02, 0.05, 0.1)
_LONGEST: Final = 200

_CONDITION: Final = "ConditionalCheckFailed"
_MEANWHILE: Final = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)
"""Why something was refused that may well succeed when it is sent again."""

_NO_CREDENTIALS: Final = (
    "there are no AWS credentials; give the process a role, a profile, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY"
)
_REFUSED: Final = "the AWS credentials are refused; look whether they are right and have expired"
_ADVICE: Final = {
    "NoCredentialsError": _NO_CREDENTIALS,
    "PartialCredentialsError": _NO_CREDENTIALS,
    "NoRegionError": "there is no AWS region; name one, or set AWS_REGION",
    "ResourceNotFoundException": "there is no such table; create it, or look at name and region",
    "AccessDeniedException": "the AWS credentials may not do that; grant them dynamodb:{operation}",
    "UnrecognizedClientException": _REFUSED,
    "InvalidSignatureException": _REFUSED,
    "ExpiredTokenException": _REFUSED,
    "ParamValidationError": "the parameters are not those of {operation}",  # it would show values
}


class DynamoTable:
    """One table; a `proxy.api.DynamoTable`."""

    def __init__(
        self, name: str, region: str = "", endpoint: str = "", patience: float = PATIENCE
    ) -> None:
        """Connect to nothing yet; an empty `region` or `endpoint` is left to boto3."""
        self.name = name
        self.url = f"dynamodb://{name}"
        self.patience = patience
        self._region = region
        self._endpoint = endpoint
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="crossfade-dynamodb")
        self._making = threading.Lock()
        self._client: Any = None
        self._waiting = 0
        self._closed = False

    async def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation of the low-level client, see `proxy.api.DynamoTable`."""
        if self._closed or self._waiting >= _WAITING_MOST:
            raise StoreError(f"{self.url} is {'closed' if self._closed else 'overloaded'}")
        self._waiting += 1
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self.patience):
                return await loop.run_in_executor(self._threads, self._do, operation, parameters)
        except TimeoutError:
            raise StoreError(f"{self.url} did not answer within {self.patience:g} s") from None
        finally:
            self._waiting -= 1

    async def close(self) -> None:
        """Take no more; calls under way go on to their end, and nobody waits for it."""
        if self._closed:
            return
        self._closed = True
        if self._client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self.patience):
                    await asyncio.get_running_loop().run_in_executor(
                        self._threads, self._client.close
                    )
        self._threads.shutdown(wait=False, cancel_futures=True)

    # -- in a thread -----------------------------------------------------------

    def _do(self, operation: str, parameters: dict[str, Any]) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

        try:
            client = self._connected()
            if _takes_table(client, operation):
                parameters.setdefault("TableName", self.name)
            for pause in _PAUSES:
                try:
                    return _answer(client, operation, parameters)
                except IncompleteReadError:
                    pass
                except ClientError as error:
                    if not _may_succeed(error):
                        raise
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads rivals
            return _answer(client, operation, parameters)
        except ClientError as error:
            if _condition_failed(error):
                raise ConditionError(f"{self.url}: a condition of {operation} failed") from None
            code = error.response["Error"]["Code"]
            said = error.response["Error"].get("Message", "")
        except BotoCoreError as error:
            code, said = type(error).__name__, str(error)
        failed = StoreError(f"{self.url}: {_advice(code, said, operation)}")
        failed.code = code
        raise failed

    def _connected(self) -> Any:
        with self._making:
            if self._client is None:
                self._client = self._made()
            return self._client

    def _made(self) -> Any:
        from boto3.session import Session
        from botocore.config import Config

        client = Session().client(
            "dynamodb",
            region_name=self._region or None,
            endpoint_url=self._endpoint or None,
            config=Config(
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                retries={"mode": "standard", "total_max_attempts": _TRIES},
                max_pool_connections=_THREADS,
            ),
        )
        client.meta.events.register("before-parse.dynamodb", _refuse_what_is_cut_off)
        return client


def _refuse_what_is_cut_off(response_dict: Mapping[str, Any], **_: object) -> None:
    """Raise IncompleteReadError for an answer of which a part has not arrived.

    botocore looks at a checksum, if there is one, and asks again; but in the end it takes what is
    cut off for an empty answer, and an empty answer says that there is no such item.
    """
    from botocore.exceptions import IncompleteReadError

    headers, body = response_dict["headers"], response_dict["body"]
    length = headers.get("content-length", "")
    if length.isdecimal() and "content-encoding" not in headers and len(body) != int(length):
        raise IncompleteReadError(actual_bytes=len(body), expected_bytes=int(length))


def _answer(client: Any, operation: str, parameters: dict[str, Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = getattr(client, operation)(**parameters)
    return answer


def _takes_table(client: Any, operation: str) -> bool:
    name = client.meta.method_to_api_mapping[operation]
    return "TableName" in client.meta.service_model.operation_model(name).input_shape.members


def _reasons(error: "ClientError") -> set[str]:
    """Why a transaction was cancelled; empty if it was none."""
    reasons: Any = error.response.get("CancellationReasons", ())
    return {reason["Code"] for reason in reasons} - {"None"}


def _may_succeed(error: "ClientError") -> bool:
    reasons = _reasons(error)
    if reasons:
        return reasons <= _MEANWHILE
    return bool(error.response["Error"]["Code"] == "TransactionConflictException")


def _condition_failed(error: "ClientError") -> bool:
    code = error.response["Error"]["Code"]
    return code == f"{_CONDITION}Exception" or _CONDITION in _reasons(error)


def _advice(code: str, said: str, operation: str) -> str:
    advice = _ADVICE.get(code)
    if advice is None:
        return f"{code}: {said}"[:_LONGEST]
    api_name = "".join(word.capitalize() for word in operation.split("_"))
    return f"{advice.format(operation=api_name)} ({code})"
