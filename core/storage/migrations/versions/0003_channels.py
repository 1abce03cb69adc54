"""Customers of channels apart from their conversations, links between them, delivery, and media."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
OUTGOING = sa.text("status in ('queued', 'undelivered')")


def upgrade() -> None:
    _create_identities()
    _create_links()
    op.create_table(
        "media",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media")),
    )
    op.create_table(
        "cursors",
        sa.Column("name", sa.String(length=160), nullable=False),
        sa.Column("value", sa.String(length=256), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cursors")),
    )
    op.execute(
        "insert into identities (channel, sender, conversation_id, created_at)"
        " select channel, sender, id, created_at from conversations"
    )
    with op.batch_alter_table("messages") as table:
        table.add_column(sa.Column("sender", sa.String(length=160), nullable=True))
        table.add_column(sa.Column("failure", sa.String(length=64), nullable=True))
    op.execute(
        "update messages set sender = (select c.sender from conversations c where c.id = messages.conversation_id)"
    )
    with op.batch_alter_table("messages") as table:
        table.alter_column("sender", existing_type=sa.String(length=160), nullable=False)
        table.create_index(
            "ix_messages_outgoing",
            ["status", "channel", "sender"],
            sqlite_where=OUTGOING,
            postgresql_where=OUTGOING,
        )
    with op.batch_alter_table("conversations") as table:
        table.drop_constraint(op.f("uq_conversations_channel_sender"), type_="unique")
        table.alter_column("sender", existing_type=sa.String(length=128), type_=sa.String(length=160))


def downgrade() -> None:
    with op.batch_alter_table("conversations") as table:
        table.alter_column("sender", existing_type=sa.String(length=160), type_=sa.String(length=128))
        table.create_unique_constraint(op.f("uq_conversations_channel_sender"), ["channel", "sender"])
    with op.batch_alter_table("messages") as table:
        table.drop_index("ix_messages_outgoing")
        table.drop_column("failure")
        table.drop_column("sender")
    for name in ("cursors", "media", "links", "proofs", "identities"):
        op.drop_table(name)


def _create_identities() -> None:
    op.create_table(
        "identities",
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.String(length=160), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.Column("allowance_left", sa.Integer(), nullable=True),
        sa.Column("allowance_until", TIME, nullable=True),
        sa.Column("courier", sa.String(length=40), nullable=True),
        sa.Column("courier_until", TIME, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", TIME, nullable=True),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
            name=op.f("fk_identities_conversation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("channel", "sender", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_conversation_id"), "identities", ["conversation_id"])


def _create_links() -> None:
    op.create_table(
        "proofs",
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.Column("conversation_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name=op.f("fk_proofs_conversation_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("kind", "value", name=op.f("pk_proofs")),
    )
    op.create_index(op.f("ix_proofs_conversation_id"), "proofs", ["conversation_id"])
    op.create_table(
        "links",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("from_conversation", sa.String(length=40), nullable=False),
        sa.Column("to_conversation", sa.String(length=40), nullable=False),
        sa.Column("moved", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("undone_at", TIME, nullable=True),
        sa.Column("undone_by", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["from_conversation"], ["conversations.id"], name=op.f("fk_links_from_conversation"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["to_conversation"], ["conversations.id"], name=op.f("fk_links_to_conversation"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_links")),
    )
    op.create_index(op.f("ix_links_from_conversation"), "links", ["from_conversation"])
    op.create_index(op.f("ix_links_to_conversation"), "links", ["to_conversation"])
