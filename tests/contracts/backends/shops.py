"""What the suite shares: the day, the cases to pick from, the demo server behind a real uvicorn."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date, datetime, time

import uvicorn
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from actions.backends.demo_server import create_app
from actions.backends.demo_shop.drawing.rows import Rows
from actions.backends.demo_shop.rules import SHANGHAI
from actions.backends.demo_shop.seed import seed
from actions.backends.demo_shop.tables import metadata
from actions.backends.orders import OrderStatus
from actions.backends.protocols import Shop

ANCHOR = date(2026, 11, 20)
NOON = datetime.combine(ANCHOR, time(12), SHANGHAI)
TOKEN = "contract-suite"


class Drawn:
    """What the seed holds, to pick cases from without asking the shop."""

    def __init__(self, rows: Rows) -> None:
        self._orders = rows["orders"]
        self._kept = {item["order_number"] for item in rows["order_items"] if not item["returnable"]}

    def order(self, status: OrderStatus, *, returnable: bool | None = None, shipped: bool | None = None) -> "Case":
        for row in self._orders:
            fits = row["status"] is status
            fits = fits and (returnable is None or (row["number"] not in self._kept) is returnable)
            fits = fits and (shipped is None or (row["tracking_number"] is not None) is shipped)
            if fits:
                return Case(row["member_id"], row["number"])
        raise LookupError(f"the seed has no such order: {status}, returnable={returnable}, shipped={shipped}")


class Case(tuple[str, str]):
    """(member_id, order number): ready to be given to a call as `*case`."""

    def __new__(cls, member_id: str, number: str) -> "Case":
        return super().__new__(cls, (member_id, number))

    @property
    def stranger(self) -> "Case":
        """The same order, asked for by somebody else."""
        return Case("M0200" if self[0] != "M0200" else "M0199", self[1])


@asynccontextmanager
async def serve(shop: Shop) -> AsyncIterator[str]:
    """The demo server behind a real uvicorn; gives its base URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(shop, TOKEN), log_level="warning", lifespan="on", ws="none")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    await task


async def new_postgres(server_url: str) -> str:
    """An empty database of its own."""
    url = make_url(server_url).set(drivername="postgresql+asyncpg")
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    name = f"shop{uuid.uuid4().hex}"
    async with engine.connect() as conn:
        await conn.execute(text(f"create database {name}"))
    await engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


async def seed_with_copy(server_url: str) -> str:
    """A seeded database, and in its schema `seed` a copy of every table."""
    url = await new_postgres(server_url)
    await seed(url, ANCHOR)
    engine = create_async_engine(url)
    async with engine.begin() as conn:
        await conn.execute(text("create schema seed"))
        for table in metadata.sorted_tables:
            await conn.execute(text(f"create table seed.{table.name} as table public.{table.name}"))
    await engine.dispose()
    return url


async def restore_copy(url: str) -> None:
    """Bring the tables back to what was seeded."""
    engine = create_async_engine(url)
    names = [table.name for table in metadata.sorted_tables]
    async with engine.begin() as conn:
        await conn.execute(text(f"truncate {', '.join(names)}"))
        for name in names:
            await conn.execute(text(f"insert into public.{name} table seed.{name}"))
    await engine.dispose()
