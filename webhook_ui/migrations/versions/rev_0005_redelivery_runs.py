"""The runs of redeliveries, kept when they are over; of older ones only the last run of each is known."""

import sqlalchemy as sa
from alembic import op

from webhook_ui.columns import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# a run goes on while the plan has an upper bound; what is left of a cancelled one is no run
_KNOWN = """
INSERT INTO webhook_ui_redelivery_run (redelivery_id, started_at, ended_at, matched, done, outcome)
SELECT id, started_at,
       CASE WHEN state = 'cancelled' OR upper_bound IS NULL THEN updated_at END, matched, done,
       CASE WHEN state = 'cancelled' THEN 'cancelled' WHEN upper_bound IS NULL THEN 'done' END
FROM webhook_ui_redelivery WHERE started_at IS NOT NULL ORDER BY id
"""


def upgrade() -> None:
    op.create_table(
        "webhook_ui_redelivery_run",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("redelivery_id", sa.BigInteger(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.CheckConstraint(
            "outcome IN ('done', 'taken_over', 'cancelled')", name=op.f("ck_webhook_ui_redelivery_run_outcome_known")
        ),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (outcome IS NULL)", name=op.f("ck_webhook_ui_redelivery_run_ended_or_not")
        ),
        sa.ForeignKeyConstraint(
            ["redelivery_id"], ["webhook_ui_redelivery.id"], name=op.f("fk_webhook_ui_redelivery_run_redelivery_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_redelivery_run")),
        sqlite_autoincrement=True,
    )
    for columns in (["redelivery_id", "id"], ["ended_at"]):
        name = op.f(f"ix_webhook_ui_redelivery_run_{'_'.join(columns)}")
        op.create_index(name, "webhook_ui_redelivery_run", columns, unique=False)
    op.execute(_KNOWN)
