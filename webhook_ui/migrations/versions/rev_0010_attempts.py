"""PostgreSQL looks no delivery up for each attempt: whoever adds one has locked it. SQLite does so at no cost."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_webhook_ui_attempt_webhook_id_event_id", "webhook_ui_attempt", type_="foreignkey")
