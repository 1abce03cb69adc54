"""One customer, one conversation: verified proofs link, nothing leaks, every link can be undone."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from core.conversation import identity, inbox, lease, log, transcript
from core.conversation.message import Inbound, Proof
from core.errors import NotFound
from core.storage.database import Database
from core.storage.tables import conversations, proofs

MEMBER = Proof("member", "m1")
OTHER = Proof("member", "m2")
UNION = Proof("unionid", "u1")
PHONE = Proof("phone", "13800000000")


async def opened(database: Database, channel: str, sender: str, *shown: Proof) -> str:
    async with database.begin() as conn:
        return await identity.do_open(conn, channel, sender, shown=shown)


async def member_of(database: Database, conversation_id: str) -> Any:
    async with database.connect() as conn:
        query = select(conversations.c.member_id).where(conversations.c.id == conversation_id)
        return (await conn.execute(query)).scalar_one()


async def test_names_alone_link_nobody(database: Database) -> None:
    assert await opened(database, "app", "张三") != await opened(database, "web", "张三")


async def test_a_proof_leads_a_newcomer_to_the_customers_conversation(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    assert await opened(database, "mini", "o", MEMBER) == app
    assert await opened(database, "mini", "o") == app
    assert await member_of(database, app) == "m1"


async def test_a_stranger_who_logs_in_moves_and_all_that_is_theirs_follows(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    stranger = await opened(database, "wechat", "o1", UNION)
    assert await opened(database, "mini", "o2", UNION) == stranger
    assert await opened(database, "mini", "o2", MEMBER) == app
    assert await opened(database, "wechat", "o1") == app
    assert await opened(database, "mini", "o3", UNION) == app
    async with database.connect() as conn:
        assert {event.type for event in await log.read(conn, app)} == {"identity.linked"}
        assert {event.type for event in await log.read(conn, stranger)} == {"identity.linked"}
        assert {link.kind for link in await identity.links_of(conn, app)} == {"member", "unionid"}


async def test_the_conversation_of_the_member_stays_whoever_had_the_proof_first(database: Database) -> None:
    await opened(database, "wechat", "o1", UNION)
    app = await opened(database, "app", "a", MEMBER, UNION)
    assert await opened(database, "wechat", "o1") == app


async def test_a_stranger_who_logs_in_for_the_first_time_keeps_the_conversation(database: Database) -> None:
    stranger = await opened(database, "mini", "o1")
    assert await opened(database, "mini", "o1", MEMBER) == stranger
    assert await opened(database, "app", "a", MEMBER) == stranger


async def test_two_members_are_never_joined(database: Database) -> None:
    one = await opened(database, "app", "a", MEMBER, PHONE)
    two = await opened(database, "app", "b", OTHER)
    assert await opened(database, "app", "b", PHONE) == two
    assert await opened(database, "app", "a") == one
    async with database.connect() as conn:
        assert [event.type for event in await log.read(conn, two)] == ["identity.refused"]


@pytest.mark.parametrize("known", [True, False])
async def test_who_logs_in_as_another_member_moves_alone(database: Database, known: bool) -> None:
    one = await opened(database, "mini", "o", MEMBER)
    await opened(database, "app", "a", MEMBER)
    two = await opened(database, "app", "b", OTHER) if known else None
    moved = await opened(database, "mini", "o", OTHER)
    assert moved != one
    assert two in (None, moved)
    assert await member_of(database, moved) == "m2"
    assert await opened(database, "app", "a") == one
    assert await opened(database, "mini", "o", MEMBER) == one


async def test_a_newcomer_with_two_proofs_of_different_members_is_the_one_who_logged_in(database: Database) -> None:
    one = await opened(database, "app", "a", MEMBER, UNION)
    both = await opened(database, "mini", "o", OTHER, UNION)
    assert both != one
    assert await member_of(database, both) == "m2"
    assert await member_of(database, one) == "m1"


async def test_nobody_is_taken_out_of_a_conversation_that_people_hold(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    stranger = await opened(database, "mini", "o")
    async with database.begin() as conn:
        await lease.do_transfer(conn, stranger, lease.QUEUE)
    assert await opened(database, "mini", "o", MEMBER) == stranger
    async with database.begin() as conn:
        await lease.do_transfer(conn, stranger, lease.BOT)
    assert await opened(database, "mini", "o", MEMBER) == app


async def test_a_link_can_be_undone_and_is_not_made_again(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    stranger = await opened(database, "mini", "o", UNION)
    assert await opened(database, "mini", "o", MEMBER) == app
    async with database.begin() as conn:
        (link,) = await identity.links_of(conn, app)
        await identity.do_unlink(conn, link.id, "agent:1")
        await identity.do_unlink(conn, link.id, "agent:1")
    assert await opened(database, "mini", "o") == stranger
    assert await opened(database, "mini", "o", MEMBER) == stranger
    assert await opened(database, "wechat", "w", UNION) == stranger
    async with database.begin() as conn:
        (undone,) = [link for link in await identity.links_of(conn, stranger) if link.undone_at]
        assert (undone.id, undone.undone_by) == (link.id, "agent:1")
        with pytest.raises(NotFound):
            await identity.do_unlink(conn, "none", "agent:1")


async def test_also_a_newcomers_link_can_be_undone(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    assert await opened(database, "mini", "o", MEMBER) == app
    async with database.begin() as conn:
        (link,) = await identity.links_of(conn, app)
        await identity.do_unlink(conn, link.id, "agent:1")
    apart = await opened(database, "mini", "o")
    assert apart != app
    assert await member_of(database, apart) is None
    assert await opened(database, "mini", "o", MEMBER) == apart
    assert await opened(database, "app", "a", MEMBER) == app


@pytest.mark.parametrize("spoke_last", ["wechat", "web"])
async def test_without_a_member_the_conversation_that_was_spoken_in_last_stays(
    database: Database, spoke_last: str
) -> None:
    found = {channel: await opened(database, channel, "o") for channel in ("wechat", "web")}
    await opened(database, "wechat", "o", PHONE)
    for channel in sorted(found, key=lambda channel: channel == spoke_last):
        async with database.begin() as conn:
            await inbox.do_accept(conn, Inbound(channel, channel, "o", "我要留言"))
    assert await opened(database, "web", "o", PHONE) == found[spoke_last]
    assert await opened(database, "wechat", "o") == found[spoke_last]


async def test_a_newcomer_who_logs_in_for_the_first_time_goes_on_where_the_phone_is_known(database: Database) -> None:
    visitor = await opened(database, "web", "v", PHONE)
    assert await opened(database, "mini", "o", MEMBER, PHONE) == visitor
    assert await member_of(database, visitor) == "m1"
    assert await opened(database, "web", "v") == visitor


async def test_what_another_member_shows_goes_with_them(database: Database) -> None:
    """At the device of the first member; not even for a moment are the second one's others led there."""
    one = await opened(database, "mini", "o", MEMBER)
    visitor = await opened(database, "web", "v", PHONE)
    two = await opened(database, "mini", "o", OTHER, PHONE)
    assert two != one
    assert await opened(database, "web", "v") == two
    async with database.connect() as conn:
        assert visitor not in {link.from_conversation for link in await identity.links_of(conn, one)}


