"""What became of the cards: shown, accepted, overridden and why; and what those in the shadow would have said."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, distinct, exists, func, select

from cds_service.advice.record import Result, Showing
from cds_service.hooks.feedback import Verdict
from cds_service.store.intervals import Interval, wilson
from cds_service.store.tables import (
    CARDS,
    EVALUATED_FOR_TENANT,
    EVALUATIONS,
    FEEDBACK,
    IS_OF_ITS_SENDER,
    NEWEST_WORD_FIRST,
)

NO_REASON: Final = "no reason"
_ANSWERED: Final = tuple(one.value for one in Result if one not in {Result.REFUSED, Result.FAILED})


@dataclass(frozen=True, slots=True)
class CardReport:
    """What became of one version of a card.

    Attributes:
        shown: how many cards were shown; one that is given again for the same call counts once.
        accepted: of them, whose last feedback says so.
        overridden: by reason; of those shown, whose last feedback says so.
    """

    card: str
    version: int
    shown: int
    accepted: int = 0
    overridden: Mapping[str, int] = field(default_factory=dict)

    @property
    def overrides(self) -> int:
        """How many were overridden, for whatever reason."""
        return sum(self.overridden.values())

    @property
    def answered(self) -> int:
        """How many there is feedback about."""
        return self.accepted + self.overrides

    @property
    def unanswered(self) -> int:
        """How many there is no feedback about."""
        return self.shown - self.answered

    @property
    def rate(self) -> float | None:
        """Overridden of those with feedback, from 0 to 1; None without any."""
        return self.overrides / self.answered if self.answered else None

    @property
    def interval(self) -> Interval:
        """The 95 % interval (Wilson) of the rate."""
        return wilson(self.overrides, self.answered)

    def is_above(self, threshold: float) -> bool:
        """Whether the rate is above it beyond chance: the whole interval is."""
        return self.answered > 0 and self.interval.low > threshold


@dataclass(frozen=True, slots=True)
class Feedbacks:
    """What became of all cards.

    Attributes:
        evaluations: how many calls were answered.
        cards: most often overridden first.
        unknown: entries about cards that were never given to the client and tenant who sent them; None in a report of
            one card, since nobody knows which they are about.
    """

    evaluations: int
    cards: tuple[CardReport, ...]
    unknown: int | None


@dataclass(frozen=True, slots=True)
class ShadowReport:
    """How often one version of a card would have spoken."""

    card: str
    version: int
    indicator: str
    calls: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Shadows:
    """How often cards in the shadow would have spoken, in so many answered calls."""

    evaluations: int
    cards: tuple[ShadowReport, ...]


def read_feedbacks(connection: Connection, since: datetime | None, card: str | None) -> Feedbacks:
    """What became of the cards that were shown since then; all, or those of one card file."""
    shown = _shown(since, card).subquery()
    shown_counts = connection.execute(
        select(shown.c.card, shown.c.card_version, func.count()).group_by(shown.c.card, shown.c.card_version)
    ).all()
    last = _last_word().subquery()
    outcomes = connection.execute(
        select(shown.c.card, shown.c.card_version, last.c.outcome, last.c.reason, func.count())
        .join(last, and_(*(last.c[one] == shown.c[one] for one in ("uuid", "client", "tenant"))))
        .where(last.c.age == 1)
        .group_by(shown.c.card, shown.c.card_version, last.c.outcome, last.c.reason)
    ).all()
    cards = tuple(sorted(_cards(shown_counts, outcomes), key=lambda one: (-one.overrides, one.card, one.version)))
    return Feedbacks(_evaluations(connection, since), cards, _unknown(connection, since) if card is None else None)


def read_shadows(connection: Connection, since: datetime | None, card: str | None) -> Shadows:
    """How often each card in the shadow would have spoken since then, by how urgently."""
    found = (
        select(
            CARDS.c.card,
            CARDS.c.card_version,
            CARDS.c.indicator,
            func.count(distinct(EVALUATIONS.c.id)),
            func.min(EVALUATIONS.c.at),
            func.max(EVALUATIONS.c.at),
        )
        .join(EVALUATIONS)
        .where(CARDS.c.showing == Showing.SHADOW.value, *_of(since, card))
        .group_by(CARDS.c.card, CARDS.c.card_version, CARDS.c.indicator)
        .order_by(CARDS.c.card, CARDS.c.card_version, CARDS.c.indicator)
    )
    cards = tuple(ShadowReport(*row) for row in connection.execute(found))
    return Shadows(_evaluations(connection, since), cards)


def _of(since: datetime | None, card: str | None) -> list[Any]:
    return [
        *([EVALUATIONS.c.at >= since] if since is not None else []),
        *([CARDS.c.card == card] if card is not None else []),
    ]


def _shown(since: datetime | None, card: str | None) -> Select[Any]:
    """Each card that was shown, once: asked again, the same call gets the same card."""
    return (
        select(
            EVALUATIONS.c.client,
            EVALUATED_FOR_TENANT.label("tenant"),
            CARDS.c.uuid,
            CARDS.c.card,
            CARDS.c.card_version,
        )
        .join(EVALUATIONS)
        .where(CARDS.c.showing == Showing.SHOWN.value, *_of(since, card))
        .distinct()
    )


def _last_word() -> Select[Any]:
    """The feedback of each card, numbered from the newest."""
    about = (FEEDBACK.c.client, FEEDBACK.c.tenant, FEEDBACK.c.card.label("uuid"))
    age = func.row_number().over(partition_by=about, order_by=NEWEST_WORD_FIRST)
    return select(*about, FEEDBACK.c.outcome, FEEDBACK.c.reason, age.label("age"))


def _cards(shown: Iterable[Any], outcomes: Iterable[Any]) -> Iterable[CardReport]:
    accepted: Counter[tuple[str, int]] = Counter()
    overridden: defaultdict[tuple[str, int], Counter[str]] = defaultdict(Counter)
    for card, version, outcome, reason, count in outcomes:
        if outcome == Verdict.ACCEPTED.value:
            accepted[card, version] += count
        else:
            overridden[card, version][reason or NO_REASON] += count
    for card, version, count in shown:
        reasons = dict(overridden[card, version].most_common())
        yield CardReport(card, version, count, accepted[card, version], reasons)


def _evaluations(connection: Connection, since: datetime | None) -> int:
    answered = select(func.count()).select_from(EVALUATIONS).where(EVALUATIONS.c.result.in_(_ANSWERED))
    return int(connection.scalar(answered.where(*_of(since, None))) or 0)


def _unknown(connection: Connection, since: datetime | None) -> int:
    given = exists().where(
        CARDS.c.uuid == FEEDBACK.c.card,
        EVALUATIONS.c.id == CARDS.c.evaluation,
        IS_OF_ITS_SENDER,
    )
    unknown = select(func.count()).select_from(FEEDBACK).where(~given)
    if since is not None:
        unknown = unknown.where(FEEDBACK.c.received_at >= since)
    return int(connection.scalar(unknown) or 0)


def feedbacks_json(read: Feedbacks, threshold: float) -> dict[str, Any]:
    """For a program."""
    return {
        "evaluations": read.evaluations,
        "threshold": threshold,
        "unknownFeedback": read.unknown,
        "cards": [
            {
                "card": one.card,
                "version": one.version,
                "shown": one.shown,
                "accepted": one.accepted,
                "overridden": one.overrides,
                "overriddenByReason": dict(one.overridden),
                "noAnswer": one.unanswered,
                "overrideRate": _rounded(one.rate),
                "overrideRateInterval": [_rounded(one.interval.low), _rounded(one.interval.high)],
                "aboveThreshold": one.is_above(threshold),
            }
            for one in read.cards
        ],
    }


def feedbacks_text(read: Feedbacks, threshold: float) -> str:
    """For a person."""
    lines = [f"{_many(read.evaluations, 'answered call')}, {_many(len(read.cards), 'card')} (by version) shown"]
    if read.cards:
        heads = ("card", "version", "shown", "accepted", "overridden", "no answer", "override rate (95 %)", "")
        lines += ["", *_table(heads, [_line(one, threshold) for one in read.cards])]
        reasons = [(f"{one.card} v{one.version}", one.overridden) for one in read.cards if one.overridden]
        lines += ["", "Why they were overridden:"] if reasons else []
        lines += [f"  {name}: {_counted(overridden)}" for name, overridden in reasons]
    lines += [
        "",
        "The override rate is of the cards with feedback, by the last word on each. ABOVE: the whole 95 % interval",
        f"(Wilson) lies above {_percent(threshold)}; a high rate of few cards is not marked.",
    ]
    if read.unknown:
        lines += [f"Feedback about cards that this service has no record of: {read.unknown}"]
    return "\n".join(lines) + "\n"


def _line(one: CardReport, threshold: float) -> tuple[str, ...]:
    rate = "-"
    if one.rate is not None:
        rate = f"{_percent(one.rate)} ({_percent(one.interval.low)} to {_percent(one.interval.high)})"
    counts = (one.version, one.shown, one.accepted, one.overrides, one.unanswered)
    return (one.card, *map(str, counts), rate, "ABOVE" if one.is_above(threshold) else "")


def shadows_json(read: Shadows) -> dict[str, Any]:
    """For a program."""
    return {
        "evaluations": read.evaluations,
        "cards": [
            {
                "card": one.card,
                "version": one.version,
                "indicator": one.indicator,
                "calls": one.calls,
                "per100Evaluations": round(_per_100(one, read), 2),
                "first": one.first.isoformat(),
                "last": one.last.isoformat(),
            }
            for one in read.cards
        ],
    }


def shadows_text(read: Shadows) -> str:
    """For a person."""
    spoke = _many(len({one.card for one in read.cards}), "card")
    lines = [f"{_many(read.evaluations, 'answered call')}, {spoke} spoke in the shadow"]
    if read.cards:
        heads = ("card", "version", "indicator", "calls", "per 100 calls", "first", "last")
        rows = [
            (
                one.card,
                str(one.version),
                one.indicator,
                str(one.calls),
                f"{_per_100(one, read):.2f}",
                one.first.date().isoformat(),
                one.last.date().isoformat(),
            )
            for one in read.cards
        ]
        lines += ["", *_table(heads, rows)]
    return "\n".join(lines) + "\n"


def _per_100(one: ShadowReport, read: Shadows) -> float:
    return 100 * one.calls / read.evaluations if read.evaluations else 0.0


def _table(heads: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    numbers = [bool(column) and all(cell[:1].isdigit() for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, numbers, strict=True)
        ).rstrip()
        for row in (heads, *rows)
    ]


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 4)
