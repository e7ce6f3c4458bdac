"""What the engine keeps of its lanes and of itself: breaker, disable rule, resumed backlogs, redeliveries, beats."""

from typing import Literal

import sqlalchemy as sa
from alembic import op

from webhook_ui.columns import UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _widen_lane()
    _widen_redelivery()
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


def _recreate() -> Literal["always", "auto"]:
    return "always" if op.get_bind().dialect.name == "sqlite" else "auto"


def _widen_lane() -> None:
    recreate = _recreate()
    with op.batch_alter_table("webhook_ui_lane", recreate=recreate) as batch:
        batch.add_column(sa.Column("opened_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("probes", sa.BigInteger(), nullable=False, server_default="0"))
        batch.add_column(sa.Column("resume_rate", sa.Float(), nullable=True))
        batch.add_column(sa.Column("disable_at", UtcDateTime(), nullable=True))
    with op.batch_alter_table("webhook_ui_lane", recreate=recreate) as batch:
        batch.alter_column("probes", server_default=None)


def _widen_redelivery() -> None:
    recreate = _recreate()
    counting = {"sqlite_autoincrement": True}  # rebuilding a table forgets it
    with op.batch_alter_table("webhook_ui_redelivery", recreate=recreate, table_kwargs=counting) as batch:
        batch.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="redeliver"))
        batch.add_column(sa.Column("started_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("pace", sa.Float(), nullable=True))
        batch.drop_column("cursor_webhook")  # nothing has used them: a run has a cursor for each lane
        batch.drop_column("cursor_event")
        batch.create_check_constraint(op.f("ck_webhook_ui_redelivery_kind_known"), "kind IN ('redeliver', 'cancel')")
    with op.batch_alter_table("webhook_ui_redelivery", recreate=recreate, table_kwargs=counting) as batch:
        batch.alter_column("kind", server_default=None)
    op.create_table(
        "webhook_ui_redelivery_lane",
        sa.Column("redelivery_id", sa.BigInteger(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["redelivery_id"],
            ["webhook_ui_redelivery.id"],
            name=op.f("fk_webhook_ui_redelivery_lane_redelivery_id"),
        ),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook_ui_webhook.id"], name=op.f("fk_webhook_ui_redelivery_lane_webhook_id")
        ),
        sa.PrimaryKeyConstraint("redelivery_id", "webhook_id", name=op.f("pk_webhook_ui_redelivery_lane")),
        sqlite_with_rowid=False,
    )
