"""What `cds-service store migrate`, `prune` and `export`, and `cds-service report`, do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import and_, delete, exists, select
from sqlalchemy.exc import SQLAlchemyError

from cds_service.store import export as exporting
from cds_service.store import report as reporting
from cds_service.store.address import Address
from cds_service.store.database import Database, TooLate
from cds_service.store.export import Form, Out, What
from cds_service.store.schema import is_older, refuse_if_wanting, revision_of
from cds_service.store.schema import migrate as bring_up
from cds_service.store.spill import Loaded
from cds_service.store.tables import CARDS, EVALUATIONS, FEEDBACK, GAPS, IS_OF_ITS_SENDER
from cds_service.store.writer import Counting, Event, Pace, Writer, forget


class NotMigrated(Exception):
    """The database has not the tables of this version. Its text says what to do."""


def migrate(address: Address) -> str:
    """Make the tables of this version, or bring those of an older one to it; to be run before processes serve.

    Returns:
        The revision of the database.

    Raises:
        StoreUnavailable: it cannot be reached or changed.
    """
    with _opened(address) as database:
        return bring_up(database)


def load_spilled(address: Address, spill: Path, clock: Callable[[], datetime]) -> Loaded:
    """Load the files of processes that are gone.

    Raises:
        StoreUnavailable: the database does not take them; the files stay.
    """
    with _opened(address) as database:
        return Writer(database, spill, clock=clock, counting=Counting(), tell=_nobody, pace=Pace()).load()


def prune(address: Address, keep_days: int, now: datetime) -> tuple[int, int]:
    """Delete what is older: audit records by their moment, feedback by when it came, and what has expired.

    A record stays as long as there is feedback about one of its cards, so that no feedback loses its card.

    Returns:
        How many audit records and how many entries of feedback were deleted.

    Raises:
        StoreUnavailable: it cannot be reached or changed.
        NotMigrated: it has not the tables of this version.
    """
    before = now.astimezone(UTC) - timedelta(days=keep_days)
    spoken_of = exists().where(
        CARDS.c.evaluation == EVALUATIONS.c.id,
        FEEDBACK.c.card == CARDS.c.uuid,
        IS_OF_ITS_SENDER,
    )
    old = select(EVALUATIONS.c.id).where(and_(EVALUATIONS.c.at < before, ~spoken_of)).limit(_AT_ONCE)
    with _migrated(address) as database:
        with database.writing.begin() as connection:
            feedback = connection.execute(delete(FEEDBACK).where(FEEDBACK.c.received_at < before)).rowcount
            forget(connection, now)
        evaluations = 0
        while True:  # in small steps: those who write records meanwhile wait for one step, not for all
            with database.writing.begin() as connection:
                ids = connection.scalars(old).all()
                for table in (CARDS, GAPS):
                    connection.execute(delete(table).where(table.c.evaluation.in_(ids)))
                connection.execute(delete(EVALUATIONS).where(EVALUATIONS.c.id.in_(ids)))
            evaluations += len(ids)
            if len(ids) < _AT_ONCE:
                return evaluations, feedback


def export(address: Address, what: What, form: Form, since: datetime | None, out: Out) -> int:
    """Write what is kept since then; a csv file must be opened with `newline=""`.

    Returns:
        How many items were written.

    Raises:
        StoreUnavailable: it cannot be read.
        NotMigrated: it has not the tables of this version.
    """
    with _migrated(address) as database:
        return exporting.export(database.quick, what, form, since, out)


def report(  # noqa: PLR0913 - each a choice of the command line
    address: Address,
    *,
    since: datetime | None,
    card: str | None,
    shadow: bool,
    as_json: bool,
    threshold: float,
) -> str:
    """What became of the cards, or with `shadow` what those in the shadow would have said; ready to print.

    Raises:
        StoreUnavailable: it cannot be read.
        NotMigrated: it has not the tables of this version.
    """
    with _migrated(address) as database, database.reading() as connection:
        if shadow:
            shadows = reporting.read_shadows(connection, since, card)
            return _json(reporting.shadows_json(shadows)) if as_json else reporting.shadows_text(shadows)
        read = reporting.read_feedbacks(connection, since, card)
        if as_json:
            return _json(reporting.feedbacks_json(read, threshold))
        return reporting.feedbacks_text(read, threshold)


_AT_ONCE: Final = 500


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"


def _nobody(_event: Event) -> None:
    """Tell nobody: a command says what came of it by itself."""


@contextmanager
def _opened(address: Address) -> Iterator[Database]:
    database = Database(address, patient=True)
    try:
        yield database
    except (SQLAlchemyError, TooLate) as fault:  # no OSError: that is whoever reads what we write
        raise database.unavailable(fault) from None
    finally:
        database.close()


@contextmanager
def _migrated(address: Address) -> Iterator[Database]:
    if address.file is not None and not address.file.is_file():  # SQLite would make an empty one
        message = f"there is no store at {address}: run `cds-service store migrate`"
        raise NotMigrated(message)
    with _opened(address) as database:
        with database.quick.connect() as connection:
            revision = revision_of(connection)
            if revision is None or is_older(revision):
                message = f"the store at {address} has no tables, or older ones: run `cds-service store migrate`"
                raise NotMigrated(message)
            refuse_if_wanting(connection, address)
        yield database
