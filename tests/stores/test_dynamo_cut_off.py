"""An answer of DynamoDB that has not arrived whole is no answer, and least of all an empty one."""

from collections.abc import Iterator

import pytest

from proxy.api.stores import StoreError
from proxy.stores.dynamo import DynamoTable
from tests.kit.dynamo import REGION, DynamoServer, dynamo_server
from tests.kit.flaky_link import Fate, FlakyLink

KEY = {"id": {"S": "one"}}


@pytest.fixture(scope="module")
def server() -> Iterator[DynamoServer]:
    with dynamo_server() as server:
        yield server


async def test_what_is_cut_off_is_asked_for_again_and_never_taken_for_nothing(
    server: DynamoServer,
) -> None:
    fates: list[Fate] = []
    port = int(server.endpoint.rpartition(":")[2])
    async with FlakyLink(port, lambda _: fates.pop(0) if fates else "served") as link:
        table = DynamoTable("cut-off", REGION, f"http://127.0.0.1:{link.port}")
        await table.call(
            "create_table",
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        await table.call("put_item", Item=KEY)
        fates += ["half", "half"]
        assert (await table.call("get_item", Key=KEY))["Item"] == KEY
        assert link.seen["half"] == 2

        fates += ["half"] * 9
        with pytest.raises(StoreError, match="IncompleteReadError"):
            await table.call("get_item", Key=KEY)
        await table.close()
