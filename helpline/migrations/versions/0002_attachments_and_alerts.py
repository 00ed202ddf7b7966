"""attachments and alerts"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.Column("count", sa.Integer(), server_default="1", nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "provider_copies",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_provider_copies_due_at"), "provider_copies", ["due_at"], unique=False)
    op.create_table(
        "set_aside",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="1", nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("set_aside_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "templates",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.Text(), nullable=False),
        sa.Column("approval", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sa.UniqueConstraint("provider_id"),
    )
    op.create_table(
        "attachments",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("content_type", sa.Text(), nullable=True),
        sa.Column("size", sa.Integer(), nullable=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("link", sa.LargeBinary(), nullable=True),
        sa.Column("link_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("link"),
        sa.UniqueConstraint("message_id", "position"),
    )
    op.create_index(
        "attachments_due", "attachments", ["due_at"], unique=False, postgresql_where=sa.text("due_at IS NOT NULL")
    )
    op.add_column("conversations", sa.Column("flooded_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversations", sa.Column("asked_back_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "messages_held", "messages", ["conversation_id"], unique=False, postgresql_where=sa.text("state = 'held'")
    )
    op.create_index(
        "messages_set_aside", "messages", ["id"], unique=False, postgresql_where=sa.text("state = 'set_aside'")
    )
    op.add_column("messages", sa.Column("released_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("parts", sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("parts", sa.Column("looked_up", sa.Integer(), server_default="0", nullable=False))

    op.drop_index("early_reports_provider", table_name="early_reports")
    op.execute("DELETE FROM early_reports")  # they are of the last day, and may be double
    op.create_unique_constraint(
        "early_reports_channel_provider_id_status_key", "early_reports", ["channel", "provider_id", "status"]
    )


def downgrade() -> None:
    op.drop_constraint("early_reports_channel_provider_id_status_key", "early_reports", type_="unique")
    op.create_index("early_reports_provider", "early_reports", ["channel", "provider_id"], unique=False)
    op.drop_column("parts", "looked_up")
    op.drop_column("parts", "claimed_at")
    op.drop_column("messages", "released_at")
    op.drop_index("messages_held", table_name="messages", postgresql_where=sa.text("state = 'held'"))
    op.drop_index("messages_set_aside", table_name="messages", postgresql_where=sa.text("state = 'set_aside'"))
    op.drop_column("conversations", "asked_back_at")
    op.drop_column("conversations", "flooded_at")
    op.drop_index("attachments_due", table_name="attachments", postgresql_where=sa.text("due_at IS NOT NULL"))
    op.drop_table("attachments")
    op.drop_table("templates")
    op.drop_table("set_aside")
    op.drop_index(op.f("ix_provider_copies_due_at"), table_name="provider_copies")
    op.drop_table("provider_copies")
    op.drop_table("alerts")
