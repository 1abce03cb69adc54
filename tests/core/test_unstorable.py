"""What a database cannot hold is the sender's error and not ours."""

import contextlib

import pytest

from core.conversation import identity
from core.errors import InvalidInput
from core.storage.database import Database


async def test_a_nul_in_an_id_is_refused_where_it_cannot_be_stored(database: Database) -> None:
    postgresql = database.engine.dialect.name == "postgresql"
    refused = pytest.raises(InvalidInput) if postgresql else contextlib.nullcontext()
    with refused:
        async with database.begin() as conn:
            await identity.do_open(conn, "rest", "a\0", None, ())
    async with database.connect() as conn:
        assert await identity.find(conn, "rest", "b") is None
