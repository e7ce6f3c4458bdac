"""Filters that could not be evaluated are on record too: the event was delivered all the same."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    recreate = "always" if op.get_bind().dialect.name == "sqlite" else "auto"
    with op.batch_alter_table("webhook_ui_skip", recreate=recreate) as batch:  # type: ignore[arg-type]
        batch.add_column(sa.Column("delivered", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("webhook_ui_skip", recreate=recreate) as batch:  # type: ignore[arg-type]
        batch.alter_column("delivered", server_default=None)
    told = sa.text("delivered")
    op.create_index(
        "ix_webhook_ui_skip_delivered",
        "webhook_ui_skip",
        ["webhook_id", "event_id"],
        sqlite_where=told,
        postgresql_where=told,
    )
