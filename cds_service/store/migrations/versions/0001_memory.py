"""The audit, feedback, used tokens, shown cards and rates.

Steps name their tables and columns themselves: `store.tables` says what they are today, a step what they were then.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def _moment() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    _evaluations()
    _feedback()
    op.create_table(
        "used_tokens",
        sa.Column("digest", sa.LargeBinary(64), primary_key=True),
        sa.Column("until", _moment(), nullable=False),
    )
    op.create_index("used_tokens_until", "used_tokens", ["until"])
    op.create_table(
        "shown_cards",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("visit", sa.LargeBinary(32)),
        sa.Column("person", sa.LargeBinary(32), nullable=False),
        sa.Column("client", sa.String(200), nullable=False),
        sa.Column("card", sa.String(200), nullable=False),
        sa.Column("card_version", sa.Integer, nullable=False),
        sa.Column("indicator", sa.String(20), nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("facts", sa.LargeBinary(32), nullable=False),
        sa.Column("shown_at", _moment(), nullable=False),
        sa.Column("until", _moment(), nullable=False),
    )
    op.create_index("shown_cards_visit", "shown_cards", ["visit"])
    op.create_index("shown_cards_person", "shown_cards", ["person"])
    op.create_index("shown_cards_until", "shown_cards", ["until"])
    op.create_table(
        "rate_windows",
        sa.Column("key", sa.String(500), primary_key=True),
        sa.Column("hits", sa.Integer, nullable=False),
        sa.Column("until", _moment(), nullable=False),
    )
    op.create_index("rate_windows_until", "rate_windows", ["until"])


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", _moment(), nullable=False),
        sa.Column("client", sa.String(200)),
        sa.Column("tenant", sa.String(200)),
        sa.Column("service", sa.String(200)),
        sa.Column("hook", sa.String(100)),
        sa.Column("hook_instance", sa.Uuid),
        sa.Column("result", sa.String(20), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("code", sa.String(100), nullable=False),
        sa.Column("version", sa.String(50), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        *(sa.Column(f"{phase}_ms", sa.Float) for phase in ("read", "fetch", "judge", "render", "total")),
    )
    op.create_index("evaluations_at", "evaluations", ["at", "id"])
    op.create_table(
        "evaluation_cards",
        sa.Column("evaluation", sa.Uuid, sa.ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("card", sa.String(200), nullable=False),
        sa.Column("card_version", sa.Integer, nullable=False),
        sa.Column("indicator", sa.String(20), nullable=False),
        sa.Column("uuid", sa.Uuid, nullable=False),
        sa.Column("showing", sa.String(20), nullable=False),
        sa.Column("suggestions", sa.JSON, nullable=False),
    )
    op.create_index("evaluation_cards_uuid", "evaluation_cards", ["uuid"])
    op.create_index("evaluation_cards_card", "evaluation_cards", ["card", "card_version"])
    op.create_table(
        "evaluation_gaps",
        sa.Column("evaluation", sa.Uuid, sa.ForeignKey("evaluations.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("kind", sa.String(50), primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("client", sa.String(200), primary_key=True),
        sa.Column("tenant", sa.String(200), primary_key=True),
        sa.Column("card", sa.Uuid, primary_key=True),
        sa.Column("outcome", sa.String(20), primary_key=True),
        sa.Column("at", _moment(), primary_key=True),
        sa.Column("received_at", _moment(), nullable=False),
        sa.Column("service", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(100)),
        sa.Column("suggestions", sa.JSON, nullable=False),
        sa.Column("comment_length", sa.Integer),
        sa.Column("comment", sa.Text),
    )
    op.create_index("feedback_card", "feedback", ["card"])
    op.create_index("feedback_received_at", "feedback", ["received_at"])
