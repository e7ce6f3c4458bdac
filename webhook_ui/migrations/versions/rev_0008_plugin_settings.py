"""Settings of plugins that were saved on the page Settings."""

import sqlalchemy as sa
from alembic import op

from webhook_ui.columns import SealedJson, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_ui_plugin_settings",
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("given", SealedJson(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("plugin", name=op.f("pk_webhook_ui_plugin_settings")),
    )
