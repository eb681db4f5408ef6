"""National Drug Codes in the forms that records hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.drugs.ndc import NdcTable, readings

TABLE = NdcTable("ndc9\trxcui\tpackages\n000111222\t40\t\n001154411\t30\t01 10\n001154411\t31\t02\n525360600\t32\t11\n")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("00115-4411-01", "00115441101"),
        ("0115-4411-01", "00115441101"),
        ("52536-600-11", "52536060011"),
        ("52536-6001-1", "52536600101"),
        ("00115441101", "00115441101"),
        ("001154411", "001154411"),
        ("0115-4411", "001154411"),
        ("52536-600", "525360600"),
        ("52536-6001", "525366001"),
    ],
)
def test_an_ndc_is_read_in_each_of_its_usual_forms(written, read):
    assert readings(written) == (read,)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "-",
        "--",
        "0115",
        "01154411",
        "011544110101",
        "0115-4411-1",
        "0115-4411-001",
        "115-4411-01",
        "0115-4411-01-1",
        "0115 4411 01",
        "0115\u20134411\u201301",
        "O115-4411-01",
        "0115-4411-0x",
        "\u0660\u0661\u0661\u0665-4411-01",
        "\u00b2" * 9,
    ],
)
def test_what_is_no_ndc_is_not_read(written):
    assert readings(written) == ()


def test_ten_digits_without_hyphens_are_read_only_with_a_zero_in_front():
    assert readings("0115441101") == ("00115441101", "01154041101", "01154411001")
    assert readings("5253660011") == ()


@pytest.mark.parametrize(
    ("code", "concepts"),
    [
        ("00115441101", ("30",)),
        ("00115441110", ("30",)),
        ("00115441102", ("31",)),
        ("00115441177", ("30", "31")),  # a package we do not know, of a product that we do
        ("001154411", ("30", "31")),
        ("0115-4411", ("30", "31")),
        ("0115441101", ("30",)),
        ("00011122233", ("40",)),
        ("000111222", ("40",)),
        ("00011122334", ()),
        ("99999999999", ()),
        ("no code", ()),
    ],
)
def test_a_code_stands_for_what_its_package_or_else_its_product_is(code, concepts):
    assert TABLE.concepts(code) == concepts


def test_ten_digits_that_fit_two_known_codes_may_mean_either():
    table = NdcTable("ndc9\trxcui\tpackages\n001154411\t30\t01\n011540411\t50\t01\n")
    assert table.concepts("0115441101") == ("30", "50")


def test_ten_digits_need_a_package_that_is_known():
    assert TABLE.concepts("0115441199") == ()


@given(st.text("0123456789-", max_size=14) | st.text(max_size=14))
def test_any_text_is_read_as_codes_of_nine_or_eleven_digits_or_none(written):
    assert all(one.isascii() and one.isdigit() and len(one) in {9, 11} for one in readings(written))


@given(st.from_regex(r"\A[0-9]{11}\Z"))
def test_an_ndc_means_the_same_with_and_without_hyphens(digits):
    assert readings(f"{digits[:5]}-{digits[5:9]}-{digits[9:]}") == readings(digits)
