"""What is kept, table by table. No column can hold a name, an id or a value of a patient, but one that is off.

The one is `feedback.comment`, a clinician's own words, empty unless CDS_STORE_COMMENTS is on.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    Uuid,
    and_,
    func,
)

from cds_service.advice.record import Phase


class Moment(TypeDecorator[datetime]):
    """A moment: aware in Python and in PostgreSQL; in SQLite, which knows no zones, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


METADATA: Final = MetaData()

EVALUATIONS: Final = Table(
    "evaluations",
    METADATA,
    Column("id", Uuid, primary_key=True),  # made when the record is handed over: written twice, it is there once
    Column("at", Moment, nullable=False),
    Column("client", String(200)),
    Column("tenant", String(200)),
    Column("service", String(200)),
    Column("hook", String(100)),
    Column("hook_instance", Uuid),
    Column("result", String(20), nullable=False),
    Column("status", Integer, nullable=False),
    Column("code", String(100), nullable=False),
    Column("version", String(50), nullable=False),
    Column("sha256", String(64), nullable=False),
    *(Column(f"{phase.value}_ms", Float) for phase in Phase),
    Index("evaluations_at", "at", "id"),
)
CARDS: Final = Table(
    "evaluation_cards",
    METADATA,
    Column("evaluation", Uuid, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("card", String(200), nullable=False),
    Column("card_version", Integer, nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("showing", String(20), nullable=False),
    Column("suggestions", JSON, nullable=False),
    Index("evaluation_cards_uuid", "uuid"),
    Index("evaluation_cards_card", "card", "card_version"),
)
GAPS: Final = Table(
    "evaluation_gaps",
    METADATA,
    Column("evaluation", Uuid, ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", String(50), primary_key=True),
    Column("count", Integer, nullable=False),
)
# No reference to `evaluation_cards`: feedback may come before the record of its card is written, and about cards that
# we never gave. Whether we did is looked up when it is asked for.
FEEDBACK: Final = Table(
    "feedback",
    METADATA,
    Column("client", String(200), primary_key=True),  # nobody's feedback can take the place of another's
    Column("tenant", String(200), primary_key=True),  # `NO_TENANT` for a client without tenants
    Column("card", Uuid, primary_key=True),
    Column("outcome", String(20), primary_key=True),
    Column("at", Moment, primary_key=True),  # the client's outcomeTimestamp
    Column("received_at", Moment, nullable=False),
    Column("service", String(200), nullable=False),
    Column("reason", String(100)),
    Column("suggestions", JSON, nullable=False),
    Column("comment_length", Integer),
    Column("comment", Text),
    Index("feedback_card", "card"),
    Index("feedback_received_at", "received_at"),
)
NO_TENANT: Final = ""  # and not NULL, which is equal to nothing
EVALUATED_FOR_TENANT: Final = func.coalesce(EVALUATIONS.c.tenant, NO_TENANT)
IS_OF_ITS_SENDER: Final = and_(FEEDBACK.c.client == EVALUATIONS.c.client, FEEDBACK.c.tenant == EVALUATED_FOR_TENANT)
"""Whether feedback came from whom the call was answered to: a card's UUID is no secret."""
NEWEST_WORD_FIRST: Final = (FEEDBACK.c.at.desc(), FEEDBACK.c.received_at.desc(), FEEDBACK.c.outcome.desc())
"""The order of feedback about one card: the first of it counts."""
# What follows is forgotten when its time is over.
TOKENS: Final = Table(
    "used_tokens",
    METADATA,
    Column("digest", LargeBinary(64), primary_key=True),
    Column("until", Moment, nullable=False),
    Index("used_tokens_until", "until"),
)
SHOWN: Final = Table(
    "shown_cards",
    METADATA,
    Column("id", Uuid, primary_key=True),
    # Pseudonym of client, tenant, user, patient and encounter; none where the card is kept for its override alone.
    Column("visit", LargeBinary(32)),
    Column("person", LargeBinary(32), nullable=False),  # the same without the encounter
    Column("client", String(200), nullable=False),
    Column("card", String(200), nullable=False),
    Column("card_version", Integer, nullable=False),
    Column("indicator", String(20), nullable=False),
    Column("uuid", Uuid, nullable=False),
    Column("facts", LargeBinary(32), nullable=False),  # keyed digest
    Column("shown_at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Index("shown_cards_visit", "visit"),
    Index("shown_cards_person", "person"),
    Index("shown_cards_until", "until"),
)
RATES: Final = Table(
    "rate_windows",
    METADATA,
    Column("key", String(500), primary_key=True),  # of names in the configuration
    Column("hits", Integer, nullable=False),
    Column("until", Moment, nullable=False),
    Index("rate_windows_until", "until"),
)
FORGETTING: Final = (TOKENS, SHOWN, RATES)
