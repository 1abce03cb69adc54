"""Who may use the desk: sign-in by cookie, and what each role may do. All are FastAPI dependencies."""

from __future__ import annotations

from fastapi import Request, Response

from core.errors import Forbidden, Unauthorized
from core.storage.database import Database
from handoff import agents
from handoff.agents import Agent
from handoff.presence import Presence
from handoff.sessions import IDLE_SECONDS, LoginThrottle, Sessions

COOKIE = "kefu_desk"
HEADER = "X-Kefu-Desk"
PATH = "/api/desk"
COOKIE_PATH = "/api"  # the knowledge base is behind the same sign-in
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Access:
    """`secure`: the desk is served over https, so the cookie is for https only."""

    def __init__(
        self, database: Database, sessions: Sessions, throttle: LoginThrottle, presence: Presence, *, secure: bool
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._throttle = throttle
        self._presence = presence
        self._secure = secure

    def own_page(self, request: Request) -> None:
        """A form of another site cannot set a header: unsafe methods need ours."""
        if request.method not in SAFE_METHODS and request.headers.get(HEADER) != "1":
            raise Forbidden(f"请求缺少 {HEADER}: 1")

    async def signed_in(self, request: Request) -> Agent:
        """Whoever is signed in. Being here counts as a sign of life."""
        agent = await self._agent(request.cookies.get(COOKIE))
        if agent is None:
            raise Unauthorized("请先登录")
        await self._presence.beat(agent.id)
        return agent

    async def may_act(self, request: Request) -> Agent:
        """Agents and administrators."""
        agent = await self.signed_in(request)
        if not agent.may_act:
            raise Forbidden("分析员只能查看，不能操作")
        return agent

    async def administrator(self, request: Request) -> Agent:
        agent = await self.signed_in(request)
        if agent.role != "admin":
            raise Forbidden("只有管理员可以这样做")
        return agent

    async def editor(self, request: Request) -> Agent:
        """For another room's pages behind the same sign-in: everybody reads, agents and administrators change."""
        self.own_page(request)
        return await (self.signed_in(request) if request.method in SAFE_METHODS else self.may_act(request))

    async def still_signed_in(self, request: Request) -> bool:
        """For a request that stays open."""
        agent = await self._agent(request.cookies.get(COOKIE))
        if agent:
            await self._presence.beat(agent.id)
        return agent is not None

    async def log_in(self, request: Request, response: Response, username: str, password: str) -> Agent:
        """Raises Unauthorized, or TooMany."""
        address = request.client.host if request.client else ""
        await self._throttle.count(username, address)
        async with self._database.connect() as conn:
            agent = await agents.authenticate(conn, username, password)
        await self._throttle.forget(username, address)
        await self._presence.choose(agent.id, agent.may_act)
        response.set_cookie(
            COOKIE,
            await self._sessions.open(agent.id),
            max_age=IDLE_SECONDS,
            path=COOKIE_PATH,
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        return agent

    async def log_out(self, request: Request, response: Response, agent: Agent) -> None:
        await self._sessions.close(request.cookies[COOKIE])
        await self._presence.choose(agent.id, False)
        response.delete_cookie(COOKIE, path=COOKIE_PATH, secure=self._secure, httponly=True, samesite="strict")

    async def _agent(self, token: str | None) -> Agent | None:
        """None when the session is over or the account was closed."""
        agent_id = await self._sessions.agent_id(token) if token else None
        if agent_id is None:
            return None
        async with self._database.connect() as conn:
            agent = await agents.read(conn, agent_id)
        return agent if agent and agent.active else None
