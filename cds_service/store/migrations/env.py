"""What Alembic runs: the steps that are missing, in the transaction that `store.schema` has opened."""

from alembic import context

from cds_service.store.schema import VERSION_TABLE
from cds_service.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
    transactional_ddl=True,  # in SQLite, too: a step that fails leaves nothing behind
)
context.run_migrations()
