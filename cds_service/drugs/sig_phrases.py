"""The words and phrases of sigs, and what each says: a dose, a time, a course, or nothing that matters."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from enum import Enum, auto
from fractions import Fraction
from itertools import product
from typing import Final, NamedTuple, TypeAlias

from cds_service.clinical.codes import Route
from cds_service.drugs.dose import MASS_UNITS, PIECE_UNITS, VOLUME_UNITS

Phrase: TypeAlias = tuple[str, ...]
Phrases: TypeAlias = Mapping[str, tuple[Phrase, ...]]
"""Phrases by their first word, the longest first."""


class Kind(Enum):
    """What some words of a sig say."""

    DOSE = auto()  # amount, unit, also
    TIMES = auto()  # number: how often a day
    DAILY = auto()  # "daily", "every day": once, or as often as the parts of the day that are named
    A_DAY = auto()  # "per day": what stands before it is a whole day's
    MEALS = auto()  # "with meals"
    MOMENT = auto()  # word: the part of the day
    CLOCK = auto()  # word: the time
    WEEKDAYS = auto()  # number: how many days of the week
    ONCE = auto()  # "once", "stat"
    DOSES = auto()  # number: so many doses in all
    COURSE = auto()  # number: days
    LABEL = auto()  # number: days; "week 1:", which begins a level
    DIVIDED = auto()  # "in divided doses"
    TOTAL = auto()  # amount, unit: a whole day's, said beside the doses
    MOST = auto()  # amount, unit: a day
    MOST_TIMES = auto()  # number: a day
    AS_NEEDED = auto()
    ROUTE = auto()  # route
    PUMP = auto()
    THEN = auto()
    STOP = auto()
    AND = auto()
    OR = auto()  # word: "or"; "" for a dash or a stroke
    UP_TO = auto()
    PAUSE = auto()  # a comma, a full stop
    NOTHING = auto()  # changes no dose


class Item(NamedTuple):
    """What some words of a sig say; which fields it has is told by its kind."""

    kind: Kind
    number: Fraction = Fraction(1)
    amount: Decimal | None = None
    unit: str = ""
    also: tuple[Decimal, str] | None = None
    word: str = ""
    route: Route | None = None


CHANGE: Final = Item(Kind.THEN, word="change")  # the dose before it ends; after a bare "then" it may go on


def times(number: int | Fraction) -> Item:
    """So often a day."""
    return Item(Kind.TIMES, Fraction(number))


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _named(rows: Mapping[str, str]) -> dict[str, str]:
    return {word: name for name, text in rows.items() for word in text.split()}


def _by_first(*rows: str) -> Phrases:
    phrases = sorted((_words(phrase) for row in rows for phrase in row.split("|")), key=len, reverse=True)
    firsts = {phrase[0] for phrase in phrases}
    return {first: tuple(phrase for phrase in phrases if phrase[0] == first) for first in firsts}


# Words ----------------------------------------------------------------------------------------------------------------

COUNTS: Final = {
    **{word: number for number, word in enumerate(_words("one two three four five six seven eight nine ten"), 1)},
    "eleven": 11,
    "twelve": 12,
    "fourteen": 14,
    "fifteen": 15,
    "twenty": 20,
    "thirty": 30,
}
WEEKDAYS: Final = _named(
    {
        "mon": "mon monday mondays m",
        "tue": "tue tues tuesday tuesdays",
        "wed": "wed weds wednesday wednesdays w",
        "thu": "thu thur thurs thursday thursdays",
        "fri": "fri friday fridays f",
        "sat": "sat saturday saturdays",
        "sun": "sun sunday sundays",
    }
)
HOURS: Final = frozenset(_words("h hr hrs hour hours hourly hrly"))
HOURLY: Final = frozenset({"hourly", "hrly"})
DAYS: Final = {
    **dict.fromkeys(HOURS, Fraction(1, 24)),
    **dict.fromkeys(_words("d day days"), Fraction(1)),
    **dict.fromkeys(_words("wk wks week weeks"), Fraction(7)),
    **dict.fromkeys(_words("mo mos month months"), Fraction(30)),
}
UNITS: Final = frozenset({*MASS_UNITS, *VOLUME_UNITS})
PIECES: Final = PIECE_UNITS
SPOONS: Final = frozenset(_words("spoon spoons spoonful spoonfuls spoonsful dose doses"))
LATE: Final = frozenset({"evening", "night"})  # "every evening at bedtime" is one time
_MOMENTS: Final = _named(
    {
        "morning": "morning mornings breakfast waking wakeup am mane",
        "noon": "noon midday lunch lunchtime noontime",
        "afternoon": "afternoon teatime",
        "evening": "evening evenings dinner supper dinnertime suppertime pm",
        "night": "night bedtime bed hs nightly nocte nights",
    }
)
_BEFORE_MOMENTS: Final = (
    *("", "in the", "in", "at", "at the", "every", "each", "q", "with", "before", "after", "around", "on"),
    *("with your", "just before", "right before", "30 minutes before", "1 hour before", "one hour before"),
)
NEEDED: Final = frozenset(_words("prn needed required necessary"))
BETWEEN_PURPOSES: Final = frozenset(_words("and or of the in due to related with your / -"))
PURPOSES: Final = frozenset(
    word
    for row in (
        "pain pains spasm spasms spasticity spastic muscle muscles stiffness tightness rigidity cramp cramps cramping",
        "clonus sleep insomnia anxiety nerve neuropathic neuropathy neuropathies back neck leg legs arm arms shoulder",
        "knee hip joint headache headaches migraine migraines nausea vomiting seizure seizures epilepsy depression",
        "mood hypertension blood pressure bp multiple sclerosis ms cerebral palsy stroke spinal cord injury severe",
        "moderate mild acute chronic breakthrough relaxation fever inflammation arthritis fibromyalgia restless",
        "tremor tremors malignant hyperthermia hiccups dystonia low lower bladder",
    )
    for word in row.split()
)

# Phrases --------------------------------------------------------------------------------------------------------------

MAXIMUM: Final = _by_first(
    "max|maximum|not to exceed|do not exceed|nte|no more than|not more than|max of|maximum of|max dose|maximum dose",
    "max dose of|maximum dose of|do not take more than|take no more than|don t take more than|never more than",
    "never take more than|not exceeding|and no more than|but no more than|but not more than",
)
MAXIMUM_A_DAY: Final = _by_first(
    "max daily dose|maximum daily dose|mdd|max daily|maximum daily|max daily dose of|maximum daily dose of|max / day",
    "max per day|max / 24 h|daily max|daily maximum|maximum dose per day|max dose per day",
)
TOTAL: Final = _by_first(
    "total daily dose|total daily dose of|total daily dose is|for a total of|total of|total|for total of|daily dose",
    "total dose|daily total|tdd",
)
FOR: Final = _by_first("for|x|for the next|for up to|for next|for the first|for a total of")
TO_TREAT: Final = _by_first(
    "for|to help with|to treat|to reduce|to relieve|to control|to relax|to help|to prevent|to lower|for relief of",
    "for treatment of|indications :|indication :|if|for your|due to",
)
_SAYING: Final[tuple[tuple[Item, tuple[str, ...]], ...]] = (
    (
        times(1),
        (
            "od|qd|q day|qday|q d|once daily|once a day|once per day|once each day|once every day|once / day",
            "one time a day",
        ),
    ),
    (times(2), ("bid|bd|twice daily|twice a day|twice per day|twice each day|twice every day|twice / day",)),
    (times(3), ("tid|tds|thrice daily|thrice a day",)),
    (times(4), ("qid|qds",)),
    (times(24), ("hourly|every hour|q hour|/ h|/ hr|/ hour|per hour|an hour|per hr",)),
    (
        times(Fraction(1, 2)),
        (
            "qod|every other day|every second day|alternate days|on alternate days|every alternate day",
            "every other night|every other morning",
        ),
    ),
    (times(Fraction(1, 7)), ("weekly|once weekly|once a week|once per week|every week|each week|q week|qweek",)),
    (times(Fraction(2, 7)), ("twice weekly|twice a week|twice per week",)),
    (times(Fraction(1, 14)), ("every other week",)),
    (times(Fraction(1, 30)), ("monthly|once monthly|once a month|every month",)),
    (Item(Kind.DAILY), ("daily|every day|each day|everyday",)),
    (
        Item(Kind.A_DAY),
        (
            "a day|per day|/ day|/ d|per d|in a day|in one day|per 24 hours|/ 24 h|/ 24 hours|in 24 hours|in 24 h",
            "in 24 hrs|/ 24 hrs|/ 24 hr|per 24 hrs|per 24 h|in any 24 hour period|in a 24 hour period",
            "per 24 hour period|in 24 hour period|within 24 hours|every 24 hours|in twenty four hours",
        ),
    ),
    (
        Item(Kind.MEALS),
        (
            "with meals|before meals|after meals|with each meal|with every meal|before each meal|before every meal",
            "after each meal|after every meal|at meals|at mealtimes|with all meals|ac|pc",
        ),
    ),
    (Item(Kind.MOMENT, word="morning"), ("qam|om",)),
    (Item(Kind.MOMENT, word="evening"), ("qpm",)),
    (Item(Kind.MOMENT, word="night"), ("qhs|before going to bed|before sleep|at hour of sleep|when going to bed",)),
    (Item(Kind.WEEKDAYS, Fraction(3)), ("mwf",)),
    (Item(Kind.ONCE), ("once|one time|one time only|x 1|x one|single dose|as a single dose|stat|now|one dose only",)),
    (Item(Kind.ONCE), ("in a single dose|as one dose",)),
    (Item(Kind.DIVIDED), ("divided|in divided doses|divided doses|divided in|divided into|as divided doses",)),
    (
        Item(Kind.AS_NEEDED),
        (
            "prn|as needed|as required|when needed|when required|if needed|if required|as necessary|when necessary",
            "if necessary|only if needed|only when needed|only as needed",
        ),
    ),
    (
        Item(Kind.ROUTE, route=Route.ORAL),
        (
            "by mouth|orally|oral|po|per os|oral route|by oral route|via oral route|through the mouth",
            "via g tube|per g tube|by g tube|via gtube|per gtube|via peg|per peg|via peg tube|per peg tube",
            "via g - tube|per g - tube|by g - tube|via ng tube|per ng tube|via ng|per ng|via ng - tube|per ng - tube",
            "via feeding tube|per feeding tube|by feeding tube|per tube|via tube|via gastrostomy tube",
            "via nasogastric tube|via j tube|per j tube|via j - tube|per j - tube|g tube|g - tube|ng tube|peg tube",
        ),
    ),
    (Item(Kind.ROUTE, route=Route.BUCCAL), ("buccally|buccal",)),
    (Item(Kind.ROUTE, route=Route.NASAL), ("intranasally|intranasal|nasal",)),
    (Item(Kind.ROUTE, route=Route.INHALED), ("by inhalation|inhalation|inhaled",)),
    (Item(Kind.ROUTE, route=Route.OPHTHALMIC), ("ophthalmic",)),
    (Item(Kind.ROUTE, route=Route.OTIC), ("otic",)),
    (Item(Kind.ROUTE, route=Route.SUBLINGUAL), ("sublingually|sublingual|sl|under the tongue|under tongue",)),
    (
        Item(Kind.ROUTE, route=Route.INJECTED),
        (
            "iv|intravenously|intravenous|im|intramuscularly|intramuscular|subcutaneously|subcutaneous|subcut|subq",
            "sq|sc|into the muscle|into a vein|under the skin|by injection|iv push|ivp|ivpb|iv piggyback|iv bolus",
        ),
    ),
    (Item(Kind.ROUTE, route=Route.RECTAL), ("rectally|rectal|per rectum|pr|into the rectum",)),
    (Item(Kind.ROUTE, route=Route.VAGINAL), ("vaginally|vaginal|into the vagina|per vagina",)),
    (
        Item(Kind.ROUTE, route=Route.TOPICAL),
        ("topically|topical|to affected area|to the affected area|to skin|to the skin",),
    ),
    (Item(Kind.ROUTE, route=Route.TRANSDERMAL), ("transdermally|transdermal",)),
    (
        Item(Kind.ROUTE, route=Route.INTRATHECAL),
        (
            "intrathecally|intrathecal|by intrathecal infusion|via intrathecal pump|by intrathecal pump",
            "through intrathecal pump|intrathecal pump|intrathecal infusion|via the intrathecal pump",
            "by intrathecal route",
        ),
    ),
    (
        Item(Kind.PUMP),
        ("via pump|by pump|per pump|pump|via the pump|via implanted pump|via implantable pump|implanted pump",),
    ),
    (
        Item(Kind.THEN),
        ("then|and then|followed by|after that|then take|then continue|then continue with|then go to",),
    ),
    (
        CHANGE,
        (
            "increase to|then increase to|and increase to|and then increase to|increasing to",
            "decrease to|then decrease to|and then decrease to|reduce to|then reduce to|and then reduce to|reducing to",
        ),
    ),
    (
        Item(Kind.STOP),
        ("then stop|and stop|stop|then discontinue|then off|and then stop|then d / c|then stop taking",),
    ),
    (Item(Kind.AND), ("and|plus|also",)),
    (Item(Kind.OR, word="or"), ("or|to",)),
    (Item(Kind.OR), ("-|/",)),
    (Item(Kind.UP_TO), ("up to|to a maximum of",)),
    (Item(Kind.PAUSE), (",|.|;|:",)),
    (
        Item(Kind.NOTHING),
        (
            "take|takes|give|use|swallow|chew|inject|insert|apply|place|please|patient|administer|infuse|infusion",
            "continuous|continuously|to be taken|to be given|be taken|should be taken|to take|take by|whole|the|(|)",
            "sig|thereafter|scheduled|sch|only|start with|start at|start|starting with|begin with",
            "with food|with or without food|with food or milk|with milk|with or after food|after food|before food",
            "with a meal|with or without meals|on an empty stomach|on empty stomach|with a snack|without food",
            "with juice|in applesauce|with water|with a glass of water|with a full glass of water|with a full glass",
            "with plenty of water|in water|with fluids|with plenty of fluids|with food and water|with food or water",
            "as directed|as instructed|as prescribed|as ordered|as advised|use as directed|take as directed",
            "by your doctor|by your physician|by your prescriber|by your provider|by doctor|by physician|by prescriber",
            "by the doctor|by provider|by md|by your neurologist|by neurology|by neurologist",
            "may cause drowsiness|may cause dizziness|may cause drowsiness or dizziness|may make you drowsy",
            "may cause drowsiness and dizziness|may cause sedation|may be taken with food|may take with food",
            "caution drowsiness|do not stop suddenly|do not stop abruptly|do not stop taking suddenly",
            "do not discontinue abruptly|do not stop without talking to your doctor|do not drive|avoid alcohol",
            "do not drink alcohol|no alcohol|do not drive or operate machinery|do not crush|do not chew|do not break",
            "do not crush or chew|do not crush or chew or break|do not split|do not cut",
            "at the same time each day|at the same time every day|at same time daily|around the clock|atc",
            "until gone|until finished|until complete|until completed|for relief|each dose|per dose|/ dose",
            "spaced evenly|evenly spaced|at regular intervals|equally divided",
        ),
    ),
)
PHRASES: Final[Mapping[Phrase, Item]] = {
    **{_words(phrase): item for item, rows in _SAYING for row in rows for phrase in row.split("|")},
    **{
        (*before.split(), word): Item(Kind.MOMENT, word=moment)
        for before, (word, moment) in product(_BEFORE_MOMENTS, _MOMENTS.items())
    },
}
PHRASE_LENGTHS: Final = {
    first: tuple(sorted({len(phrase) for phrase in PHRASES if phrase[0] == first}, reverse=True))
    for first in {phrase[0] for phrase in PHRASES}
}
"""How long the phrases are that begin with a word, the longest first."""
KNOWN: Final = frozenset({word for phrase in PHRASES for word in phrase} | COUNTS.keys() | UNITS | PIECES)
_BESIDE_ROUTES: Final = frozenset(_words("route use injection infusion push bolus instillation swallow , ( )"))


def route_in(said: Sequence[str]) -> Route | None:
    """The one route that lower-case words name; None when they name none, several, or anything else."""
    words = [word for word in said if word not in _BESIDE_ROUTES]
    found: set[Route | None] = set()
    at = 0
    while at < len(words):
        lengths = (length for length in PHRASE_LENGTHS.get(words[at], ()) if at + length <= len(words))
        length = next((length for length in lengths if tuple(words[at : at + length]) in PHRASES), 1)
        item = PHRASES.get(tuple(words[at : at + length]))
        if item is None or item.kind is not Kind.ROUTE:
            return None
        found.add(item.route)
        at += length
    return found.pop() if len(found) == 1 else None
