"""the desk"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "services",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("town", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("web", sa.Text(), nullable=True),
        sa.Column("hours", sa.Text(), nullable=True),
        sa.Column("languages", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("serves", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("asks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("free", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("texts", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("checked_on", sa.Date(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("sample", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("code"),
    )
    op.create_index("services_found", "services", ["country", "category"], unique=False)
    op.create_table(
        "teams",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("act", sa.Text(), nullable=False),
        sa.Column("case_code", sa.Text(), nullable=True),
        sa.Column("detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("audit_at", "audit", ["at"], unique=False)
    op.create_index("audit_case", "audit", ["case_code"], unique=False)
    op.create_table(
        "canned_replies",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("shortcut", sa.Text(), nullable=False),
        sa.Column("texts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reviewed", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["changed_by"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("shortcut"),
    )
    op.create_table(
        "desk_rules",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("changed_by", sa.BigInteger(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["changed_by"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_notes_case_id"), "notes", ["case_id"], unique=False)
    op.create_table(
        "overrides",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_by", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by"], ["operators.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["decided_by"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_overrides_case_id"), "overrides", ["case_id"], unique=False)
    op.create_table(
        "presences",
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("case_id", "operator_id"),
    )
    op.create_table(
        "referrals",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("service_id", sa.BigInteger(), nullable=True),
        sa.Column("operator_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.Text(), server_default="named", nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["service_id"], ["services.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_referrals_case_id"), "referrals", ["case_id"], unique=False)
    op.create_table(
        "reviews",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("reviewer_id", sa.BigInteger(), nullable=True),
        sa.Column("marks", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reviewer_id"], ["operators.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("case_id"),
    )
    op.create_table(
        "mentions",
        sa.Column("note_id", sa.BigInteger(), nullable=False),
        sa.Column("operator_id", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["note_id"], ["notes.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("note_id", "operator_id"),
    )
    op.create_index(
        "mentions_unseen", "mentions", ["operator_id"], unique=False, postgresql_where=sa.text("seen_at IS NULL")
    )
    op.add_column("cases", sa.Column("skill", sa.Text(), nullable=True))
    op.add_column("cases", sa.Column("team_id", sa.Integer(), nullable=True))
    op.add_column("cases", sa.Column("for_operator_id", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("for_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("cases", sa.Column("second_reader_id", sa.BigInteger(), nullable=True))
    op.add_column("cases", sa.Column("announced", sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "cases", sa.Column("announce_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True)
    )
    op.add_column("cases", sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "cases",
        sa.Column("wrap_up", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index(
        "cases_announce", "cases", ["announce_at"], unique=False, postgresql_where=sa.text("state = 'waiting'")
    )
    op.create_index("cases_closed", "cases", ["closed_at"], unique=False, postgresql_where=sa.text("state = 'closed'"))
    op.create_index(
        "cases_held", "cases", ["operator_id"], unique=False, postgresql_where=sa.text("state IN ('claimed', 'paused')")
    )
    op.create_foreign_key("cases_team_id_fkey", "cases", "teams", ["team_id"], ["id"], ondelete="SET NULL")
    op.create_foreign_key(
        "cases_second_reader_id_fkey", "cases", "operators", ["second_reader_id"], ["id"], ondelete="SET NULL"
    )
    op.create_foreign_key(
        "cases_for_operator_id_fkey", "cases", "operators", ["for_operator_id"], ["id"], ondelete="SET NULL"
    )
    op.add_column("conversations", sa.Column("typing_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("conversations", sa.Column("operator_typing_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("operators", sa.Column("team_id", sa.Integer(), nullable=True))
    op.add_column(
        "operators",
        sa.Column("languages", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column(
        "operators",
        sa.Column("skills", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False),
    )
    op.add_column("operators", sa.Column("most_cases", sa.Integer(), server_default="5", nullable=False))
    op.add_column("operators", sa.Column("active_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key("operators_team_id_fkey", "operators", "teams", ["team_id"], ["id"], ondelete="SET NULL")


def downgrade() -> None:
    op.drop_column("operators", "active_at")
    op.drop_column("operators", "most_cases")
    op.drop_column("operators", "skills")
    op.drop_column("operators", "languages")
    op.drop_column("operators", "team_id")
    op.drop_column("conversations", "operator_typing_at")
    op.drop_column("conversations", "typing_at")
    op.drop_index("cases_held", table_name="cases", postgresql_where=sa.text("state IN ('claimed', 'paused')"))
    op.drop_index("cases_closed", table_name="cases", postgresql_where=sa.text("state = 'closed'"))
    op.drop_index("cases_announce", table_name="cases", postgresql_where=sa.text("state = 'waiting'"))
    op.drop_column("cases", "wrap_up")
    op.drop_column("cases", "paused_at")
    op.drop_column("cases", "announce_at")
    op.drop_column("cases", "announced")
    op.drop_column("cases", "second_reader_id")
    op.drop_column("cases", "for_until")
    op.drop_column("cases", "for_operator_id")
    op.drop_column("cases", "team_id")
    op.drop_column("cases", "skill")
    op.drop_index("mentions_unseen", table_name="mentions", postgresql_where=sa.text("seen_at IS NULL"))
    op.drop_table("mentions")
    op.drop_table("reviews")
    op.drop_index(op.f("ix_referrals_case_id"), table_name="referrals")
    op.drop_table("referrals")
    op.drop_table("presences")
    op.drop_index(op.f("ix_overrides_case_id"), table_name="overrides")
    op.drop_table("overrides")
    op.drop_index(op.f("ix_notes_case_id"), table_name="notes")
    op.drop_table("notes")
    op.drop_table("desk_rules")
    op.drop_table("canned_replies")
    op.drop_index("audit_case", table_name="audit")
    op.drop_index("audit_at", table_name="audit")
    op.drop_table("audit")
    op.drop_table("teams")
    op.drop_index("services_found", table_name="services")
    op.drop_table("services")
