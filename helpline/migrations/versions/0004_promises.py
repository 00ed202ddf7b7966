"""promises to talk again"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "cases_promised",
        "cases",
        ["operator_id"],
        unique=False,
        postgresql_where=sa.text("wrap_up ->> 'follow_up' = 'agreed'"),
    )


def downgrade() -> None:
    op.drop_index("cases_promised", table_name="cases", postgresql_where=sa.text("wrap_up ->> 'follow_up' = 'agreed'"))
