"""Indexes of waiting messages that SQLite can use: one for each state, with the state alone as its condition."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITING = {
    "accepted": ["conversation_id", "seq"],
    "queued": ["channel", "sender", "created_at"],
    "undelivered": ["channel", "sender"],
}
BEFORE = {
    "ix_messages_waiting": (["status", "conversation_id", "seq"], "status in ('accepted', 'queued')"),
    "ix_messages_outgoing": (["status", "channel", "sender"], "status in ('queued', 'undelivered')"),
}


def upgrade() -> None:
    for name in BEFORE:
        op.drop_index(name, "messages")
    for status, columns in WAITING.items():
        _create(f"ix_messages_{status}", columns, f"status = '{status}'")


def downgrade() -> None:
    for status in WAITING:
        op.drop_index(f"ix_messages_{status}", "messages")
    for name, (columns, condition) in BEFORE.items():
        _create(name, columns, condition)


def _create(name: str, columns: list[str], condition: str) -> None:
    only = sa.text(condition)
    op.create_index(name, "messages", columns, sqlite_where=only, postgresql_where=only)
