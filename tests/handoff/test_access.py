"""Signing in, being there, and who is kept out."""

from typing import Annotated

import pytest
from fastapi import Depends
from httpx import AsyncClient

from core.errors import Conflict, InvalidInput
from handoff import agents, presence
from handoff.api import editor
from tests.handoff.world import PASSWORD, World, sign_in


async def log_in(client: AsyncClient, username: str, password: str) -> int:
    answer = await client.post("/api/desk/login", json={"username": username, "password": password})
    return answer.status_code


async def test_signing_in_and_out(world: World, desk: AsyncClient) -> None:
    me = (await desk.get("/api/desk/me")).json()["agent"]
    assert (me["username"], me["name"], me["role"], me["available"]) == ("xiaowang", "小王", "agent", True)
    cookie = desk.cookies["kefu_desk"]
    assert (await desk.post("/api/desk/logout")).status_code == 204
    assert await world.presence.available() == 0
    thief = world.client()
    thief.cookies.set("kefu_desk", cookie)
    assert (await thief.get("/api/desk/me")).status_code == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(world: World) -> None:
    await world.add_agent("xiaowang")
    answer = await world.client().post("/api/desk/login", json={"username": "xiaowang", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert PASSWORD not in answer.text


async def test_a_forged_form_of_another_site_is_refused(world: World, desk: AsyncClient) -> None:
    del desk.headers["X-Kefu-Desk"]
    assert (await desk.get("/api/desk/me")).status_code == 200
    assert (await desk.post("/api/desk/status", json={"available": False})).status_code == 403
    assert await log_in(desk, "xiaowang", PASSWORD) == 403


async def test_guessing_is_slowed_down(world: World) -> None:
    await world.add_agent("xiaowang")
    client = world.client()
    assert [await log_in(client, "xiaowang", "wrong") for _ in range(6)] == [401] * 5 + [429]
    assert await log_in(client, "xiaowang", PASSWORD) == 429
    await world.add_agent("xiaoli")
    assert await log_in(client, "xiaoli", PASSWORD) == 200


async def test_an_unknown_name_is_answered_like_a_wrong_password(world: World) -> None:
    await world.add_agent("xiaowang")
    client = world.client()
    body = [{"username": name, "password": "wrong"} for name in ("xiaowang", "nobody")]
    first, second = [await client.post("/api/desk/login", json=each) for each in body]
    assert first.json() == second.json()


async def test_a_disabled_agent_is_out_at_once(world: World, desk: AsyncClient) -> None:
    async with world.database.begin() as conn:
        await agents.do_disable(conn, "xiaowang")
    assert (await desk.get("/api/desk/queue")).status_code == 401
    assert await log_in(world.client(), "xiaowang", PASSWORD) == 401


async def test_being_there(world: World, desk: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await world.presence.available() == 1
    away = await desk.post("/api/desk/status", json={"available": False})
    assert away.json()["agent"]["available"] is False
    assert await world.presence.available() == 0
    await desk.post("/api/desk/status", json={"available": True})
    monkeypatch.setattr(presence, "FRESH_SECONDS", -1)
    assert await world.presence.available() == 0


async def test_other_rooms_use_the_same_sign_in(world: World, desk: AsyncClient) -> None:
    may_edit = editor(world.database, world.bus, world.presence, secure=False)

    @world.app.api_route("/api/other", methods=["GET", "PUT"])
    async def other(agent: Annotated[agents.Agent, Depends(may_edit)]) -> str:
        return agent.username

    assert (await world.client().get("/api/other")).status_code == 401
    assert [(await desk.request(verb, "/api/other")).json() for verb in ("GET", "PUT")] == ["xiaowang"] * 2
    await world.add_agent("fenxi", role="analyst")
    analyst = await sign_in(world, "fenxi")
    assert (await analyst.get("/api/other")).status_code == 200
    assert (await analyst.put("/api/other")).status_code == 403
    del desk.headers["X-Kefu-Desk"]
    assert (await desk.put("/api/other")).status_code == 403


async def test_accounts_are_checked(world: World) -> None:
    await world.add_agent("xiaowang")
    with pytest.raises(Conflict, match="已经存在"):
        await world.add_agent("xiaowang")
    async with world.database.begin() as conn:
        with pytest.raises(InvalidInput, match="至少"):
            await agents.do_create(conn, "a", "a", "short", "agent")


async def test_demo_accounts_take_the_password_of_the_set_up(world: World) -> None:
    first = await agents.ensure_demo_agents(world.database, "first-password")
    again = await agents.ensure_demo_agents(world.database, PASSWORD)
    assert [agent.id for agent in first] == [agent.id for agent in again]
    assert {agent.role for agent in again} == {"agent", "admin", "analyst"}
    assert (await (await sign_in(world, "xiaowang")).get("/api/desk/me")).status_code == 200
