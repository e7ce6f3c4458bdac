"""Indexes for lists of very many webhooks: sorted and counted without reading a row, and by their last result."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

KEPT = {"created": ["created_at"], "updated": ["updated_at"], "id": []}


def upgrade() -> None:
    op.drop_index(op.f("ix_webhook_ui_webhook_created_at"), table_name="webhook_ui_webhook")
    op.drop_index(op.f("ix_webhook_ui_webhook_updated_at"), table_name="webhook_ui_webhook")
    there = sa.text("deleted_at IS NULL")
    for name, columns in KEPT.items():
        op.create_index(
            f"ix_webhook_ui_webhook_kept_{name}",
            "webhook_ui_webhook",
            [*columns, "id", "enabled", "paused"],
            sqlite_where=there,
            postgresql_where=there,
        )
    op.create_index(op.f("ix_webhook_ui_lane_last_result_webhook_id"), "webhook_ui_lane", ["last_result", "webhook_id"])
