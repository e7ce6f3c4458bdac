"""Two small indexes over deliveries in error, so that what failed is found without reading what was sent."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    failed = sa.text("status = 'error'")
    for name, columns in (
        ("ix_webhook_ui_delivery_errors", ["event_id", "webhook_id", "trigger"]),
        ("ix_webhook_ui_delivery_lane_errors", ["webhook_id", "event_id", "trigger"]),
    ):
        op.create_index(name, "webhook_ui_delivery", columns, sqlite_where=failed, postgresql_where=failed)
