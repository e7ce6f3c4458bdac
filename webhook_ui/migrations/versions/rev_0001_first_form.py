"""The first form of all tables."""

import sqlalchemy as sa
from alembic import op

from webhook_ui.columns import SealedJson, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "webhook_ui_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_webhook_ui_account_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_account")),
        sa.UniqueConstraint("email", name=op.f("uq_webhook_ui_account_email")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_ui_change",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_kind", sa.String(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("subject_id", sa.String(), nullable=False),
        sa.Column("before", sa.JSON(), nullable=True),
        sa.Column("after", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_change")),
    )
    op.create_index(
        op.f("ix_webhook_ui_change_subject_subject_id_id"),
        "webhook_ui_change",
        ["subject", "subject_id", "id"],
        unique=False,
    )
    op.create_table(
        "webhook_ui_checkpoint",
        sa.Column("plugin", sa.String(), nullable=False),
        sa.Column("position", sa.String(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plugin", name=op.f("pk_webhook_ui_checkpoint")),
    )
    op.create_table(
        "webhook_ui_event",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("payload", sa.String(), nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_event")),
    )
    op.create_index(op.f("ix_webhook_ui_event_trigger_id"), "webhook_ui_event", ["trigger", "id"], unique=False)
    op.create_table(
        "webhook_ui_idempotency",
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("payload_digest", sa.String(), nullable=False),
        sa.Column("deliveries", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("trigger", "key", name=op.f("pk_webhook_ui_idempotency")),
    )
    op.create_index(
        op.f("ix_webhook_ui_idempotency_expires_at"), "webhook_ui_idempotency", ["expires_at"], unique=False
    )
    op.create_table(
        "webhook_ui_redelivery",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("upper_bound", sa.BigInteger(), nullable=True),
        sa.Column("cursor_webhook", sa.BigInteger(), nullable=True),
        sa.Column("cursor_event", sa.BigInteger(), nullable=True),
        sa.Column("rate", sa.Float(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=True),
        sa.Column("cron", sa.String(), nullable=True),
        sa.Column("timezone", sa.String(), nullable=True),
        sa.Column("within", sa.String(), nullable=True),
        sa.Column("matched", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("next_run_at", UtcDateTime(), nullable=True),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "state IN ('scheduled', 'running', 'paused', 'done', 'cancelled')",
            name=op.f("ck_webhook_ui_redelivery_state_known"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_redelivery")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_ui_sending",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_webhook_ui_sending_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_sending")),
    )
    op.create_table(
        "webhook_ui_skip",
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name=op.f("pk_webhook_ui_skip")),
    )
    op.create_index(op.f("ix_webhook_ui_skip_event_id"), "webhook_ui_skip", ["event_id"], unique=False)
    op.create_table(
        "webhook_ui_statistics",
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("minute", UtcDateTime(), nullable=False),
        sa.Column("dispatcher", sa.String(), nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.BigInteger(), nullable=False),
        sa.Column("latency", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("webhook_id", "minute", "dispatcher", name=op.f("pk_webhook_ui_statistics")),
    )
    op.create_index(op.f("ix_webhook_ui_statistics_minute"), "webhook_ui_statistics", ["minute"], unique=False)
    op.create_table(
        "webhook_ui_token",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint("role IN ('viewer', 'operator', 'admin')", name=op.f("ck_webhook_ui_token_role_known")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_webhook_ui_token_digest")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "webhook_ui_webhook",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("triggers", sa.JSON(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.String(), nullable=True),
        sa.Column("headers", SealedJson(), nullable=False),
        sa.Column("secret", SealedJson(), nullable=False),
        sa.Column("old_secret", SealedJson(), nullable=True),
        sa.Column("old_secret_until", UtcDateTime(), nullable=True),
        sa.Column("signer", sa.String(), nullable=False),
        sa.Column("filter", sa.String(), nullable=True),
        sa.Column("template", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("ordered", sa.Boolean(), nullable=False),
        sa.Column("rate_limit", sa.Float(), nullable=True),
        sa.Column("timeout", sa.Float(), nullable=True),
        sa.Column("retry_schedule", sa.JSON(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("deleted_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_ui_webhook")),
        sa.UniqueConstraint("uid", name=op.f("uq_webhook_ui_webhook_uid")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_webhook_ui_webhook_created_at"), "webhook_ui_webhook", ["created_at"], unique=False)
    op.create_index(op.f("ix_webhook_ui_webhook_tenant"), "webhook_ui_webhook", ["tenant"], unique=False)
    op.create_index(op.f("ix_webhook_ui_webhook_updated_at"), "webhook_ui_webhook", ["updated_at"], unique=False)
    op.create_table(
        "webhook_ui_delivery",
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("trigger", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("losses", sa.BigInteger(), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("redelivery_id", sa.BigInteger(), nullable=True),
        sa.Column("closed", sa.String(), nullable=True),
        sa.Column("last_attempt_id", sa.BigInteger(), nullable=True),
        sa.Column("test", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint(
            "(status = 'pending' AND closed IS NULL)"
            " OR (status = 'sent' AND closed IS NOT NULL AND closed = 'sent')"
            " OR (status = 'error' AND (closed IS NULL OR closed <> 'sent'))",
            name=op.f("ck_webhook_ui_delivery_status_fits_closed"),
        ),
        sa.CheckConstraint("answer IN ('sent', 'error')", name=op.f("ck_webhook_ui_delivery_answer_known")),
        sa.CheckConstraint(
            "closed IN ('sent', 'exhausted', 'cancelled', 'gone', 'crashed', 'expired')",
            name=op.f("ck_webhook_ui_delivery_closed_known"),
        ),
        sa.CheckConstraint("status IN ('pending', 'sent', 'error')", name=op.f("ck_webhook_ui_delivery_status_known")),
        sa.CheckConstraint(
            "(due_at IS NULL) = (closed IS NOT NULL)", name=op.f("ck_webhook_ui_delivery_open_or_closed")
        ),
        sa.CheckConstraint("claim IS NULL OR due_at IS NOT NULL", name=op.f("ck_webhook_ui_delivery_claim_is_open")),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook_ui_webhook.id"], name=op.f("fk_webhook_ui_delivery_webhook_id")
        ),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", name=op.f("pk_webhook_ui_delivery")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        op.f("ix_webhook_ui_delivery_event_id_webhook_id"),
        "webhook_ui_delivery",
        ["event_id", "webhook_id"],
        unique=False,
    )
    op.create_index(
        "ix_webhook_ui_delivery_lost",
        "webhook_ui_delivery",
        ["webhook_id", "due_at", "losses", "claim"],
        unique=False,
        sqlite_where=sa.text("losses > 0 AND due_at IS NOT NULL"),
        postgresql_where=sa.text("losses > 0 AND due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_ui_delivery_open_due",
        "webhook_ui_delivery",
        ["webhook_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index(
        "ix_webhook_ui_delivery_open_order",
        "webhook_ui_delivery",
        ["webhook_id", "event_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "webhook_ui_lane",
        sa.Column("webhook_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("breaker", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("probe_at", UtcDateTime(), nullable=True),
        sa.Column("not_before", UtcDateTime(), nullable=True),
        sa.Column("rate_tat", UtcDateTime(), nullable=True),
        sa.Column("failing_since", UtcDateTime(), nullable=True),
        sa.Column("last_result", sa.String(), nullable=True),
        sa.CheckConstraint("breaker IN ('closed', 'open', 'half_open')", name=op.f("ck_webhook_ui_lane_breaker_known")),
        sa.CheckConstraint("last_result IN ('sent', 'error')", name=op.f("ck_webhook_ui_lane_last_result_known")),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook_ui_webhook.id"], name=op.f("fk_webhook_ui_lane_webhook_id")),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_ui_lane")),
    )
    op.create_table(
        "webhook_ui_session",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["webhook_ui_account.id"], name=op.f("fk_webhook_ui_session_account_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_webhook_ui_session")),
    )
    op.create_index(op.f("ix_webhook_ui_session_account_id"), "webhook_ui_session", ["account_id"], unique=False)
    op.create_table(
        "webhook_ui_subscription",
        sa.Column("pattern", sa.String(), nullable=False),
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhook_ui_webhook.id"], name=op.f("fk_webhook_ui_subscription_webhook_id")
        ),
        sa.PrimaryKeyConstraint("pattern", "webhook_id", name=op.f("pk_webhook_ui_subscription")),
    )
    op.create_index(
        op.f("ix_webhook_ui_subscription_webhook_id"), "webhook_ui_subscription", ["webhook_id"], unique=False
    )
    op.create_table(
        "webhook_ui_attempt",
        sa.Column("webhook_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("round", sa.BigInteger(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("request_headers", sa.JSON(), nullable=False),
        sa.Column("request_body", sa.String(), nullable=True),
        sa.Column("response_status", sa.Integer(), nullable=True),
        sa.Column("response_headers", sa.JSON(), nullable=False),
        sa.Column("response_body", sa.String(), nullable=False),
        sa.Column("error_class", sa.String(), nullable=True),
        sa.Column("error_message", sa.String(), nullable=True),
        sa.Column("timings", sa.JSON(), nullable=False),
        sa.CheckConstraint("status IN ('sent', 'error')", name=op.f("ck_webhook_ui_attempt_status_known")),
        sa.ForeignKeyConstraint(
            ["webhook_id", "event_id"],
            ["webhook_ui_delivery.webhook_id", "webhook_ui_delivery.event_id"],
            name=op.f("fk_webhook_ui_attempt_webhook_id_event_id"),
        ),
        sa.PrimaryKeyConstraint("webhook_id", "event_id", "id", name=op.f("pk_webhook_ui_attempt")),
    )
    op.create_index(
        op.f("ix_webhook_ui_attempt_webhook_id_id"), "webhook_ui_attempt", ["webhook_id", "id"], unique=False
    )
