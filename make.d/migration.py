"""`make migration`: writes what changed in the datamodel since the last migration, for somebody to read and commit."""

import sys
import tempfile
from pathlib import Path

import alembic.command

from xapid.store.database import migration_config


def main() -> int:
    message = " ".join(sys.argv[1:]).strip()
    if not message:
        print('usage: make migration M="what changed"', file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        config = migration_config()
        config.set_main_option("sqlalchemy.url", f"sqlite:///{Path(folder) / 'scratch.db'}")
        alembic.command.upgrade(config, "head")
        alembic.command.revision(config, message, autogenerate=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
