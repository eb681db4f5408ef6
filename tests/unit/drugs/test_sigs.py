"""Sigs in words: what is read of them, what is left unread, and that nothing is read wrongly."""

import time
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.clinical.codes import Route
from cds_service.clinical.model import Why
from cds_service.drugs import vocabulary
from cds_service.drugs.sig import SigLevel, dose_mg, hints, level_mg, read_sig, times_in
from tests.unit.drugs import sigs

PRODUCTS = vocabulary.load()
TABLET, CAPSULE, SOLUTION, MEDICINE, PUMP = map(PRODUCTS.product, ("197391", "856656", "250976", "1292", "308517"))
TABLES = [
    (sigs.TABLET, TABLET),
    (sigs.CAPSULE, CAPSULE),
    (sigs.SOLUTION, SOLUTION),
    (sigs.PUMP, PUMP),
    (sigs.MEDICINE, MEDICINE),
    (sigs.UNSEEN, TABLET),
    (sigs.TREACHEROUS, TABLET),
]
EVERY_SIG = [(sig, product, mg) for table, product in TABLES for sig, mg in table.items()]


def a_day(sig, product=TABLET, weight_kg=None):
    read = read_sig(sig, product.name)
    if read is None or not read.levels:
        return None
    doses = [level_mg(level, product, weight_kg) for level in read.levels]
    return max(doses) if all(isinstance(dose, Decimal) for dose in doses) else None


def exactly(mg):
    return None if mg is None else round(Fraction(str(mg)), 9)


@pytest.mark.parametrize(("sig", "product", "mg"), EVERY_SIG, ids=[f"{sig} of {p.name}" for sig, p, _ in EVERY_SIG])
def test_a_sig_is_read_as_a_pharmacist_reads_it_or_not_at_all(sig, product, mg):
    found = a_day(sig, product)
    assert exactly(found) == (None if sig in sigs.UNREAD else exactly(mg))


def test_the_figures_in_the_docs_are_those_of_these_sigs():
    page = (Path(__file__).parents[3] / "docs" / "explanation" / "daily-dose.md").read_text(encoding="utf-8")
    say = [sig for sig, _, mg in EVERY_SIG if mg is not None]
    silent = len(EVERY_SIG) - len(say)
    assert sigs.UNREAD.issubset(say)
    assert f"{len(EVERY_SIG)} sigs" in page
    assert f"| {len(say)} | {len(say) - len(sigs.UNREAD)} | {len(sigs.UNREAD)} | 0 |" in page
    assert f"| {silent} | {silent} (not read) | - | 0 |" in page


@pytest.mark.parametrize(
    ("sig", "levels"),
    [
        ("5 mg TID x 3 days, then 10 mg TID", [(15, 3), (30, None)]),
        ("20 mg tid x 7 days, 10 mg tid x 7 days, then stop", [(60, 7), (30, 7)]),
        ("1 tab daily for 3 days, twice daily for 3 days, then three times daily", [(10, 3), (20, 3), (30, None)]),
        ("Week 1: 5 mg TID, weeks 2-3: 10 mg TID", [(15, 7), (30, 14)]),
        ("10 mg TID, then increase to 20 mg TID", [(30, None), (60, None)]),
        ("10 mg once, then 10 mg tid", [(10, 1), (30, None)]),
        ("10 mg tid x 3 doses", [(30, 1)]),
        ("10 mg bid x 5 doses", [(20, 3)]),
        ("take 2 tablets x 1 dose", [(20, 1)]),
        ("1 tab tid for 2 months", [(30, 60)]),
        ("1 tab tid for 36 hours", [(30, 2)]),
        ("1 tab tid for 99999999 days", [(30, 100_000)]),
    ],
)
def test_a_sig_of_several_steps_says_how_long_each_lasts(sig, levels):
    read = read_sig(sig)
    assert [(level_mg(level, TABLET), level.days) for level in read.levels] == levels


@pytest.mark.parametrize(
    ("sig", "route", "pumped"),
    [
        ("1 tab by mouth tid", Route.ORAL, False),
        ("1 tab po tid", Route.ORAL, False),
        ("10 mg via G-tube tid", Route.ORAL, False),
        ("150 mcg/day intrathecally", Route.INTRATHECAL, False),
        ("150 mcg/day via pump", None, True),
        ("150 mcg/day via intrathecal pump", Route.INTRATHECAL, False),
        ("50 mg iv once", Route.INJECTED, False),
        ("10 mg under the tongue tid", Route.SUBLINGUAL, False),
        ("10 mg rectally once", Route.RECTAL, False),
        ("by mouth", Route.ORAL, False),
        ("1 tab tid", None, False),
    ],
)
def test_a_sig_names_the_route(sig, route, pumped):
    read = read_sig(sig)
    assert (read.route, read.pumped) == (route, pumped)


@pytest.mark.parametrize("sig", ["10 mg by mouth or intrathecally tid", "1 tab po iv tid", "nothing by mouth", "npo"])
def test_two_routes_or_none_that_is_understood_leave_a_sig_unread(sig):
    assert read_sig(sig) is None


