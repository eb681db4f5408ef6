"""Which tables a database has, and how it gets those of today."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import mkstemp
from time import monotonic, sleep
from typing import Final

from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import OperationalError

from cds_service.store.address import Address
from cds_service.store.database import TROUBLE, Database, StoreUnavailable
from cds_service.store.tables import METADATA

VERSION_TABLE: Final = "cds_service_version"  # other applications of the same database have Alembic's usual one
_STEPS: Final = Path(__file__).parent / "migrations"
_LOCK: Final = 0x0CD5_5E12_71CE  # of PostgreSQL's advisory locks: any number, as long as it is ours


@cache
def newest() -> str:
    """The revision that this version of the software writes."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        message = "the wheel does not carry the migrations"
        raise RuntimeError(message)
    return revision


def revision_of(connection: Connection) -> str | None:
    """The revision of a database; None when it has no tables of ours."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def wanting(connection: Connection) -> tuple[str, ...]:
    """Which of today's tables are missing, or lack columns."""
    found = inspect(connection).get_multi_columns(filter_names=list(METADATA.tables))
    columns = {table: {column["name"] for column in there} for (_schema, table), there in found.items()}
    return tuple(name for name, table in METADATA.tables.items() if not set(table.c.keys()) <= columns.get(name, set()))


def refuse_if_wanting(connection: Connection, address: Address) -> None:
    """See that the tables are there that the revision promises.

    Raises:
        StoreUnavailable: some are not, as in a backup that was restored in part.
    """
    if lacking := wanting(connection):
        message = (
            f"the store at {address} says that it has revision {revision_of(connection)}, and these tables are missing "
            f"or others: {', '.join(lacking)}; restore it, or give the service a new database"
        )
        raise StoreUnavailable(message)


def _refuse_if_taken(connection: Connection, address: Address) -> None:
    if taken := sorted(METADATA.tables.keys() & set(inspect(connection).get_table_names())):
        message = (
            f"the store at {address} has tables of the same names that are not ours: {', '.join(taken)}; "
            "give the service a database or a schema of its own"
        )
        raise StoreUnavailable(message)


def migrate(database: Database) -> str:
    """Bring a database to today's tables, if it is not there yet; several processes may do so at once.

    A database that a newer version has brought further is left as it is: new columns are not in the way of old ones.

    Returns:
        The revision it has now.

    Raises:
        StoreUnavailable: it cannot be reached, or not be changed, or its tables are not ours.
    """
    try:
        if database.address.is_sqlite:
            _prepare_file(database)
        with database.writing.begin() as connection:
            if not database.address.is_sqlite:  # SQLite has one writer at a time as it is
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            revision = revision_of(connection)
            if revision is None:
                _refuse_if_taken(connection, database.address)
            if revision is None or is_older(revision):
                _upgrade(connection)
                revision = newest()
            refuse_if_wanting(connection, database.address)
            return revision
    except (*TROUBLE, CommandError) as fault:
        raise database.unavailable(fault) from None


@cache
def is_older(revision: str) -> bool:
    """Whether a revision is one of those before today's; that of a newer version of the software is not known here."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    return revision in known and revision != newest()


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_STEPS).replace("%", "%%"))
    return config


def _prepare_file(database: Database) -> None:
    """Make the file, for its owner alone, and let readers not wait for writers (WAL), which is kept in the file."""
    if database.address.file is not None:
        _make_private(database.address.file)
    with database.quick.connect() as connection:
        until = monotonic() + database.patience_s
        # While one process changes the mode, SQLite turns others away without letting them wait.
        while connection.exec_driver_sql("PRAGMA journal_mode").scalar() != "wal" and monotonic() < until:
            with _busy_is_fine():
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            sleep(0.01)


def _make_private(file: Path) -> None:
    """An empty file that only its owner may read.

    It gets its name when it is closed: whoever closes a file of SQLite takes away every lock that his process has on it
    (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists():
        if file.stat().st_size == 0:  # SQLite itself may have made it, for everybody to read
            file.chmod(0o600)
        return
    descriptor, name = mkstemp(dir=file.parent, prefix=f".{file.name}-")
    os.close(descriptor)
    with suppress(OSError):  # another process was faster, or the file system has no links: then SQLite makes it
        os.link(name, file)
    Path(name).unlink()


@contextmanager
def _busy_is_fine() -> Iterator[None]:
    try:
        yield
    except OperationalError as fault:
        if getattr(fault.orig, "sqlite_errorname", "SQLITE_BUSY") != "SQLITE_BUSY":
            raise
