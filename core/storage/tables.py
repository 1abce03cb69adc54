"""All tables of the app, in one metadata. The demo shop's tables are its own (`actions/backends`).

Customer text, replies, summaries and decisions are sealed; what queues and boards select by is plain.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import JSON

from core.storage.types import Sealed, SealedBytes, UtcDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_Id = String(40)


def _waiting(status: str, *columns: str) -> Index:
    only = text(f"status = '{status}'")
    return Index(f"ix_messages_{status}", *columns, sqlite_where=only, postgresql_where=only)


_RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up INTEGER keys only

conversations = Table(
    "conversations",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("channel", String(32), nullable=False),  # where the customer wrote last: answers go there
    Column("sender", String(160), nullable=False),  # the channel's own id of the customer
    Column("member_id", String(64)),  # set by a verified link only
    Column("owner", String(64), nullable=False, server_default="bot"),  # bot | queue | agent:<id>
    Column("fence", Integer, nullable=False, server_default="1"),  # counts changes of owner
    Column("last_seq", Integer, nullable=False, server_default="0"),
    Column("worker", String(40)),  # the app process that is taking the turn
    Column("worker_until", UtcDateTime()),
    Column("created_at", UtcDateTime(), nullable=False),
    Index(None, "member_id"),
)

# A customer of a channel, and the conversation it leads to. Verified links lead several into one (`identity`).
identities = Table(
    "identities",
    metadata,
    Column("channel", String(32), primary_key=True),
    Column("sender", String(160), primary_key=True),
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    # How many messages the vendor still lets us send, and until when; null where it does not count.
    Column("allowance_left", Integer),
    Column("allowance_until", UtcDateTime()),
    # Delivery: the process that sends to this customer now, and when to try again after a failure.
    Column("courier", String(40)),
    Column("courier_until", UtcDateTime()),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("due_at", UtcDateTime()),
    Column("created_at", UtcDateTime(), nullable=False),
)

# What somebody proved to have, and the conversation of whoever proved it.
proofs = Table(
    "proofs",
    metadata,
    Column("kind", String(16), primary_key=True),  # member | unionid | phone
    Column("value", String(64), primary_key=True),  # keyed hash of what was proved
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
)

# Every link that led customers of two channels into one conversation, and what it moved: it can be undone.
links = Table(
    "links",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("kind", String(16), nullable=False),  # the proof's
    Column("from_conversation", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("to_conversation", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("moved", Sealed(), nullable=False),  # {"identities": [[channel, sender]…], "proofs": [[kind, value]…]}
    Column("created_at", UtcDateTime(), nullable=False),
    Column("undone_at", UtcDateTime()),
    Column("undone_by", String(64)),
)

# How far we have read at a vendor from whom we fetch.
cursors = Table(
    "cursors",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("value", String(256), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
)

# Images, voice and files of messages, each content once.
media = Table(
    "media",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 of the content, hex
    Column("type", String(100), nullable=False),  # by content, e.g. image/png
    Column("size", Integer, nullable=False),  # bytes
    Column("content", SealedBytes(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
)

# One table, two queues: the inbox is what came in and is `accepted`, the outbox what goes out and is `queued`.
messages = Table(
    "messages",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("direction", String(3), nullable=False),  # in | out
    Column("author", String(16), nullable=False),  # customer | bot | agent | system
    Column("author_name", String(64)),
    Column("channel", String(32), nullable=False),
    Column("sender", String(160), nullable=False),  # in: from whom; out: to whom, within the channel
    Column("vendor_id", String(128)),  # in: the vendor's id; out by an agent: the page's own id
    Column("body", Sealed(), nullable=False),  # text, buttons, image, custom, attachments, payload, metadata
    Column("status", String(16), nullable=False),  # in: accepted, done; out: queued, delivered, undelivered
    Column("failure", String(64)),  # out, undelivered: why
    Column("reply_to", _Id),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("created_at", UtcDateTime(), nullable=False),
    UniqueConstraint("conversation_id", "seq"),
    UniqueConstraint("channel", "vendor_id"),
    # Rows that still wait are few among all that ever were said: an index of them alone (`core.conversation.states`).
    _waiting("accepted", "conversation_id", "seq"),
    _waiting("queued", "channel", "sender", "created_at"),
    _waiting("undelivered", "channel", "sender"),
    Index(None, "reply_to"),
)

events = Table(
    "events",
    metadata,
    Column("id", _RowId, primary_key=True, autoincrement=True),
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("type", String(40), nullable=False),
    Column("message_id", _Id),
    Column("data", Sealed(), nullable=False),
    Column("created_at", UtcDateTime(), nullable=False),
    Index(None, "conversation_id", "id"),
    Index(None, "type", "created_at"),
)

knowledge_entries = Table(
    "knowledge_entries",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("question", String(500), nullable=False),
    Column("similar", JSON, nullable=False),  # other phrasings, list of str
    Column("answer", String(4000), nullable=False),
    Column("category", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("intent", String(64), nullable=False, server_default="faq"),
    Column("about", JSON, nullable=False, server_default="[]"),  # names of goods, list of str
    Column("valid_from", UtcDateTime(), nullable=False),
    Column("valid_until", UtcDateTime()),
    Column("status", String(16), nullable=False, server_default="active"),  # active | retired
    Column("version", Integer, nullable=False, server_default="1"),
    Column("seed_hash", String(64)),  # of the seed file's entry; null once edited by hand
    Column("updated_at", UtcDateTime(), nullable=False, index=True),
)

# Which active entry has which phrasing, normalised: found without reading all entries.
knowledge_phrasings = Table(
    "knowledge_phrasings",
    metadata,
    Column("phrasing", String(500), primary_key=True),
    Column("entry_id", String(64), primary_key=True, index=True),
)

agents = Table(
    "agents",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("username", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("password_hash", String(256), nullable=False),
    Column("role", String(16), nullable=False),  # agent | admin | analyst
    Column("active", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", UtcDateTime(), nullable=False),
)

handoffs = Table(
    "handoffs",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("status", String(16), nullable=False),  # waiting | taken | closed | cancelled
    Column("reason", String(40), nullable=False),
    Column("priority", Integer, nullable=False, server_default="0"),  # VIP 1, others 0; higher goes first
    Column("decision", Sealed(), nullable=False),
    Column("summary", Sealed(), nullable=False),
    Column("agent_id", _Id, ForeignKey("agents.id")),
    Column("resolution", String(16)),
    Column("note", Sealed()),
    Column("created_at", UtcDateTime(), nullable=False),
    Column("taken_at", UtcDateTime()),
    Column("closed_at", UtcDateTime()),
    Index(None, "status", "priority", "created_at"),
    # At most one open handoff a conversation, whatever races.
    Index(
        "uq_handoffs_open",
        "conversation_id",
        unique=True,
        sqlite_where=text("status in ('waiting', 'taken')"),
        postgresql_where=text("status in ('waiting', 'taken')"),
    ),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", _Id, primary_key=True),
    Column("number", String(32), nullable=False, unique=True),
    Column("conversation_id", _Id, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("handoff_id", _Id, ForeignKey("handoffs.id")),
    Column("member_id", String(64)),
    Column("subject", Sealed(), nullable=False),
    Column("body", Sealed(), nullable=False),
    Column("priority", String(16), nullable=False, server_default="normal"),  # low | normal | high | urgent
    Column("status", String(16), nullable=False, server_default="open"),  # open | pending | solved
    Column("created_by", String(64), nullable=False),  # customer | agent:<id>
    Column("created_at", UtcDateTime(), nullable=False),
    Column("updated_at", UtcDateTime(), nullable=False),
    Index(None, "status", "created_at"),
    Index(None, "member_id"),
)
