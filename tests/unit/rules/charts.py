"""Charts in a few words: what is ordered, what is taken, what was measured, and what could not be read."""

from datetime import date, timedelta
from decimal import Decimal

from cds_service.clinical.codes import ProblemName, Ref, Route, RxCUI, TestName
from cds_service.clinical.days import Day
from cds_service.clinical.model import (
    Allergy,
    Gap,
    LabOrder,
    Listing,
    Medication,
    Patient,
    Problem,
    Result,
    Situation,
    State,
    Why,
)
from cds_service.clinical.quantity import INFINITE, Amount
from cds_service.rules import conditions as c

TODAY = date(2026, 6, 15)

# A medicine's name stands for its RxNorm concept: the rules compare codes and never look into them.
DANTROLENE = c.Medicine("dantrolene", frozenset({RxCUI("dantrolene")}))
ORAL_DANTROLENE = c.Medicine("dantrolene", frozenset({RxCUI("dantrolene")}), "oral")
BACLOFEN = c.Medicine("baclofen", frozenset({RxCUI("baclofen")}))
ORAL_BACLOFEN = c.Medicine("baclofen", frozenset({RxCUI("baclofen")}), "oral")
TIZANIDINE = c.Medicine("tizanidine", frozenset({RxCUI("tizanidine")}))
OPIOID = c.Medicine("opioid", frozenset({RxCUI("morphine"), RxCUI("oxycodone")}))
BENZODIAZEPINE = c.Medicine("benzodiazepine", frozenset({RxCUI("diazepam")}))
SYSTEMIC_ESTROGEN = c.Medicine("estrogen", frozenset({RxCUI("estradiol")}), "systemic")

ALT = c.Tests((TestName("ALT"),), every=False)
ALT_OR_AST = c.Tests((TestName("ALT"), TestName("AST")), every=False)
ALT_AND_AST = c.Tests((TestName("ALT"), TestName("AST")), every=True)


def ago(days):
    """So many days before the call; negative lies ahead."""
    return Day.on(TODAY - timedelta(days=days))


def between(most, least):
    """Somewhere between so many and so many days ago, as a month without a day."""
    return Day(TODAY - timedelta(days=most), TODAY - timedelta(days=least))


def mg(amount):
    return None if amount is None else Decimal(amount)


def _day(said):
    return ago(said) if isinstance(said, int) else said


def medicine(name, state, *, since=None, written=None, until=None, dose=30, route=Route.ORAL, ref=None, **more):  # noqa: PLR0913 (what an order says)
    """A medicine of the record or a draft; days are counted back from the call."""
    names = name if isinstance(name, tuple) else (name,)
    return Medication(
        ref=Ref(ref or f"MedicationRequest/{state}-{'-'.join(names)}"),
        name=" and ".join(names),
        ingredients=frozenset(RxCUI(each) for each in names),
        state=state,
        route=route,
        started=_day(since),
        written=_day(since if written is None else written),
        ended=_day(until),
        daily_mg=mg(dose),
        **{"systemic": None if route is None else route is not Route.TOPICAL} | more,
    )


def order(name, **more):
    """A draft that orders it; `renews` names the records it continues."""
    continues = frozenset(Ref(ref) for ref in more.pop("renews", ()))
    return medicine(name, State.ORDERED, **{"since": 0, "continues": continues} | more)


def stop(name, **more):
    """A draft that ends it; `of` names the records it ends."""
    continues = frozenset(Ref(ref) for ref in more.pop("of", ()))
    return medicine(name, State.STOPPING, **{"since": 100, "continues": continues} | more)


def takes(name, **more):
    return medicine(name, State.RUNNING, **{"since": 100} | more)


def paused(name, **more):
    return medicine(name, State.PAUSED, **{"since": 100} | more)


def lapsed(name, **more):
    return medicine(name, State.LAPSED, **{"since": 100, "until": 14} | more)


def planned(name, **more):
    return medicine(name, State.PLANNED, **{"since": -7} | more)


def took(name, **more):
    """An order that has ended."""
    return medicine(name, State.ENDED, **{"since": 200, "until": 60} | more)


def exactly(value):
    return Amount.exactly(Decimal(str(value)))


def above(value):
    """What a laboratory reports as ">1000"."""
    return Amount(Decimal(str(value)), INFINITE)


def result(test, taken=1, *, xuln=None, value=1, ref=None, **more):
    """A laboratory result, in multiples of its upper limit or in the test's own unit."""

    def amount(said):
        return said if said is None or isinstance(said, Amount) else exactly(said)

    return Result(
        ref=Ref(ref or f"Observation/{test}-{taken}"),
        test=TestName(test),
        taken=_day(taken),
        amount=amount(value),
        times_uln=amount(xuln),
        **more,
    )


def problem(name, recorded=None, **more):
    return Problem(Ref(f"Condition/{name}"), frozenset({ProblemName(name)}), "", _day(recorded), **more)


def allergy(name, recorded=None, **more):
    """An allergy to it; `intolerance` and `provisional` as in the record."""
    names = name if isinstance(name, tuple) else (name,)
    kind = "intolerance" if more.get("intolerance") else "allergy"
    ingredients = frozenset(RxCUI(each) for each in names)
    return Allergy(
        Ref(f"AllergyIntolerance/{kind}-{'-'.join(names)}"), ingredients, "", recorded=_day(recorded), **more
    )


def lab_order(*tests, ordered=1, ref="ServiceRequest/1"):
    return LabOrder(Ref(ref), frozenset(TestName(test) for test in tests), _day(ordered))


def unread(where, why=Why.NOT_SUPPLIED, *, about=None, before=None):
    """Something that could not be read: about these names only, or only what is older than so many days."""
    concerns = None if about is None else frozenset(about)
    return Gap(where, why, "", concerns, None if before is None else TODAY - timedelta(days=before))


def listing(said):
    """What was read, and between it what was not."""
    return Listing(
        tuple(item for item in said if not isinstance(item, Gap)), tuple(item for item in said if isinstance(item, Gap))
    )


ADULT = Patient(Ref("Patient/1"), "female", Day.on(date(1980, 6, 15)))


def chart(  # noqa: PLR0913 (one word per list)
    *, drafts=(), record=(), results=(), problems=(), allergies=(), labs=(), patient=ADULT, hook="order-sign"
):
    """One patient at one order; what is not said is known to be absent."""
    return Situation(
        today=TODAY,
        hook=hook,
        orders=listing(drafts),
        medications=listing(record),
        results=listing(results),
        problems=listing(problems),
        lab_orders=listing(labs),
        patient=patient,
        allergies=listing(allergies),
    )


def bounds(*, at_least=None, above=None, at_most=None, below=None):
    """A range as a card names it; `above` and `below` leave out their end."""
    return c.Bounds(
        low=mg(at_least if above is None else above),
        low_included=above is None,
        high=mg(at_most if below is None else below),
        high_included=below is None,
    )
