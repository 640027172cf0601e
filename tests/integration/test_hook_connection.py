"""ChargebeeHook: the Test button of its connection, the official client, and the triggerer's shared clients."""

from __future__ import annotations

import asyncio
import gc

import pytest

from chargebee_operators import ChargebeeHook
from chargebee_operators.chargebee import async_client as async_module


def test_the_connection_test_says_yes(connected):
    assert ChargebeeHook().test_connection() == (True, "Site acme-test accepted the key")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"password": "wrong"}, "refused the API key"),
        ({"login": ""}, "has no login"),
        ({"host": "http://127.0.0.1:9"}, "reached"),
    ],
)
def test_the_connection_test_says_what_to_mend(connected, connect, changes, message):
    connect(connected, **changes)
    works, told = ChargebeeHook().test_connection()
    assert (works, message in told) == (False, True)


def test_get_conn_is_the_official_client(connected):
    answer = ChargebeeHook().get_conn().Export.customers({})
    assert answer.export.status == "in_process"


def test_triggers_of_one_site_share_a_client_and_the_last_one_closes_it(connected):
    async def many() -> tuple[int, bool]:
        hook = ChargebeeHook()
        async with hook.async_client() as first, hook.async_client() as second:
            shared = len({id(first), id(second)})
            session = first._session
        return shared, session.closed

    assert asyncio.run(many()) == (1, True)


def test_each_event_loop_has_a_client_of_its_own(connected):
    async def once() -> None:
        await ChargebeeHook().acreate_export("customers", (), idempotency_key="loops")

    asyncio.run(once())
    asyncio.run(once())
    gc.collect()
    assert not [shared for shared in async_module._loops.values() if shared.clients]
