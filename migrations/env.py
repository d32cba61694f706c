"""Alembic's way in: migrate the connection that the daemon hands over, or a scratch file for `make migration`."""

from alembic import context
from sqlalchemy import create_engine

from xapid.store.tables import METADATA

connection = context.config.attributes.get("connection")
if connection is None:
    connection = create_engine(context.config.get_main_option("sqlalchemy.url", "sqlite://")).connect()

context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
