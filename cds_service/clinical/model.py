"""What we know of one patient at one order, and what we could not read.

Every class here hides its values when printed, so that a patient never reaches a log or a traceback.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from cds_service.clinical.codes import ProblemName, Ref, Route, RxCUI, TestName
from cds_service.clinical.days import Day
from cds_service.clinical.quantity import Amount

Item = TypeVar("Item")


class Why(StrEnum):
    """Why something could not be read. A closed list: it is counted in metrics and printed on cards."""

    NOT_SUPPLIED = "not-supplied"
    FAILED = "failed"
    NOT_FETCHED = "not-fetched"
    TOO_LATE = "too-late"
    UNREADABLE = "unreadable"
    MORE_PAGES = "more-pages"
    OTHER_PATIENT = "other-patient"
    VERSIONS_DIFFER = "versions-differ"
    POINTS_NOWHERE = "points-nowhere"
    UNKNOWN_MEDICINE = "unknown-medicine"
    CODES_DISAGREE = "codes-disagree"
    UNCODED = "uncoded"
    NO_DATE = "no-date"
    FUTURE_DATE = "future-date"
    IMPRECISE_DATE = "imprecise-date"
    NO_STATUS = "no-status"
    NO_ROUTE = "no-route"
    NO_DOSE = "no-dose"
    NO_WEIGHT = "no-weight"
    NO_VALUE = "no-value"
    UNKNOWN_UNIT = "unknown-unit"
    NO_UPPER_LIMIT = "no-upper-limit"
    NO_BIRTH_DATE = "no-birth-date"
    NO_SEX = "no-sex"
    NO_SETTING = "no-setting"
    RULE_FAILED = "rule-failed"
    OUT_OF_TIME = "out-of-time"


ABSENT: Final = frozenset({Why.NOT_SUPPLIED, Why.FAILED, Why.NOT_FETCHED, Why.TOO_LATE})  # a whole list is missing


@dataclass(frozen=True, slots=True)
class Gap:
    """Something we could not read, and what it might have told us.

    Attributes:
        where: a prefetch key ("results") or a reference ("MedicationRequest/7").
        why: one of the closed list.
        label: the client's own words for the thing, for the card only.
        concerns: the ingredients, tests or problems it may hide; None when it may hide anything.
        before: it can only hide things older than this day; None when it may hide any day.
    """

    where: str
    why: Why
    label: str = field(default="", repr=False, compare=False)
    concerns: frozenset[str] | None = None
    before: date | None = None

    def may_hide(self, names: frozenset[str], since: date | None = None) -> bool:
        """Whether one of `names`, dated on or after `since`, may be missing because of this gap."""
        if self.concerns is not None and self.concerns.isdisjoint(names):
            return False
        return self.before is None or since is None or since < self.before


@dataclass(frozen=True, slots=True, repr=False)
class Listing(Generic[Item]):
    """What was read of one kind, and what of it could not be.

    Presence is proved by an item; absence only by a listing without a gap that may hide it.
    """

    items: tuple[Item, ...] = ()
    gaps: tuple[Gap, ...] = ()
    said_none: bool = False  # the client's word that there is none, in place of a list (decision 1)

    def __repr__(self) -> str:
        """Counts, never contents."""
        return f"<Listing {len(self.items)} items, {len(self.gaps)} gaps>"

    def gaps_about(self, names: Iterable[str], since: date | None = None) -> tuple[Gap, ...]:
        """The gaps that may hide one of `names` dated on or after `since`."""
        if not self.gaps:
            return ()
        wanted = frozenset(names)
        return tuple(gap for gap in self.gaps if gap.may_hide(wanted, since))


class State(StrEnum):
    """What a medicine's record says of it today."""

    ORDERED = "ordered"  # a draft
    STOPPING = "stopping"  # a draft that ends it
    RUNNING = "running"
    PAUSED = "paused"  # on hold: counts one level lower
    LAPSED = "lapsed"  # active by status, but its end passed at most 30 days ago: counts one level lower
    PLANNED = "planned"  # active, but starts on a later day
    ENDED = "ended"


TAKEN = frozenset({State.RUNNING, State.PAUSED, State.LAPSED})
LOWERED = frozenset({State.PAUSED, State.LAPSED})


