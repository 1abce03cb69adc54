"""Which goods a knowledge entry is about, and whose a phrasing is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("knowledge_entries") as table:
        table.add_column(sa.Column("about", sa.JSON(), server_default="[]", nullable=False))
        table.create_index(op.f("ix_knowledge_entries_updated_at"), ["updated_at"])
    op.create_table(
        "knowledge_phrasings",
        sa.Column("phrasing", sa.String(length=500), nullable=False),
        sa.Column("entry_id", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("phrasing", "entry_id", name=op.f("pk_knowledge_phrasings")),
    )
    op.create_index(op.f("ix_knowledge_phrasings_entry_id"), "knowledge_phrasings", ["entry_id"])


def downgrade() -> None:
    op.drop_table("knowledge_phrasings")
    with op.batch_alter_table("knowledge_entries") as table:
        table.drop_index(op.f("ix_knowledge_entries_updated_at"))
        table.drop_column("about")
