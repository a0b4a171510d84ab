"""What a transaction has done is taken back where it is refused, also by the quick ones."""

from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import pytest

from proxy.api.stores import ConditionError
from proxy.stores.dynamo import DynamoTable
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server

_numbers = count(1)
ABSENT = "attribute_not_exists(pk)"


@pytest.fixture(scope="module")
def server() -> Iterator[DynamoServer]:
    with dynamo_server() as server:
        yield server


@pytest.fixture(params=[("pk", "sk"), ("pk",)], ids=["with a sort key", "without"])
async def table(request: pytest.FixtureRequest, server: DynamoServer) -> AsyncIterator[DynamoTable]:
    table = DynamoTable(f"transactions-{next(_numbers)}", REGION, server.endpoint)
    await table.call(
        "create_table",
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in request.param
        ],
        KeySchema=[
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(request.param, ("HASH", "RANGE"), strict=False)
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    yield table
    await table.close()


def key(table: DynamoTable, server: DynamoServer, name: str) -> dict[str, Any]:
    sorts = "sk" in server.keys(table.name)
    return {"pk": {"S": name}, **({"sk": {"S": "s"}} if sorts else {})}


async def test_puts_updates_and_deletes_of_a_refused_transaction_leave_nothing(
    table: DynamoTable, server: DynamoServer
) -> None:
    one, two, three = (key(table, server, name) for name in ("one", "two", "three"))
    for item in (one, two):
        await table.call("put_item", Item={**item, "count": {"N": "1"}})
    before = sorted(server.items(table.name), key=repr)
    more = {"UpdateExpression": "ADD #c :one", "ExpressionAttributeNames": {"#c": "count"}}
    counted = {**more, "ExpressionAttributeValues": {":one": {"N": "1"}}}
    named = {"TableName": table.name}
    work = [
        {"Update": {**named, "Key": one, **counted}},
        {"Put": {**named, "Item": three}},
        {"Delete": {**named, "Key": two}},
    ]
    refused = {"Put": {**named, "Item": two, "ConditionExpression": ABSENT}}
    with pytest.raises(ConditionError):
        await table.call("transact_write_items", TransactItems=[*work[:2], refused])
    assert sorted(server.items(table.name), key=repr) == before

    await table.call("transact_write_items", TransactItems=work)
    after = sorted(server.items(table.name), key=repr)
    assert after == sorted([{**one, "count": {"N": "2"}}, three], key=repr)
