"""Making the tables, and deleting what is old."""

import multiprocessing
import sqlite3
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from cds_service.advice.record import Caller
from cds_service.store.address import Address
from cds_service.store.command import NotMigrated, migrate, prune, report
from cds_service.store.database import Database, StoreUnavailable
from cds_service.store.schema import VERSION_TABLE, newest
from cds_service.store.tables import CARDS, EVALUATIONS, FEEDBACK, GAPS, METADATA, TOKENS
from tests.unit.store.keeping import (
    AT,
    EHR,
    SERVICE,
    accepted,
    evaluation,
    eventually,
    how_many,
    opening,
    overridden,
    rows,
    traced,
)


def execute(address, statement):
    database = Database(address)
    try:
        with database.writing.begin() as connection:
            done = connection.execute(text(statement))
            return done.freeze()() if done.returns_rows else None
    finally:
        database.close()


def test_the_steps_lead_to_the_tables_that_the_code_knows(address):
    database = Database(address)
    with database.quick.connect() as connection:
        how = {"version_table": VERSION_TABLE, "compare_type": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=how), METADATA) == []
    database.close()


def test_a_database_is_migrated_once(address):
    assert migrate(address) == newest()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_several_processes_migrate_at_once(request, tmp_path, kind):
    if kind == "sqlite":
        at = Address.read(f"sqlite:///{tmp_path / 'new' / 'store.sqlite3'}")
    else:
        at = Address.read(request.getfixturevalue("postgres").database())
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(migrate, [at] * 8) == [newest()] * 8


def test_a_database_of_a_newer_version_is_left_as_it_is(address, tmp_path):
    execute(address, "UPDATE cds_service_version SET version_num = '9999'")
    assert migrate(address) == "9999"
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation())
        assert store.health(2).revision == "9999"
        assert store.health(2).usable
    assert how_many(address, EVALUATIONS) == 1


