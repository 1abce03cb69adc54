"""How far we have read at a vendor."""

from core.conversation import cursor
from core.storage.database import Database


async def test_it_is_kept_and_moves(database: Database) -> None:
    async with database.begin() as conn:
        assert await cursor.read(conn, "kf:wk_1") is None
        await cursor.do_move(conn, "kf:wk_1", "a")
        await cursor.do_move(conn, "kf:wk%2", "b")
        await cursor.do_move(conn, "kf:wk_1", "c")
    async with database.connect() as conn:
        assert await cursor.read(conn, "kf:wk_1") == "c"
        assert sorted(await cursor.names(conn, "kf:")) == ["wk%2", "wk_1"]
        assert await cursor.names(conn, "kf:wk%") == ["2"]
