"""Who is who: a customer of a channel leads to one conversation, and verified proofs lead several into the same one.

Nothing is copied. A link lets identities and proofs point to another conversation; what was said before stays where it
was said. Every link is a row that says what it moved, so it can be undone, and the same two are not linked again then.

- The same proof on two channels is the same customer. The conversation that has a member stays, else the one in which
  something was said last: there the customer is in the middle of something.
- Also who is new gets a conversation of their own first, so that there is something to go back to.
- Two conversations of different members are never joined. Who logs in as another member moves there alone.
- A conversation that people hold is not moved; the next message tries again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from core.conversation import lease, log
from core.conversation.message import Proof, new_id
from core.errors import NotFound
from core.storage.tables import conversations, identities, links, messages, proofs
from core.storage.types import fingerprint

MEMBER = "member"
STRENGTH = (MEMBER, "unionid", "phone")

_FIND = select(identities.c.conversation_id).where(
    identities.c.channel == bindparam("of_channel"), identities.c.sender == bindparam("of_sender")
)
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


@dataclass(frozen=True, slots=True)
class Link:
    """`moved` names what points to `to_conversation` since: identities as [channel, sender], proofs as [kind, hash]."""

    id: str
    kind: str
    from_conversation: str
    to_conversation: str
    moved: dict[str, list[list[str]]]
    created_at: datetime
    undone_at: datetime | None
    undone_by: str | None


async def find(conn: AsyncConnection, channel: str, sender: str) -> str | None:
    """The id of the conversation of a customer of a channel."""
    return (await conn.execute(_FIND, {"of_channel": channel, "of_sender": sender})).scalar_one_or_none()


async def senders(conn: AsyncConnection, conversation_id: str, channel: str) -> list[str]:
    """Who of a channel leads to a conversation."""
    here = (identities.c.conversation_id == conversation_id) & (identities.c.channel == channel)
    return list((await conn.execute(select(identities.c.sender).where(here))).scalars())


async def do_open(
    conn: AsyncConnection,
    channel: str,
    sender: str,
    member_id: str | None = None,
    shown: Sequence[Proof] = (),
) -> str:
    """The id of the conversation of a customer of a channel; a new one where there is none.

    `shown` are the customer's proofs: they link. What is known already comes first, so that who is new goes on where
    the customer was; but somebody who is another member than before leaves with all they show.
    """
    current = await find(conn, channel, sender) or await _place(conn, channel, sender, member_id)
    if not shown:
        return current
    shown_member = next((proof.value for proof in shown if proof.kind == MEMBER), None)
    leaves = shown_member is not None and await _member(conn, current) not in (None, shown_member)
    known = await _known(conn, shown)

    def turn(proof: Proof) -> tuple[bool, int]:
        return proof.kind != MEMBER if leaves else proof not in known, STRENGTH.index(proof.kind)

    for proof in sorted(shown, key=turn):
        before = current
        current = await _show(conn, channel, sender, current, proof, known.get(proof), shown_member)
        if current != before:
            known = await _known(conn, shown)
    return current


async def do_unlink(conn: AsyncConnection, link_id: str, by: str) -> Link:
    """Undo a link: what it moved points back, and the two are not linked again by themselves. Raises NotFound."""
    row = (await conn.execute(select(links).where(links.c.id == link_id))).one_or_none()
    if row is None:
        raise NotFound(f"没有这条关联: {link_id}")
    link = Link(**row._mapping)
    if link.undone_at is None:
        await _move(conn, link.moved, link.to_conversation, link.from_conversation)
        await _readdress(conn, link.to_conversation)
        undone = {"undone_at": datetime.now(UTC), "undone_by": by}
        await conn.execute(update(links).where(links.c.id == link_id).values(**undone))
        await _log(conn, "identity.unlinked", link, {"by": by})
    return link


async def links_of(conn: AsyncConnection, conversation_id: str | None = None, limit: int = 200) -> list[Link]:
    """Links that led into or out of a conversation (or all), newest first."""
    query = select(links).order_by(links.c.created_at.desc()).limit(limit)
    if conversation_id:
        query = query.where(
            or_(links.c.from_conversation == conversation_id, links.c.to_conversation == conversation_id)
        )
    return [Link(**row._mapping) for row in await conn.execute(query)]


async def _known(conn: AsyncConnection, shown: Sequence[Proof]) -> dict[Proof, str]:
    if not shown:
        return {}
    keys = {(proof.kind, _hash(conn, proof)): proof for proof in shown}
    query = select(proofs).where(tuple_(proofs.c.kind, proofs.c.value).in_(list(keys)))
    return {keys[row.kind, row.value]: row.conversation_id for row in await conn.execute(query)}


async def _show(
    conn: AsyncConnection,
    channel: str,
    sender: str,
    current: str,
    proof: Proof,
    known: str | None,
    shown_member: str | None,
) -> str:
    """What one proof does to a customer who is in `current`; the conversation they are in then. `shown_member` is who
    they say they are along with it."""
    if known == current:
        return current
    member = await _member(conn, current)
    alone = proof.kind == MEMBER and member not in (None, proof.value)
    if known is None:
        known = await _create(conn, channel, sender, proof.value) if alone else current
        await _register(conn, proof, known)
        if known == current:
            return current
    here, there = await _locked(conn, current, known)
    if alone:
        await _link(conn, proof.kind, here, there, {"identities": [[channel, sender]], "proofs": []})
        return known
    source, target = sorted((here, there), key=_standing)
    if len({here.member_id or shown_member, there.member_id} - {None}) > 1:
        await log.do_append(conn, current, "identity.refused", {"kind": proof.kind, "why": "different members"})
        return current
    if source.owner != lease.BOT or await _was_undone(conn, source.id, target.id):
        return current
    await _link(conn, proof.kind, source, target, await _all_of(conn, source.id))
    return str(target.id)


def _standing(conversation: Row[Any]) -> tuple[bool, float, float]:
    """Of two conversations the one that has more of it stays; of two in which nothing was said the older one."""
    spoken_at = conversation.spoken_at.timestamp() if conversation.spoken_at else 0.0
    return conversation.member_id is not None, spoken_at, -conversation.created_at.timestamp()


async def _register(conn: AsyncConnection, proof: Proof, conversation_id: str) -> None:
    row = {"kind": proof.kind, "value": _hash(conn, proof), "conversation_id": conversation_id}
    await conn.execute(_INSERTS[conn.dialect.name](proofs).values(row).on_conflict_do_nothing())
    if proof.kind == MEMBER:
        mine = update(conversations).where(conversations.c.id == conversation_id)
        await conn.execute(mine.values(member_id=proof.value))


async def _link(
    conn: AsyncConnection, kind: str, source: Row[Any], target: Row[Any], moved: dict[str, list[list[str]]]
) -> None:
    link = Link(new_id(), kind, source.id, target.id, moved, datetime.now(UTC), None, None)
    await _move(conn, moved, source.id, target.id)
    values = {name: getattr(link, name) for name in Link.__slots__}
    await conn.execute(insert(links).values(values))
    await _log(conn, "identity.linked", link, {})


async def _log(conn: AsyncConnection, type: str, link: Link, data: dict[str, Any]) -> None:
    """Both conversations say so."""
    about = data | {"link_id": link.id, "kind": link.kind, "from": link.from_conversation, "to": link.to_conversation}
    for conversation_id in (link.from_conversation, link.to_conversation):
        await log.do_append(conn, conversation_id, type, about)


async def _move(conn: AsyncConnection, moved: dict[str, list[list[str]]], source: str, target: str) -> None:
    """Only what still points to `source` moves: a later link may have led it elsewhere."""
    for table, key, rows in (
        (identities, (identities.c.channel, identities.c.sender), moved["identities"]),
        (proofs, (proofs.c.kind, proofs.c.value), moved["proofs"]),
    ):
        if rows:
            mine = tuple_(*key).in_([tuple(row) for row in rows]) & (table.c.conversation_id == source)
            await conn.execute(update(table).where(mine).values(conversation_id=target))


async def _readdress(conn: AsyncConnection, conversation_id: str) -> None:
    """Answers go to who still leads here: if the one who wrote last does not, to who wrote before."""
    here = identities.c.conversation_id == conversation_id
    addressed = (identities.c.channel == conversations.c.channel) & (identities.c.sender == conversations.c.sender)
    mine = conversations.c.id == conversation_id
    if (await conn.execute(select(conversations.c.id).join(identities, addressed).where(here, mine))).first():
        return
    wrote = (messages.c.channel == identities.c.channel) & (messages.c.sender == identities.c.sender)
    there = wrote & (messages.c.conversation_id == conversation_id) & (messages.c.direction == "in")
    query = select(identities.c.channel, identities.c.sender).outerjoin(messages, there).where(here)
    latest = query.order_by(func.coalesce(messages.c.seq, 0).desc(), identities.c.created_at.desc()).limit(1)
    if row := (await conn.execute(latest)).first():
        await conn.execute(update(conversations).where(mine).values(channel=row.channel, sender=row.sender))


async def _all_of(conn: AsyncConnection, conversation_id: str) -> dict[str, list[list[str]]]:
    senders = select(identities.c.channel, identities.c.sender).where(identities.c.conversation_id == conversation_id)
    shown = select(proofs.c.kind, proofs.c.value).where(proofs.c.conversation_id == conversation_id)
    return {
        "identities": [list(row) for row in await conn.execute(senders)],
        "proofs": [list(row) for row in await conn.execute(shown)],
    }


async def _was_undone(conn: AsyncConnection, one: str, other: str) -> bool:
    pair = [(one, other), (other, one)]
    query = select(links.c.id).where(
        tuple_(links.c.from_conversation, links.c.to_conversation).in_(pair), links.c.undone_at.is_not(None)
    )
    return (await conn.execute(query.limit(1))).one_or_none() is not None


async def _member(conn: AsyncConnection, conversation_id: str) -> str | None:
    query = select(conversations.c.member_id).where(conversations.c.id == conversation_id)
    member_id: str | None = (await conn.execute(query)).scalar_one()
    return member_id


async def _locked(conn: AsyncConnection, *ids: str) -> tuple[Row[Any], ...]:
    """The conversations as asked for, locked in one order whoever asks."""
    said = messages.c.conversation_id == conversations.c.id
    last = select(messages.c.created_at).where(said).order_by(messages.c.seq.desc()).limit(1)
    columns = (conversations.c.id, conversations.c.member_id, conversations.c.owner, conversations.c.created_at)
    query = select(*columns, last.scalar_subquery().label("spoken_at"))
    locked = await conn.execute(query.where(conversations.c.id.in_(ids)).order_by(conversations.c.id).with_for_update())
    rows: dict[str, Any] = {row.id: row for row in locked}
    return tuple(rows[id] for id in ids)


async def _create(conn: AsyncConnection, channel: str, sender: str, member_id: str | None) -> str:
    conversation_id = new_id()
    row = {"id": conversation_id, "channel": channel, "sender": sender, "member_id": member_id}
    await conn.execute(insert(conversations).values(row | {"created_at": datetime.now(UTC)}))
    return conversation_id


async def _place(conn: AsyncConnection, channel: str, sender: str, member_id: str | None) -> str:
    """Let a new customer lead to a new conversation. Whoever races us here first decides."""
    made = await _create(conn, channel, sender, member_id)
    row = {"channel": channel, "sender": sender, "conversation_id": made, "created_at": datetime.now(UTC)}
    await conn.execute(_INSERTS[conn.dialect.name](identities).values(row).on_conflict_do_nothing())
    placed = await find(conn, channel, sender)
    assert placed is not None
    if placed != made:
        await conn.execute(delete(conversations).where(conversations.c.id == made))
    return placed


def _hash(conn: AsyncConnection, proof: Proof) -> str:
    return fingerprint(conn.dialect, f"{proof.kind}:{proof.value}")
