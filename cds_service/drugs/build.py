"""Make the shipped vocabulary from the snapshot of RxNorm: `python -m cds_service.drugs.build SOURCE_DIR`.

Reads rxnorm_products.csv, rxnorm_other_tty.csv, ingredients.csv, classes.csv, name_aliases.csv, ndc_rxnorm.csv and
ndc9_group.csv; writes rxnorm.tsv, aliases.tsv, brands.tsv, ndc.tsv and atc.tsv into data/ beside this module (or
`--into DIR`). The same sources always give the same bytes. What is licensed (SNOMED CT, ATC codes that are not in the
public domain, classes) is read past and never written; data/README.md says what the files hold.
"""

import argparse
import csv
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final, TypeAlias

Row: TypeAlias = dict[str, str]
Slots: TypeAlias = tuple[str, ...]  # ingredient RxCUIs; "" stands for an ingredient without a code

RXNORM_COLUMNS: Final = (
    "rxcui",
    "tty",
    "name",
    "ingredient_rxcuis",
    "strengths",
    "dose_form",
    "route_class",
    "route_detail",
    "is_prescribable",
)
ALIAS_COLUMNS: Final = ("alias", "ingredient_rxcui")
BRAND_COLUMNS: Final = ("brand", "ingredient_rxcuis")
NDC_COLUMNS: Final = ("ndc9", "rxcui", "packages")
ATC_COLUMNS: Final = ("code", "rxcui")
_PUBLIC_DOMAIN: Final = "cpic-v2"  # the one source of ATC codes that is CC0
_BRANDED: Final = frozenset({"SBD", "SBDC", "SBDF", "SBDG", "BPCK"})
_PACK: Final = re.compile(r"(?P<stem>.+?)(?P<strength> [0-9./+]+)? [0-9]+ day")


class BadSourceError(Exception):
    """The source files contradict each other; nothing is written."""


def build(source: Path, into: Path) -> None:
    """Read the source files and write the tables; raises `BadSourceError` before anything is written."""
    rows = [*_read(source / "rxnorm_products.csv"), *_read(source / "rxnorm_other_tty.csv")]
    ingredients = _read(source / "ingredients.csv")
    _check(rows, ingredients)
    brands = _brand_families(rows)
    aliases = [(row["alias"].lower(), row["ingredient_rxcui"]) for row in _read(source / "name_aliases.csv")]
    packages, groups = _read(source / "ndc_rxnorm.csv"), _read(source / "ndc9_group.csv")
    _check_ndcs(rows, packages, groups)
    atc = _public_atc(ingredients, _read(source / "classes.csv"))
    _write(into / "rxnorm.tsv", RXNORM_COLUMNS, _rxnorm_lines(rows, brands))
    _write(into / "aliases.tsv", ALIAS_COLUMNS, sorted(aliases))
    _write(into / "brands.tsv", BRAND_COLUMNS, sorted(_brands_without_concept(rows, brands)))
    _write(into / "ndc.tsv", NDC_COLUMNS, sorted(_ndc_lines(packages, groups)))
    _write(into / "atc.tsv", ATC_COLUMNS, sorted(atc))


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _check(rows: Iterable[Row], ingredients: Iterable[Row]) -> None:
    """Each code once, and each ingredient an IN concept that ingredients.csv knows too."""
    known = {row["rxcui"] for row in ingredients}
    seen: set[str] = set()
    for row in rows:
        if row["rxcui"] in seen:
            message = f"RxCUI {row['rxcui']} occurs twice"
            raise BadSourceError(message)
        seen.add(row["rxcui"])
        strangers = set(_slots(row)) - known - {""}
        if strangers:
            message = f"RxCUI {row['rxcui']} has ingredients that ingredients.csv lacks: {sorted(strangers)}"
            raise BadSourceError(message)


def _slots(row: Row) -> Slots:
    return tuple(row["ingredient_rxcuis"].split("|"))


def _brand_families(rows: Iterable[Row]) -> dict[str, Slots]:
    """What a brand name surely stands for: the ingredients that all products of that brand have.

    Where products of a brand differ, an empty slot says that there may be more.
    """
    families: defaultdict[str, set[Slots]] = defaultdict(set)
    for row in rows:
        brand = _brand(row)
        if brand:
            families[brand.lower()].add(_slots(row))
    shorter: defaultdict[str, set[Slots]] = defaultdict(set)
    for brand, family in families.items():
        for name in _shorter(brand) - families.keys():
            shorter[name] |= family
    return {brand: _common(family) for brand, family in (shorter | families).items()}


