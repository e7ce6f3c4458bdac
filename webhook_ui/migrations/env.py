"""Alembic's entry: runs the steps on the connection that `migrations.apply` opened."""

from alembic import context

from webhook_ui.migrations import VERSION_TABLE
from webhook_ui.models import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
    render_as_batch=True,
)
context.run_migrations()
