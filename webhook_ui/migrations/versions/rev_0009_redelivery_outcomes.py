"""Of each delivery, the last plan that had it sent again, so that a plan can say what came of its deliveries.

With one column more SQLite would read a webhook's whole key to find its errors; their index holds all of it now.
"""

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
    failed = sa.text("status = 'error'")
    name = "ix_webhook_ui_delivery_lane_errors"
    op.drop_index(name, "webhook_ui_delivery")
    op.create_index(
        name,
        "webhook_ui_delivery",
        ["webhook_id", "event_id", "trigger", "status"],
        sqlite_where=failed,
        postgresql_where=failed,
    )
