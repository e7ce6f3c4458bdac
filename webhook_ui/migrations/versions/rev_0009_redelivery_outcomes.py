"""Of each delivery, the last plan that had it sent again, so that a plan can say what came of its deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook_ui_delivery", sa.Column("last_redelivery_id", sa.BigInteger(), nullable=True))
    redelivered = sa.text("last_redelivery_id IS NOT NULL")
    op.create_index(
        "ix_webhook_ui_delivery_redelivered",
        "webhook_ui_delivery",
        ["last_redelivery_id", "event_id", "webhook_id"],
        sqlite_where=redelivered,
        postgresql_where=redelivered,
    )
