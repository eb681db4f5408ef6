"""Which upper limit of normal is meant for this patient, when the laboratory sent several."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.journeys.records import HL7, SNOMED_CT, concept, day, patient, quantity
from tests.unit.fhir.laboratory import observation, read_all

MALE, FEMALE = concept(SNOMED_CT, "248153007", "Male"), concept(SNOMED_CT, "248152002", "Female")
PREGNANT = concept(SNOMED_CT, "77386006", "Pregnant")
ASIAN = concept(f"{HL7}/v3-Race", "2028-9", "Asian")
HEALTHY = concept(f"{HL7}/referencerange-meaning", "normal", "Normal")
MAN, WOMAN = patient("male", "1979-04-02"), patient("female", "1979-04-02")


def upto(high, *population, age=None, **more):
    """A range up to so many U/L, for a population."""
    said = {"low": quantity(5, "U/L"), "high": quantity(high, "U/L"), **more}
    if population:
        said["appliesTo"] = list(population)
    return said if age is None else {**said, "age": age}


def aged(low=None, high=None, unit="a"):
    ends = {"low": low, "high": high}
    return {name: quantity(value, unit) for name, value in ends.items() if value is not None}


def limit(ranges, who, **members):
    """The upper limit by which a result of 100 U/L was measured."""
    (result,) = read_all(
        observation(valueQuantity=quantity(100, "U/L"), referenceRange=ranges, **members),
        who=who,
    )
    return None if result.times_uln is None else round(100 / result.times_uln.least, 6)


@pytest.mark.parametrize(
    ("ranges", "who", "high"),
    [
        ([upto(50, MALE), upto(35, FEMALE)], MAN, 50),
        ([upto(50, MALE), upto(35, FEMALE)], WOMAN, 35),
        ([upto(50, MALE), upto(35, FEMALE)], patient("other"), None),
        ([upto(50, MALE), upto(35, FEMALE)], None, None),
        ([upto(40, MALE), upto(40, FEMALE)], None, 40),
        ([upto(40), upto(50, MALE)], MAN, 50),
        ([upto(40), upto(50, MALE)], WOMAN, 40),
        ([upto(40), upto(50, MALE)], None, None),
        ([upto(50, MALE)], MAN, 50),
        ([upto(50, MALE)], WOMAN, None),
        ([upto(50, MALE)], None, 50),
        ([upto(40), upto(35, FEMALE), upto(30, FEMALE, PREGNANT)], MAN, 40),
        ([upto(35, FEMALE), upto(30, FEMALE, PREGNANT)], WOMAN, None),
        ([upto(50, MALE), upto(45, MALE, ASIAN)], MAN, None),
        ([upto(50, MALE), upto(35, FEMALE, ASIAN)], MAN, 50),
        ([upto(50, concept(f"{HL7}/v3-AdministrativeGender", "M", "Male")), upto(35, FEMALE)], MAN, 50),
        ([upto(50, {"text": "Men"}), upto(35, {"text": "women"})], WOMAN, 35),
        ([upto(50, {"text": "athletes"}), upto(35, FEMALE)], WOMAN, None),
        ([upto(50, {"coding": [*MALE["coding"], *FEMALE["coding"]]}), upto(40, MALE)], MAN, None),
        ([upto(40, HEALTHY), upto(30, FEMALE)], MAN, 40),
        ([upto(40, appliesTo="male"), upto(50, FEMALE)], MAN, 40),
        ([upto(40), upto(50, appliesTo="everybody")], MAN, None),
        ([upto(50, MALE), upto(90, MALE, type=concept(HL7, "therapeutic", "Therapeutic"))], MAN, 50),
        ([upto(50, MALE), upto(90, MALE, meaning=concept(HL7, "treatment", "Treatment"))], MAN, 50),
        ([upto(50, type={"text": "Normal range"}), upto(90, type={"text": "Therapeutic"})], MAN, 50),
        ([upto(50, type={}), upto(50)], MAN, 50),
        ([{"text": "5-50", "appliesTo": [MALE]}, {"text": "5-35", "appliesTo": [FEMALE]}], WOMAN, 35),
    ],
    ids=[
        "a man by the limit of men",
        "a woman by the limit of women",
        "neither, when the record says another gender",
        "neither, when the patient is not known",
        "either, when they are the same",
        "one's own before the one for everybody",
        "the one for everybody when the other is not meant",
        "none when the special one may be meant",
        "the only one, that of one's sex",
        "not the only one, when it is that of the other sex",
        "the only one, when the sex is not known",
        "no man by the limit of pregnant women",
        "none for a woman who may be pregnant",
        "none when a race decides",
        "a race does not matter when the sex does not fit",
        "the gender codes of HL7 version 3",
        "a population in words",
        "none when words may mean this patient",
        "none when a range says both sexes at once",
        "the healthy are everybody",
        "a population that cannot be read may be this patient's",
        "and then the one for everybody is in doubt",
        "no limit of a treatment",
        "no limit of a treatment in the words of DSTU2",
        "a kind of range in words",
        "a kind that says nothing is the normal one",
        "ranges in words for each sex",
    ],
)
def test_a_patient_is_measured_by_the_limit_for_their_sex(ranges, who, high):
    assert limit(ranges, who) == (None if high is None else Decimal(high))


@pytest.mark.parametrize("code", ["248153007", "M", "male"])
@pytest.mark.parametrize("other", ["248152002", "F", "female"])
def test_a_population_is_known_by_its_code_alone(code, other):
    ranges = [upto(50, {"coding": [{"code": code}]}), upto(35, {"coding": [{"code": other}]})]
    assert (limit(ranges, MAN), limit(ranges, WOMAN)) == (50, 35)


def born(value):
    return patient("female", value)


@pytest.mark.parametrize(
    ("ranges", "birth_date", "high"),
    [
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], "2016-05-01", 90),
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], "2008-11-20", 40),
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], "2008-11-21", 90),
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], "2008-11", None),
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], "1979", 40),
        ([upto(90, age=aged(0, 17)), upto(40, age=aged(18))], None, None),
        ([upto(200, age=aged(0, 6, "mo")), upto(40, age=aged(1))], "2026-06-01", 200),
        ([upto(200, age=aged(0, 6, "mo")), upto(40, age=aged(1))], "2026-05-20", 200),
        ([upto(200, age=aged(0, 5, "mo")), upto(40)], "2026-05-20", 40),
        ([upto(200, age=aged(0, 5, "mo")), upto(40)], "2026-05-21", 200),
        ([upto(200, age=aged(0, 4, "wk")), upto(40)], "2026-10-22", 200),
        ([upto(200, age=aged(0, 28, "d")), upto(40)], "2026-10-22", 40),
        ([upto(200, age=aged(0, 29, "d")), upto(40)], "2026-10-22", 200),
        ([upto(200, age=aged(high=6, unit="mo")), upto(40, age=aged(1))], "2026-06-01", 200),
        ([upto(200, age=aged(18, 30, "months")), upto(40)], "2024-11-21", 200),
        ([upto(200, age=aged(18, 30, "months")), upto(40)], "2024-04-20", 40),
        ([upto(200, age=aged(18, 30, "month")), upto(40)], "2025-06-01", 40),
        ([upto(200, age=aged(0, 4, "week")), upto(40)], "2026-10-15", 40),
        ([upto(200, age=aged(0, 28, "fortnight")), upto(40)], "1979-04-02", None),
        ([upto(200, age=aged(0, 5.5)), upto(40)], "2021-01-01", None),
        ([upto(200, age={"high": {**quantity(5, "a"), "comparator": "<"}}), upto(40)], "2021-01-01", None),
        ([upto(200, age={"text": "children"}), upto(40)], "2021-01-01", None),
        ([upto(200, age="children"), upto(40)], "2021-01-01", None),
        ([upto(200, age={"low": {"value": "18", "unit": "a"}}), upto(40)], "1979-04-02", None),
        ([upto(50, MALE, age=aged(18)), upto(35, FEMALE, age=aged(18)), upto(90, age=aged(0, 17))], "1979-04-02", 35),
    ],
    ids=[
        "a child",
        "grown up on the day of the sample",
        "grown up the day after the sample",
        "born in the month of growing up",
        "born in a year long ago",
        "without a birth date",
        "in months",
        "in the sixth month",
        "six months old on the day of the sample",
        "six months old the day after",
        "in weeks",
        "a day too old in days",
        "on the last day in days",
        "with an upper end alone",
        "in months of more than a year",
        "too old in months",
        "too young in months",
        "too old in weeks",
        "in a unit that nobody knows",
        "in parts of years",
        "with a comparator",
        "in words",
        "of another type",
        "a number in quotation marks",
        "sex and age together",
    ],
)
def test_a_patient_is_measured_by_the_limit_for_their_age_on_the_day_of_the_sample(ranges, birth_date, high):
    who = {"resourceType": "Patient", "id": "p1", "gender": "female"} if birth_date is None else born(birth_date)
    assert limit(ranges, who) == (None if high is None else Decimal(high))


def test_another_patients_sex_and_age_are_not_used():
    stranger = patient("male", "1979-04-02", patient="somebody-else")
    assert limit([upto(50, MALE), upto(35, FEMALE)], stranger) is None


def test_the_patient_may_stand_anywhere_in_the_request():
    ranges = [upto(50, MALE), upto(35, FEMALE)]
    result = observation(valueQuantity=quantity(100, "U/L"), referenceRange=ranges)
    (found,) = read_all(result, MAN)
    assert found.times_uln.least == 2


def test_a_patient_without_an_id_is_the_patient_of_the_call():
    nameless = {"resourceType": "Patient", "gender": "male"}
    assert limit([upto(50, MALE), upto(35, FEMALE)], nameless) == 50


@given(st.permutations([upto(50, MALE), upto(35, FEMALE), upto(40), upto(90, age=aged(0, 17))]))
def test_the_order_of_the_ranges_does_not_matter(ranges):
    assert limit(ranges, MAN) == 50
    assert limit(ranges, WOMAN) == 35


def test_an_age_of_long_ago_is_that_of_the_sample():
    ranges = [upto(90, age=aged(0, 17)), upto(40, age=aged(18))]
    assert limit(ranges, born("2006-01-01"), effectiveDateTime=day(365 * 5)) == 90


def test_an_age_on_one_of_several_days_may_be_either():
    ranges = [upto(90, age=aged(0, 17)), upto(40, age=aged(18))]
    assert limit(ranges, born("2008-11-15"), effectiveDateTime="2026-11") is None
    assert limit(ranges, born("2008-12-15"), effectiveDateTime="2026-11") == 90