class Setting(StrEnum):
    """Where an order is meant to be carried out: FHIR's MedicationRequest.category."""

    INPATIENT = "inpatient"
    OUTPATIENT = "outpatient"
    COMMUNITY = "community"
    DISCHARGE = "discharge"


@dataclass(frozen=True, slots=True, repr=False)
class Step:
    """One dose level of an order: how much a day, and from when to when, where that is said."""

    daily_mg: Decimal | None
    first: date | None = None
    last: date | None = None
    days: int | None = None
    times_a_day: Decimal | None = None

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<Step>"

    @property
    def dated(self) -> bool:
        """Whether the step says when it starts, ends, or how long it lasts."""
        return self.first is not None or self.last is not None or self.days is not None


class Medication(NamedTuple):
    """One medicine in the record or among the drafts; a tuple for the sake of speed, see `Result`.

    Attributes:
        name: what the reader sees, e.g. "baclofen 10 MG Oral Tablet".
        ingredients: RxNorm IN concepts.
        route: None when neither the order nor the product says.
        systemic: whether the whole body is exposed; None when unknown.
        started: the day it began: its period's start, else the day it was written.
        written: the day it was ordered (authoredOn).
        ended: the last day it is to be taken, where that is said.
        daily_mg: the largest daily amount in milligrams; None when it cannot be computed.
        undosed: why it cannot, where that is more than a dosage we do not understand.
        steps: its dose levels in order.
        reasons: why it is given, by our names for problems.
        days: for how many days it is ordered, where that is said.
        continues: the orders this draft renews or replaces (same id, or priorPrescription).
        selected: of a draft: whether the hook asks about it (order-select asks about the selections only).
        says_taper: its instructions say that it is a taper.
        as_needed: it is taken only when needed.
        single_mg: the largest single dose in milligrams; None when it cannot be computed.
        setting: where it is meant to be taken; None when the order does not say.
        strengths: of the product, one for each ingredient in milligrams; empty when one is not known.
    """

    ref: Ref
    name: str
    ingredients: frozenset[RxCUI]
    state: State
    route: Route | None = None
    systemic: bool | None = None
    started: Day | None = None
    written: Day | None = None
    ended: Day | None = None
    daily_mg: Decimal | None = None
    steps: tuple[Step, ...] = ()
    reasons: frozenset[ProblemName] = frozenset()
    days: int | None = None
    continues: frozenset[Ref] = frozenset()
    selected: bool = True
    says_taper: bool = False
    product: RxCUI | None = None
    undosed: Why | None = None
    as_needed: bool = False
    single_mg: Decimal | None = None
    setting: Setting | None = None
    strengths: tuple[Decimal, ...] = ()

    def __repr__(self) -> str:
        """Its state, never its name."""
        return f"<Medication {self.state}>"

    @property
    def lowered(self) -> bool:
        """Whether it counts one level lower, because it is paused or has lapsed."""
        return self.state in LOWERED

    @property
    def capped(self) -> bool:
        """A medicine is never provisional."""
        return False

    @property
    def since(self) -> Day | None:
        """The day it became true."""
        return self.started


class Result(NamedTuple):
    """One laboratory result; a tuple, because records hold many: 0.5 microseconds each, a frozen dataclass 0.9.

    Attributes:
        taken: the day the sample was taken.
        amount: in the test's canonical unit (cards/codelists/tests.csv); None when it has no readable value.
        times_uln: in multiples of this result's own upper limit of normal; None without such a limit.
        flagged_high: the laboratory marked it as high (interpretation H, HH, HU, A or AA).
        shown: value and unit as reported, for the reader.
        preliminary: it counts, and is called preliminary.
    """

    ref: Ref
    test: TestName
    taken: Day
    amount: Amount | None = None
    times_uln: Amount | None = None
    flagged_high: bool = False
    shown: str = ""
    preliminary: bool = False

    def __repr__(self) -> str:
        """Which test, never its value."""
        return f"<Result {self.test}>"

    @property
    def lowered(self) -> bool:
        """A result counts in full."""
        return False

    @property
    def capped(self) -> bool:
        """A preliminary result counts in full, and is called preliminary."""
        return False

    @property
    def since(self) -> Day | None:
        """The day it became true."""
        return self.taken