def _shorter(brand: str) -> set[str]:
    """What people write for a pack: "loestrin fe 1/20" and "loestrin fe" for "loestrin fe 1/20 28 day"."""
    pack = _PACK.fullmatch(brand)
    return {pack["stem"], pack["stem"] + (pack["strength"] or "")} if pack else set()


def _brand(row: Row) -> str:
    """The brand in a product's name: "... [Dantrium]", "Dantrium Pill", "DANTRIUM (Injectable)"; else ""."""
    name = row["name"]
    if row["tty"] not in _BRANDED:
        return ""
    if name.endswith("]"):
        return name[name.rindex("[") + 1 : -1]
    group = name.removesuffix(f"({row['dose_form']})").removesuffix(row["dose_form"])
    return group.strip() if row["dose_form"] and group != name else ""


def _common(family: AbstractSet[Slots]) -> Slots:
    """What all share, and an empty slot if any has more. Products with an uncoded ingredient only count when all do."""
    products = {slots for slots in family if "" not in slots} or family
    shared = set.intersection(*map(set, products)) - {""}
    more = set.union(*map(set, products)) - shared
    return (*sorted(shared, key=int), *([""] if more else []))


def _brands_without_concept(rows: Iterable[Row], brands: Mapping[str, Slots]) -> Iterator[tuple[str, str]]:
    """Brand names that products bear, but for which the snapshot lacks a BN concept (most of letter A)."""
    named = {row["name"].lower() for row in rows if row["tty"] == "BN"}
    for brand, slots in brands.items():
        if brand not in named and any(slots):
            yield brand, "|".join(slots)


def _rxnorm_lines(rows: Iterable[Row], brands: Mapping[str, Slots]) -> Iterator[tuple[str, ...]]:
    for row in sorted(rows, key=lambda row: int(row["rxcui"])):
        shipped = {**row, **_family(row, brands)}
        yield tuple(shipped[column] for column in RXNORM_COLUMNS)


def _family(row: Row, brands: Mapping[str, Slots]) -> Row:
    """A brand whose products differ keeps only what they share; any other row stays as it is."""
    slots = brands.get(row["name"].lower(), ()) if row["tty"] == "BN" else ()
    if "" not in slots:
        return {}
    return {"ingredient_rxcuis": "|".join(slots), "strengths": "|" * (len(slots) - 1)}


def _check_ndcs(rows: Iterable[Row], packages: Iterable[Row], groups: Iterable[Row]) -> None:
    """Each NDC stands for a concept that is shipped; a group for just the ingredients that its row names."""
    slots = {row["rxcui"]: _slots(row) for row in rows}
    for row in packages:
        if row["rxcui"] not in slots:
            message = f"NDC {row['ndc11']} stands for RxCUI {row['rxcui']}, which the products lack"
            raise BadSourceError(message)
    for row in groups:
        if set(slots.get(row["group_rxcui"], ())) != set(row["ingredient_rxcuis"].split("|")):
            message = f"NDC {row['ndc9']} has other ingredients than its group {row['group_rxcui']}"
            raise BadSourceError(message)


def _ndc_lines(packages: Iterable[Row], groups: Iterable[Row]) -> Iterator[tuple[str, ...]]:
    """Labeler and product, what they stand for, and the packages that are known to; a group for any package."""
    known: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in packages:
        known[row["ndc11"][:9], row["rxcui"]].add(row["ndc11"][9:])
    for (ndc9, rxcui), endings in known.items():
        yield ndc9, rxcui, " ".join(sorted(endings))
    for row in groups:
        yield row["ndc9"], row["group_rxcui"], ""


def _public_atc(ingredients: Iterable[Row], classes: Iterable[Row]) -> Iterator[tuple[str, str]]:
    """The ATC codes that are in the public domain, of ingredients that a class names."""
    classified = {row["ingredient_rxcui"] for row in classes}
    for row in ingredients:
        if row["atc_source"] == _PUBLIC_DOMAIN and row["rxcui"] in classified:
            for code in filter(None, row["atc_codes"].split("|")):
                yield code, row["rxcui"]


def _write(path: Path, header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    text = "".join("\t".join(line) + "\n" for line in (header, *lines))
    path.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with the CSV files")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "data", help="folder to write to")
    options = parser.parse_args(arguments)
    build(options.source, options.into)


if __name__ == "__main__":
    main(sys.argv[1:])
