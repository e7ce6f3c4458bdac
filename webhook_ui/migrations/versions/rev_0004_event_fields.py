"""Values of payloads by which events are found, and events by tenant."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_ui_event_field",
        sa.Column("field", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("field", "value", "event_id", name=op.f("pk_webhook_ui_event_field")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_webhook_ui_event_field_event_id"), "webhook_ui_event_field", ["event_id"], unique=False)
    op.create_index(
        "ix_webhook_ui_event_of_tenant",
        "webhook_ui_event",
        ["tenant", "id"],
        unique=False,
        sqlite_where=sa.text("tenant IS NOT NULL"),
        postgresql_where=sa.text("tenant IS NOT NULL"),
    )