@dataclass(frozen=True, slots=True, repr=False)
class Problem:
    """A diagnosis on the problem list that counts today.

    Attributes:
        names: our names for it; a code may carry several.
        shown: the client's words for it.
        provisional: a provisional or differential diagnosis: it raises a warning at most.
    """

    ref: Ref
    names: frozenset[ProblemName]
    shown: str = ""
    recorded: Day | None = None
    provisional: bool = False

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<Problem>"

    @property
    def lowered(self) -> bool:
        """A problem is never one level lower; see `capped`."""
        return False

    @property
    def capped(self) -> bool:
        """Whether it raises a warning at most."""
        return self.provisional

    @property
    def since(self) -> Day | None:
        """The day it became true."""
        return self.recorded


@dataclass(frozen=True, slots=True, repr=False)
class Allergy:
    """An allergy or intolerance on record that counts today.

    Attributes:
        ingredients: what it is about, as RxNorm IN concepts.
        shown: the client's words for it.
        intolerance: the record calls it an intolerance; otherwise it counts as an allergy.
        recorded: the day it was written down.
        provisional: unconfirmed: it raises a warning at most.
    """

    ref: Ref
    ingredients: frozenset[RxCUI]
    shown: str = ""
    intolerance: bool = False
    recorded: Day | None = None
    provisional: bool = False

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<Allergy>"

    @property
    def lowered(self) -> bool:
        """An allergy is never one level lower; see `capped`."""
        return False

    @property
    def capped(self) -> bool:
        """Whether it raises a warning at most."""
        return self.provisional

    @property
    def since(self) -> Day | None:
        """The day it became true."""
        return self.recorded


@dataclass(frozen=True, slots=True, repr=False)
class LabOrder:
    """A laboratory order that is among the drafts or still waits for its result."""

    ref: Ref
    tests: frozenset[TestName]
    ordered: Day | None = None
    until: Day | None = None  # the last day of a series

    def __repr__(self) -> str:
        """Nothing of it."""
        return "<LabOrder>"

    def runs_on(self, day: date) -> bool:
        """Whether it is a series that goes on beyond that day, or ends on it."""
        return self.until is not None and self.until.last >= day

    @property
    def lowered(self) -> bool:
        """An order for tests counts in full."""
        return False

    @property
    def capped(self) -> bool:
        """An order for tests counts in full."""
        return False

    @property
    def since(self) -> Day | None:
        """The day it became true."""
        return self.ordered


@dataclass(frozen=True, slots=True, repr=False)
class Patient:
    """The patient, as far as rules ask: sex, birth date and weight, and the gaps that hide the first two.

    Attributes:
        weight_kg: the newest body weight; None when there is none that can be used.
    """

    ref: Ref
    sex: str | None = None
    born: Day | None = None
    gaps: tuple[Gap, ...] = ()
    weight_kg: Decimal | None = None

    def __repr__(self) -> str:
        """Nothing of them."""
        return "<Patient>"

    @property
    def lowered(self) -> bool:
        """Who the patient is counts in full."""
        return False

    @property
    def capped(self) -> bool:
        """Who the patient is counts in full."""
        return False

    @property
    def since(self) -> Day | None:
        """Sex and age are never news to a renewal."""
        return self.born


Evidence: TypeAlias = Medication | Result | Problem | Allergy | LabOrder | Patient


@dataclass(frozen=True, slots=True, repr=False)
class Situation:
    """What we know of one patient at one order.

    Attributes:
        today: the calendar day of the call.
        hook: the moment in the clinician's work.
        orders: the drafts: medicines being ordered (selected or beside) or stopped.
        medications: the medicines in the record.
        results: laboratory results of the tests that rules about these orders name.
        problems: the diagnoses that count today and that these rules name.
        lab_orders: laboratory orders among the drafts or pending.
        allergies: the allergies and intolerances that count today.
        others: how many resources were left out because they are another patient's.
    """

    today: date
    hook: str
    orders: Listing[Medication]
    medications: Listing[Medication]
    results: Listing[Result]
    problems: Listing[Problem]
    lab_orders: Listing[LabOrder]
    patient: Patient
    allergies: Listing[Allergy] = field(default_factory=Listing)
    others: int = field(default=0, compare=False)
    known: dict[tuple[Hashable, ...], Any] = field(default_factory=dict, compare=False)  # answers, each worked out once

    def __repr__(self) -> str:
        """The moment, never the patient."""
        return f"<Situation at {self.hook}>"
