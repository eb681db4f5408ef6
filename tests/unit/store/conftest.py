"""Stores in real databases: SQLite, and a PostgreSQL that these tests start."""

import pytest

from cds_service.store.address import Address
from cds_service.store.command import migrate
from tests.servers.postgres import Postgres
from tests.unit.store.keeping import opening


@pytest.fixture(scope="session")
def postgres():
    server = Postgres().start()
    yield server
    server.close()


@pytest.fixture
def own_postgres():
    """One that a test may stop and kill; it waits for its disk."""
    server = Postgres(durable=True).start()
    yield server
    server.close()


@pytest.fixture
def sqlite(tmp_path):
    """A new file of SQLite with its tables."""
    address = Address.read(f"sqlite:///{tmp_path / 'store.sqlite3'}")
    migrate(address)
    return address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """A new database with its tables, in SQLite and in PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'store.sqlite3'}"
    else:
        url = request.getfixturevalue("postgres").database()
    at = Address.read(url)
    migrate(at)
    return at


@pytest.fixture
def store(address, tmp_path):
    with opening(address, tmp_path / "spill") as opened:
        yield opened
