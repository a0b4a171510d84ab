"""A table of DynamoDB: what goes wrong is told in words, and nobody waits for ever."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator

import pytest

from proxy.api.stores import ConditionError, StoreError
from proxy.stores.dynamo import PATIENCE, DynamoTable
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server

KEY = {"id": {"S": "one"}}
NEW = "attribute_not_exists(id)"


@pytest.fixture(scope="module")
def running() -> Iterator[DynamoServer]:
    with dynamo_server() as server:
        yield server


@pytest.fixture
def server(running: DynamoServer) -> Iterator[DynamoServer]:
    running.calls.clear()
    yield running
    running.troubles.clear()
    running.waits.set()


@pytest.fixture
async def table(server: DynamoServer) -> AsyncIterator[DynamoTable]:
    table = DynamoTable(f"t-{uuid.uuid4().hex}", REGION, server.endpoint)
    await table.call(
        "create_table",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    server.calls.clear()
    yield table
    await table.close()


async def put(table: DynamoTable, **more: object) -> None:
    await table.call("put_item", Item=KEY, **more)


async def put_with_others(table: DynamoTable) -> None:
    item = {"TableName": table.name, "Item": KEY, "ConditionExpression": NEW}
    await table.call("transact_write_items", TransactItems=[{"Put": item}])


async def test_what_was_written_is_read(table: DynamoTable) -> None:
    await put(table)
    assert (await table.call("get_item", Key=KEY))["Item"] == KEY


async def test_a_condition_that_does_not_hold_has_an_error_of_its_own(table: DynamoTable) -> None:
    await put(table, ConditionExpression=NEW)
    with pytest.raises(ConditionError, match="a condition of put_item failed"):
        await put(table, ConditionExpression=NEW)
    with pytest.raises(ConditionError, match="a condition of transact_write_items failed"):
        await put_with_others(table)


async def test_a_transaction_that_met_another_is_sent_again(
    table: DynamoTable, server: DynamoServer
) -> None:
    cancelled = "TransactionCanceledException:None,TransactionConflict"
    server.troubles.extend([cancelled, cancelled])
    await put_with_others(table)
    assert server.calls == ["TransactWriteItems"] * 3


async def test_a_transaction_that_always_meets_another_is_given_up(
    table: DynamoTable, server: DynamoServer
) -> None:
    server.troubles.extend(["TransactionCanceledException:TransactionConflict"] * 9)
    with pytest.raises(StoreError, match="TransactionCanceledException"):
        await put_with_others(table)
    assert server.calls == ["TransactWriteItems"] * 4


async def test_a_server_that_fails_once_is_asked_again(
    table: DynamoTable, server: DynamoServer
) -> None:
    server.troubles.append("lost")
    await put(table)
    assert server.calls == ["PutItem"] * 2


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ("AccessDeniedException", "grant them dynamodb:PutItem"),
        ("UnrecognizedClientException", "credentials are refused"),
        ("ExpiredTokenException", "have expired"),
        ("ValidationException", "ValidationException: as was wanted"),
    ],
)
async def test_a_refusal_says_what_to_do(
    table: DynamoTable, server: DynamoServer, trouble: str, said: str
) -> None:
    server.troubles.append(trouble)
    with pytest.raises(StoreError, match=said) as caught:
        await put(table)
    assert not isinstance(caught.value, ConditionError)


async def test_a_table_that_is_not_there_is_told(server: DynamoServer) -> None:
    table = DynamoTable("nowhere", REGION, server.endpoint)
    with pytest.raises(StoreError, match="dynamodb://nowhere: there is no such table"):
        await put(table)
    await table.close()


async def test_wrong_parameters_are_told_without_their_values(table: DynamoTable) -> None:
    with pytest.raises(StoreError, match="parameters are not those of PutItem") as caught:
        await table.call("put_item", Itm={"id": "user-4711"})
    assert "4711" not in str(caught.value)


async def test_a_missing_region_is_told(
    server: DynamoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    table = DynamoTable("t", "", server.endpoint)
    with pytest.raises(StoreError, match="name one, or set AWS_REGION"):
        await put(table)
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with pytest.raises(StoreError, match="no such table"):  # it is looked at anew
        await put(table)
    await table.close()


async def test_missing_credentials_are_told(
    server: DynamoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    table = DynamoTable("t", REGION, server.endpoint)
    with pytest.raises(StoreError, match="give the process a role, a profile, or AWS_ACCESS_KEY"):
        await put(table)
    await table.close()


async def test_nobody_waits_longer_than_patience(table: DynamoTable, server: DynamoServer) -> None:
    assert PATIENCE == 5
    table.patience = 0.02
    server.waits.clear()
    with pytest.raises(StoreError, match=r"did not answer within 0\.02 s"):
        await put(table)
    server.waits.set()
    table.patience = PATIENCE
    await put(table)


async def test_what_waits_is_bounded(
    table: DynamoTable, server: DynamoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.stores.dynamo._WAITING_MOST", 2)
    server.waits.clear()
    waiting = [asyncio.ensure_future(put(table)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="is overloaded"):
        await put(table)
    server.waits.set()
    await asyncio.gather(*waiting)


async def test_after_closing_nothing_is_taken(table: DynamoTable) -> None:
    await put(table)
    await table.close()
    await table.close()
    with pytest.raises(StoreError, match="is closed"):
        await put(table)
