"""The shipped tables are made from the source files, the same way each time."""

import csv
from importlib import resources
from pathlib import Path

import pytest

from cds_service.drugs import build, products

COLUMNS = (
    "rxcui,tty,name,ingredient_rxcuis,ingredient_names,strengths,dose_form,route_class,is_prescribable,route_detail"
)
PRODUCTS = [
    "30,SCD,b 5 MG Oral Tablet,2,b,5 MG,Oral Tablet,systemic,true,oral",
    "4,BN,Brandb,2,b,,,,true,",
    "31,SBD,b 5 MG Oral Tablet [Brandb],2,b,5 MG,Oral Tablet,systemic,true,oral",
    "32,SBD,b 5 MG / c 1 MG Oral Tablet [Brandb],2|3,b|c,5 MG|1 MG,Oral Tablet,systemic,true,oral",
    "33,SBD,b 5 MG / x 1 MG Oral Tablet [Aged],2|,b|x,5 MG|1 MG,Oral Tablet,systemic,false,oral",
    "35,SBD,b 5 MG Oral Tablet [Packed Fe 1/20 28 Day],2,b,5 MG,Oral Tablet,systemic,true,oral",
    "36,SBD,c 5 MG Oral Tablet [Packed 28 Day],3,c,5 MG,Oral Tablet,systemic,true,oral",
    "37,SBD,b 5 MG Oral Tablet [Packed 21 Day],2,b,5 MG,Oral Tablet,systemic,true,oral",
    "38,SBD,b 5 MG Oral Tablet [Aged 28 Day],2,b,5 MG,Oral Tablet,systemic,true,oral",
    "34,SBD,x 1 MG Oral Tablet [Herbal],,x,1 MG,Oral Tablet,systemic,false,oral",
]
OTHERS = [
    "40,SBDG,Newname Pill,3,c,,Pill,systemic,true,oral",
    "41,SBDG,BRANDB (Oral Liquid),2,b,,Oral Liquid,systemic,true,oral",
    "42,SBDC,b 5 MG Strange,2,b,5 MG,,,true,",
]
INGREDIENTS = [
    "rxcui,name,atc_codes,snomed_codes,classes,atc_source",
    "2,b,M03BX01,387342009,secret-class,who-atc-2026-04",
    "3,c,N05AF05|N05AF99,,,cpic-v2",
    "5,unclassified,A01AA01,,,cpic-v2",
]
CLASSES = ["class,ingredient_rxcui,ingredient_name", "secret-class,3,c", "secret-class,2,b", "secret-class,,d"]
PACKAGES = ["ndc11,rxcui", "00115441101,30", "00115441110,30", "00115441102,31", "52536060011,32"]
GROUPS = ["ndc9,group_rxcui,ingredient_rxcuis", "000111222,40,3"]
ALIASES = ["alias,ingredient_rxcui,ingredient_name", "Bee,2,b"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write(tmp_path / "rxnorm_products.csv", [COLUMNS, *PRODUCTS])
    write(tmp_path / "rxnorm_other_tty.csv", [COLUMNS, *OTHERS])
    write(tmp_path / "ingredients.csv", INGREDIENTS)
    write(tmp_path / "name_aliases.csv", ALIASES)
    write(tmp_path / "classes.csv", CLASSES)
    write(tmp_path / "ndc_rxnorm.csv", PACKAGES)
    write(tmp_path / "ndc9_group.csv", GROUPS)
    return tmp_path


def write(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t"))


def test_every_source_row_is_shipped_by_rising_code(source):
    build.main([str(source), "--into", str(source)])
    table = rows(source / "rxnorm.tsv")
    assert table[0] == list(build.RXNORM_COLUMNS)
    assert [row[0] for row in table[1:]] == [
        "4",
        "30",
        "31",
        "32",
        "33",
        "34",
        "35",
        "36",
        "37",
        "38",
        "40",
        "41",
        "42",
    ]
    for row in table[1:]:
        assert products.parse_product("\t".join(row)).rxcui == row[0]


def test_a_brand_holds_what_its_products_share_and_says_that_there_may_be_more(source):
    build.build(source, source)
    assert ["4", "BN", "Brandb", "2|", "|", "", "", "", "true"] in rows(source / "rxnorm.tsv")


def test_brands_without_a_concept_and_other_names_have_tables_of_their_own(source):
    build.build(source, source)
    assert ["newname", "3"] in rows(source / "brands.tsv")
    assert rows(source / "aliases.tsv")[1:] == [["bee", "2"]]


def test_the_same_sources_give_the_same_bytes_whatever_their_order(source):
    files = ("rxnorm.tsv", "aliases.tsv", "brands.tsv", "ndc.tsv", "atc.tsv")
    build.build(source, source)
    first = [(source / file).read_bytes() for file in files]
    write(source / "rxnorm_products.csv", [COLUMNS, *reversed(PRODUCTS)])
    write(source / "ndc_rxnorm.csv", [PACKAGES[0], *reversed(PACKAGES[1:])])
    build.build(source, source)
    assert [(source / file).read_bytes() for file in files] == first
    assert not any(b"\r" in content for content in first)


def test_a_pack_is_known_by_the_names_people_write(source):
    build.build(source, source)
    assert rows(source / "brands.tsv")[1:] == [
        ["aged", "2|"],  # a brand of its own: its packs do not change it
        ["aged 28 day", "2"],
        ["newname", "3"],
        ["packed 21 day", "2"],  # no "packed": its packs have nothing in common
        ["packed 28 day", "3"],
        ["packed fe", "2"],
        ["packed fe 1/20", "2"],
        ["packed fe 1/20 28 day", "2"],
    ]


def test_packages_of_one_product_share_a_line_and_a_group_stands_for_any_package(source):
    build.build(source, source)
    assert rows(source / "ndc.tsv") == [
        ["ndc9", "rxcui", "packages"],
        ["000111222", "40", ""],
        ["001154411", "30", "01 10"],
        ["001154411", "31", "02"],
        ["525360600", "32", "11"],
    ]


def test_only_atc_codes_in_the_public_domain_of_classified_ingredients_are_shipped(source):
    build.build(source, source)
    assert rows(source / "atc.tsv")[1:] == [["N05AF05", "3"], ["N05AF99", "3"]]


def test_licensed_columns_are_not_shipped(source):
    build.build(source, source)
    shipped = "".join(path.read_text(encoding="utf-8") for path in source.glob("*.tsv"))
    assert not any(secret in shipped for secret in ("M03BX01", "387342009", "secret-class"))
    header = (resources.files("cds_service.drugs") / "data/rxnorm.tsv").read_text(encoding="utf-8").split("\n", 1)[0]
    assert header.split("\t") == list(build.RXNORM_COLUMNS)


def test_an_ndc_of_a_product_that_is_not_shipped_writes_nothing(source):
    write(source / "ndc_rxnorm.csv", [*PACKAGES, "99999999999,77"])
    with pytest.raises(build.BadSourceError, match="NDC 99999999999 stands for RxCUI 77"):
        build.build(source, source)
    assert not list(source.glob("*.tsv"))


@pytest.mark.parametrize("group", ["000111222,40,2", "000111222,77,3"])
def test_a_group_of_other_ingredients_than_its_ndc_writes_nothing(source, group):
    write(source / "ndc9_group.csv", [GROUPS[0], group])
    with pytest.raises(build.BadSourceError, match="NDC 000111222 has other ingredients"):
        build.build(source, source)
    assert not list(source.glob("*.tsv"))


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (PRODUCTS[0], "RxCUI 30 occurs twice"),
        ("50,SCD,z 5 MG Oral Tablet,9,z,5 MG,Oral Tablet,systemic,true,oral", "RxCUI 50 has ingredients"),
    ],
)
def test_sources_that_contradict_each_other_write_nothing(source, row, complaint):
    write(source / "rxnorm_other_tty.csv", [COLUMNS, row])
    with pytest.raises(build.BadSourceError, match=complaint):
        build.build(source, source)
    assert not list(source.glob("*.tsv"))