async def test_what_was_said_stays_where_it_was_said(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    stranger = await opened(database, "mini", "o")
    async with database.begin() as conn:
        await inbox.do_accept(conn, Inbound("mini", "1", "o", "我的秘密"))
        accepted = await inbox.do_accept(conn, Inbound("mini", "2", "o", "到哪了", proofs=(MEMBER,)))
        assert accepted.message.conversation_id == app
        assert [m.text for m in await transcript.read(conn, app)] == ["到哪了"]
        assert [m.text for m in await transcript.read(conn, stranger)] == ["我的秘密"]


async def test_after_a_link_is_undone_the_customers_do_not_see_each_other(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    await opened(database, "mini", "o")
    async with database.begin() as conn:
        await inbox.do_accept(conn, Inbound("app", "1", "a", "我的"))
        await inbox.do_accept(conn, Inbound("mini", "2", "o", "别人的", proofs=(MEMBER,)))
        assert len(await transcript.read(conn, app, for_customer=True)) == 2
        (link,) = await identity.links_of(conn, app)
        await identity.do_unlink(conn, link.id, "agent:1")
        assert [m.text for m in await transcript.read(conn, app, for_customer=True)] == ["我的"]
        assert len(await transcript.read(conn, app)) == 2


async def test_a_repeat_of_an_old_message_does_not_call_answers_back_to_its_channel(database: Database) -> None:
    app = await opened(database, "app", "a", MEMBER)
    await opened(database, "mini", "o", MEMBER)
    async with database.begin() as conn:
        first = await inbox.do_accept(conn, Inbound("app", "1", "a", "在吗"))
        await inbox.do_accept(conn, Inbound("mini", "2", "o", "到哪了"))
        again = await inbox.do_accept(conn, Inbound("app", "1", "a", "在吗"))
        assert (again.is_repeat, again.message) == (True, first.message)
        query = select(conversations.c.channel, conversations.c.last_seq).where(conversations.c.id == app)
        assert tuple((await conn.execute(query)).one()) == ("mini", 2)


async def test_proofs_are_not_stored_in_the_clear(database: Database) -> None:
    await opened(database, "app", "a", PHONE)
    async with database.connect() as conn:
        (row,) = (await conn.execute(select(proofs))).all()
    assert PHONE.value not in row.value


async def test_racing_first_messages_make_one_conversation(database: Database) -> None:
    found = await asyncio.gather(*(opened(database, "web", "v", MEMBER) for _ in range(6)))
    assert len(set(found)) == 1
    async with database.connect() as conn:
        assert len((await conn.execute(select(conversations.c.id))).all()) == 1


async def test_racing_links_of_both_sides_end_in_one_conversation(database: Database) -> None:
    await opened(database, "wechat", "o", UNION)
    await opened(database, "mini", "p", PHONE)
    await asyncio.gather(
        opened(database, "wechat", "o", PHONE),
        opened(database, "mini", "p", UNION),
    )
    assert await opened(database, "wechat", "o", PHONE) == await opened(database, "mini", "p", UNION)