APPLICATION = "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """A new database without tables."""
    if request.param == "sqlite":
        return Address.read(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    return Address.read(request.getfixturevalue("postgres").database())


def test_the_revision_of_another_application_is_not_taken_for_ours(empty, tmp_path):
    execute(empty, APPLICATION)
    execute(empty, "INSERT INTO alembic_version VALUES ('0001')")
    with opening(empty, tmp_path / "spill") as store:
        assert not store.health(2).usable
        assert migrate(empty) == newest()
        assert store.health(2).usable
    assert execute(empty, "SELECT version_num FROM alembic_version").all() == [("0001",)]


def test_tables_of_somebody_else_are_left_alone_and_named(empty, tmp_path):
    execute(empty, "CREATE TABLE feedback (stars INTEGER)")
    with pytest.raises(StoreUnavailable) as refused:
        migrate(empty)
    assert str(refused.value) == (
        f"the store at {empty} has tables of the same names that are not ours: feedback; "
        "give the service a database or a schema of its own"
    )
    with opening(empty, tmp_path / "spill") as store:
        health = store.health(2)
        assert (health.reachable, health.revision, health.usable) == (True, None, False)
    assert execute(empty, "SELECT * FROM feedback").all() == []


@pytest.mark.parametrize(
    ("broken", "wanting"),
    [
        ("DROP TABLE feedback", "feedback"),
        ("ALTER TABLE shown_cards DROP COLUMN facts", "shown_cards"),
    ],
)
def test_tables_that_are_missing_are_named_and_not_taken_for_there(address, tmp_path, broken, wanting):
    execute(address, broken)
    says = (
        f"the store at {address} says that it has revision {newest()}, and these tables are missing or others: "
        f"{wanting}; restore it, or give the service a new database"
    )
    with pytest.raises(StoreUnavailable) as refused:
        migrate(address)
    assert str(refused.value) == says
    with pytest.raises(StoreUnavailable) as refused:
        report(address, since=None, card=None, shadow=False, as_json=False, threshold=0.9)
    assert str(refused.value) == says
    with opening(address, tmp_path / "spill") as store:
        health = store.health(2)
        assert (health.reachable, health.revision, health.wanting) == (True, newest(), (wanting,))
        assert not health.usable
        store.audit(evaluation())
        assert eventually(lambda: store.counters().spilled == 1)


def test_the_file_is_its_owners_alone(sqlite):
    assert sqlite.file.stat().st_mode & 0o777 == 0o600
    assert sqlite3.connect(sqlite.file).execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_an_empty_file_that_somebody_made_becomes_its_owners_alone(tmp_path):
    address = Address.read(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    address.file.touch(0o644)
    migrate(address)
    assert address.file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_database_is_not_touched(tmp_path):
    address = Address.read(f"sqlite:///{tmp_path / 'letter.txt'}")
    address.file.write_text("Dear colleague, " * 500)
    with pytest.raises(StoreUnavailable, match=r"the store at sqlite:///.*letter.txt cannot be used \(DatabaseError\)"):
        migrate(address)
    assert address.file.read_text().startswith("Dear colleague")


def test_a_server_that_is_not_there_is_named_without_its_password():
    address = Address.read("postgresql://cds:canary-password@127.0.0.1:1/store")
    with pytest.raises(StoreUnavailable) as unavailable:
        migrate(address)
    shown = "the store at postgresql://cds@127.0.0.1:1/store cannot be used (OperationalError)"
    assert str(unavailable.value) == shown
    assert unavailable.value.__cause__ is None
    assert unavailable.value.__suppress_context__


def test_a_report_of_a_store_that_is_not_there_says_what_to_do(tmp_path):
    address = Address.read(f"sqlite:///{tmp_path / 'none.sqlite3'}")
    with pytest.raises(NotMigrated, match=r"there is no store at .*: run `cds-service store migrate`"):
        prune(address, 1, AT)
    assert not Path(address.file).exists()
    address.file.touch()
    with pytest.raises(NotMigrated, match="has no tables, or older ones: run `cds-service store migrate`"):
        report(address, since=None, card=None, shadow=False, as_json=False, threshold=0.9)


def test_what_is_old_is_deleted_and_nothing_else(address, tmp_path):
    old, young = traced(), traced()
    with opening(address, tmp_path / "spill") as store:
        for _ in range(701):
            store.audit(evaluation(traced(), at=AT - timedelta(days=31)))
        store.audit(evaluation(old, at=AT - timedelta(days=31)))
        store.audit(evaluation(young, at=AT - timedelta(days=29)))
        store.keep_feedback(SERVICE, EHR, (accepted(uuid4()),), AT - timedelta(days=31))
        store.keep_feedback(SERVICE, EHR, (overridden(old.uuid),), AT - timedelta(days=29))
        store.first_use(b"over", AT - timedelta(seconds=1))
    assert prune(address, 30, AT) == (701, 1)
    assert {row.uuid for row in rows(address, CARDS)} == {old.uuid, young.uuid}
    assert how_many(address, EVALUATIONS) == how_many(address, GAPS) == 2
    assert how_many(address, FEEDBACK) == 1, "and it has not lost its card"
    assert how_many(address, TOKENS) == 0
    assert prune(address, 28, AT) == (2, 1)
    assert how_many(address, EVALUATIONS) == how_many(address, CARDS) == how_many(address, GAPS) == 0


def test_only_feedback_of_its_own_client_and_tenant_keeps_a_record(address, tmp_path):
    old, of_alone, alone = traced(), traced(), Caller("a client without tenants")
    long_ago, young = AT - timedelta(days=31), AT - timedelta(days=29)
    with opening(address, tmp_path / "spill") as store:
        store.audit(evaluation(old, at=long_ago))
        store.audit(evaluation(of_alone, caller=alone, at=long_ago))
        store.keep_feedback(SERVICE, Caller(EHR.client, "south"), (overridden(old.uuid),), young)
        store.keep_feedback(SERVICE, alone, (overridden(of_alone.uuid),), young)
    assert prune(address, 30, AT) == (1, 0)
    assert {row.uuid for row in rows(address, CARDS)} == {of_alone.uuid}
