"""The people at the desk: accounts with a role and an argon2 hash of their password."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation.message import new_id
from core.errors import Conflict, InvalidInput, NotFound, Unauthorized
from core.storage.database import Database
from core.storage.tables import agents

Role = Literal["agent", "admin", "analyst"]
"""agent: serves customers. admin: and closes what others left. analyst: reads, masked, and changes nothing."""

SHORTEST_PASSWORD = 8
DEMO_AGENTS_FILE = Path(__file__).with_name("demo_agents.yml")

_hasher = PasswordHasher()


@dataclass(frozen=True)
class Agent:
    id: str
    username: str
    name: str
    role: Role
    active: bool

    @property
    def may_act(self) -> bool:
        return self.role != "analyst"


def check_agent(username: str, name: str, password: str, role: str) -> None:
    """Raises InvalidInput."""
    if not username.strip() or not name.strip():
        raise InvalidInput("账号和姓名不能为空")
    if len(password) < SHORTEST_PASSWORD:
        raise InvalidInput(f"密码至少 {SHORTEST_PASSWORD} 位")
    if role not in get_args(Role):
        raise InvalidInput("角色只能是 agent、admin、analyst")


async def do_create(conn: AsyncConnection, username: str, name: str, password: str, role: Role) -> Agent:
    """Raises InvalidInput, or Conflict when the username is taken."""
    check_agent(username, name, password, role)
    values = {
        "id": new_id(),
        "username": username.strip(),
        "name": name.strip(),
        "password_hash": await asyncio.to_thread(_hasher.hash, password),
        "role": role,
        "active": True,
        "created_at": datetime.now(UTC),
    }
    try:
        return _agent((await conn.execute(insert(agents).values(**values).returning(agents))).one())
    except IntegrityError:
        raise Conflict(f"账号 {username} 已经存在") from None


async def do_disable(conn: AsyncConnection, username: str) -> None:
    """From the commit on the agent is signed out everywhere, and cannot sign in. Raises NotFound."""
    closing = update(agents).where(agents.c.username == username.strip()).values(active=False)
    if (await conn.execute(closing)).rowcount != 1:
        raise NotFound(f"没有账号 {username}")


async def read(conn: AsyncConnection, agent_id: str) -> Agent | None:
    row = (await conn.execute(select(agents).where(agents.c.id == agent_id))).one_or_none()
    return _agent(row) if row else None


async def authenticate(conn: AsyncConnection, username: str, password: str) -> Agent:
    """Raises Unauthorized: same words, same time for an unknown name, a wrong password and a closed account."""
    row = (await conn.execute(select(agents).where(agents.c.username == username.strip()))).one_or_none()
    known = await asyncio.to_thread(_verify, row.password_hash if row else _hash_of_nobody(), password)
    if row is None or not known or not row.active:
        raise Unauthorized("账号或密码不对")
    return _agent(row)


async def ensure_demo_agents(database: Database, password: str) -> list[Agent]:
    """The demo's accounts, all with this password; those that exist are kept."""
    made = []
    for account in _demo_accounts():
        async with database.begin() as conn:
            row = (await conn.execute(select(agents).where(agents.c.username == account["username"]))).one_or_none()
            if row is None:
                made.append(await do_create(conn, password=password, **account))
                continue
            if not await asyncio.to_thread(_verify, row.password_hash, password):
                fresh = await asyncio.to_thread(_hasher.hash, password)
                await conn.execute(update(agents).where(agents.c.id == row.id).values(password_hash=fresh))
            made.append(_agent(row))
    return made


async def has_demo_agents(database: Database) -> bool:
    """Raises sqlalchemy.exc.DBAPIError where there is no table."""
    wanted = [account["username"] for account in _demo_accounts()]
    async with database.connect() as conn:
        found = (await conn.execute(select(agents.c.id).where(agents.c.username.in_(wanted)))).all()
    return len(found) == len(wanted)


def _demo_accounts() -> list[dict[str, Any]]:
    accounts: list[dict[str, Any]] = yaml.safe_load(DEMO_AGENTS_FILE.read_text(encoding="utf-8"))
    return accounts


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher.verify(password_hash, password)
    except VerifyMismatchError:
        return False


@cache
def _hash_of_nobody() -> str:
    """So that an unknown name takes as long as a wrong password."""
    return _hasher.hash("nobody")


def _agent(row: Row[Any]) -> Agent:
    return Agent(row.id, row.username, row.name, row.role, row.active)
