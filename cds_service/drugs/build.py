"""Make the shipped vocabulary from the snapshot of RxNorm: `python -m cds_service.drugs.build SOURCE_DIR`.

Reads rxnorm_products.csv, rxnorm_other_tty.csv, ingredients.csv and name_aliases.csv; writes rxnorm.tsv,
aliases.tsv and brands.tsv into data/ beside this module (or `--into DIR`). The same sources always give the same
bytes. Licensed columns (ATC, SNOMED CT, classes) are read past and never written; data/README.md says what the
files hold.
"""

import argparse
import csv
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
_BRANDED: Final = frozenset({"SBD", "SBDC", "SBDF", "SBDG", "BPCK"})


class BadSourceError(Exception):
    """The source files contradict each other; nothing is written."""


def build(source: Path, into: Path) -> None:
    """Read the four source files and write the three tables; raises `BadSourceError` before anything is written."""
    rows = [*_read(source / "rxnorm_products.csv"), *_read(source / "rxnorm_other_tty.csv")]
    _check(rows, _read(source / "ingredients.csv"))
    brands = _brand_families(rows)
    aliases = [(row["alias"].lower(), row["ingredient_rxcui"]) for row in _read(source / "name_aliases.csv")]
    _write(into / "rxnorm.tsv", RXNORM_COLUMNS, _rxnorm_lines(rows, brands))
    _write(into / "aliases.tsv", ALIAS_COLUMNS, sorted(aliases))
    _write(into / "brands.tsv", BRAND_COLUMNS, sorted(_brands_without_concept(rows, brands)))


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
    return {brand: _common(family) for brand, family in families.items()}


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


def _write(path: Path, header: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> None:
    text = "".join("\t".join(line) + "\n" for line in (header, *lines))
    path.write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="folder with the four CSV files")
    parser.add_argument("--into", type=Path, default=Path(__file__).parent / "data", help="folder to write to")
    options = parser.parse_args(arguments)
    build(options.source, options.into)


if __name__ == "__main__":
    main(sys.argv[1:])