@pytest.mark.parametrize(
    ("sig", "weight", "mg"),
    [
        ("5 mg/kg/day divided tid", 20, 100),
        ("0.25 mg/kg tid", 40, 30),
        ("0.25 mg per kg tid", 40, 30),
        ("0.25 mg/kg/dose tid", 40, 30),
        ("250 mcg/kg tid", 40, 30),
        ("5 mg/kg/day divided tid", None, Why.NO_WEIGHT),
        ("5 mg/kg/day divided tid", 0, Why.NO_DOSE),
        ("5 mg/kg/day divided tid", 5000, Why.NO_DOSE),
        ("5 mg/kg (100 mg) bid", None, 200),
        ("5 mg/kg (100 mg) bid", 20, 200),
        ("5 mg/kg (100 mg) bid", 30, Why.NO_DOSE),
        ("5 mg/kg am, 5 mg/kg pm", None, Why.NO_WEIGHT),
    ],
)
def test_a_dose_by_weight_asks_for_the_weight(sig, weight, mg):
    (level,) = read_sig(sig).levels
    assert level_mg(level, MEDICINE, None if weight is None else Decimal(weight)) == mg


@pytest.mark.parametrize(
    ("words", "times"),
    [
        ("Three times daily", 3),
        ("TID", 3),
        ("every 8 hours", 3),
        ("twice a day", 2),
        ("at bedtime", 1),
        ("once daily, as needed", 1),
        ("every other day", Fraction(1, 2)),
        ("2-3 times a day", 3),
        ("1 tablet twice a day", None),
        ("twice daily for 3 days", None),
        ("max 3 times a day", None),
        ("twice daily (total 20 mg/day)", None),
        ("twice daily x 3 days, then daily", None),
        ("whenever", None),
        ("as needed", None),
        ("by mouth", None),
        ("", None),
    ],
)
def test_how_often_is_read_where_words_say_nothing_else(words, times):
    assert times_in(words) == times


def test_the_name_of_the_medicine_may_stand_in_its_sig_and_no_other():
    assert a_day("baclofen 10 mg tid") == 30
    assert read_sig("tizanidine 4 mg tid", TABLET.name) is None
    assert read_sig("baclofen 10 mg tid") is None


def test_a_word_of_the_name_that_says_a_dose_is_still_read():
    assert a_day("1 tablet twice daily") == 20  # "tablet" stands in the name, too


def test_a_sig_without_an_amount_has_no_dose():
    (level,) = read_sig("three times a day").levels
    assert dose_mg(level.doses[0], TABLET, None) is Why.NO_DOSE
    assert level_mg(SigLevel(()), TABLET) is Why.NO_DOSE


@pytest.mark.parametrize("words", ["as directed", "take with food", "as needed", ""])
def test_words_that_tell_no_dose_are_read_all_the_same(words):
    assert read_sig(words).levels == ()


@pytest.mark.parametrize(
    ("words", "more", "amounts", "times"),
    [
        ("eins am Tag", False, [], None),
        ("zzz may take 2 tablets up to 4 times zzz", True, [2], 4),
        ("never double the dose", False, [], None),
        ("zzz 2,5 mg or 1.000 mg zzz", True, [Decimal("2.5")], None),
        ("zzz 12.5 mg zzz .5 mg zzz 5 mg/mL zzz 5 mg/kg zzz", False, [Decimal("12.5"), Decimal("0.5")], None),
        ("zzz bid zzz thrice zzz qid zzz", False, [], 4),
        ("zzz q6h zzz every 0 hours zzz", False, [], 24),
    ],
)
def test_what_strikes_the_eye_in_words_that_cannot_be_read(words, more, amounts, times):
    found = hints(words)
    assert (found.more, [amount for amount, _ in found.amounts], found.times) == (more, amounts, times)


@pytest.mark.parametrize("piece", ["1,", "no ", "10 ", "no the ", "mg ", "may  ", "every ", "1mg", "q 1"])
def test_long_words_take_no_very_long_time(piece):
    started = time.perf_counter()
    hints((piece * 2000)[:2000])
    read_sig((piece * 300)[:300])
    assert time.perf_counter() - started < 0.2


def test_a_sig_never_shows_its_words():
    assert repr(read_sig("10 mg by mouth tid")) == "<Sig 1 levels>"


@pytest.mark.parametrize(
    "sig",
    [
        "10 mg tid " * 50,
        ". " * 140,
        "10 mg tid x 1 day, " * 15,
        "1 " * 100,
        "(" * 300,
        "1/0 tab tid",
        "0 mg tid",
        "000000000000001 mg tid",
        "99999999 g tid",
        "10 mg every 0 hours",
        "1 tab 9 days a week",
        "1 tab 0 days a week",
        "10 mg tid \x00",
        "\ud800",
        "٣ mg tid",
        "10 mg tid until 2026-12-31",
    ],
)
def test_nonsense_is_left_unread(sig):
    assert a_day(sig) is None


@given(st.text(max_size=80))
def test_no_text_is_an_error(text):
    read_sig(text)


WORDS = sorted({word for sig, _, _ in EVERY_SIG for word in sig.split()})


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_no_order_of_the_words_of_sigs_is_an_error(words):
    read = read_sig(" ".join(words))
    for level in read.levels if read else ():
        mg = level_mg(level, TABLET)
        assert isinstance(mg, Why) or mg >= 0


@given(st.integers(1, 400), st.sampled_from([("mg", 1), ("mcg", 1000), ("micrograms", 1000)]), st.integers(1, 8))
def test_the_same_dose_in_another_unit_is_the_same(mg, unit, times):
    name, size = unit
    assert a_day(f"{mg * size} {name} {times} times a day", MEDICINE) == mg * times


@given(st.integers(1, 12), st.integers(1, 12))
def test_twice_the_times_is_the_sum_of_both(morning, night):
    assert a_day(f"{morning} mg in the morning and {night} mg at bedtime", MEDICINE) == morning + night
