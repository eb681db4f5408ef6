"""What journeys across several processes share."""

import pytest

from tests.servers.postgres import Postgres


@pytest.fixture(scope="session")
def postgres():
    """A real PostgreSQL."""
    server = Postgres().start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def new_store(request):
    """The URL of a new store in a folder, in SQLite or in PostgreSQL."""

    def make(kind, folder):
        if kind == "sqlite":
            return f"sqlite:///{folder / 'store.sqlite3'}"
        return request.getfixturevalue("postgres").database()

    return make
