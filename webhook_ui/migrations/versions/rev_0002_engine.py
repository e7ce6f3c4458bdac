"""What the engine keeps of its lanes and of itself: breaker, disable rule, resumed backlogs, heartbeats."""

import sqlalchemy as sa
from alembic import op

from webhook_ui.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _widen_lane()
    op.create_table(
        "webhook_ui_heartbeat",
        sa.Column("dispatcher", sa.String(), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("beat_at", UtcDateTime(), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("dispatcher", name=op.f("pk_webhook_ui_heartbeat")),
    )
    op.create_index(op.f("ix_webhook_ui_heartbeat_beat_at"), "webhook_ui_heartbeat", ["beat_at"], unique=False)


def _widen_lane() -> None:
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("webhook_ui_lane", recreate=recreate) as batch:
        batch.add_column(sa.Column("opened_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("probes", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("resume_rate", sa.Float(), nullable=True))
        batch.add_column(sa.Column("disable_at", UtcDateTime(), nullable=True))
    with op.batch_alter_table("webhook_ui_lane", recreate=recreate) as batch:
        batch.alter_column("probes", server_default=None)
