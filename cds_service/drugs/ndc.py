"""National Drug Codes: how they are written, and which RxNorm concepts they stand for.

An NDC has a labeler, a product (strength, dose form, formulation) and a package segment. The FDA writes ten digits with
hyphens (4-4-2, 5-3-2 or 5-4-1), billing and RxNorm eleven (5-4-2, filled with zeros), and some records only the nine
of labeler and product.
"""

from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from cds_service.clinical.codes import RxCUI

_WIDTHS: Final = (5, 4, 2)
_SEGMENTED: Final = frozenset({(4, 4, 2), (5, 3, 2), (5, 4, 1), (5, 4, 2), (4, 4), (5, 3), (5, 4)})
_PRODUCT: Final = 9  # digits of labeler and product
_BARE: Final = 10  # digits of an NDC that has lost its hyphens
_FULL: Final = 11


def readings(code: str) -> tuple[str, ...]:
    """The codes of nine or eleven digits that a written NDC may mean; empty for what is no NDC.

    Ten digits without hyphens can be filled up in three places. Of a hundred that start with another digit than zero,
    one is also the code of another medicine, so those are not read. A zero at the front is almost always that of
    a labeler of four digits, but all three readings are given, for the caller to compare.

    >>> readings("0115-4411-01"), readings("52536-600-11"), readings("00115441101"), readings("001154411")
    (('00115441101',), ('52536060011',), ('00115441101',), ('001154411',))
    """
    segments = code.split("-")
    if not all(segment.isascii() and segment.isdigit() for segment in segments):
        return ()
    if len(segments) > 1:
        written = tuple(map(len, segments))
        filled = (segment.zfill(width) for segment, width in zip(segments, _WIDTHS, strict=False))
        return ("".join(filled),) if written in _SEGMENTED else ()
    if len(code) == _BARE and code.startswith("0"):
        return (f"0{code}", f"{code[:5]}0{code[5:]}", f"{code[:9]}0{code[9:]}")
    return (code,) if len(code) in {_PRODUCT, _FULL} else ()


class NdcTable:
    """The NDCs we know. Unchanging."""

    def __init__(self, text: str) -> None:
        """Take the text of ndc.tsv, sorted by its first column; its lines are told apart when first asked for."""
        self._text = text

    def concepts(self, code: str) -> tuple[RxCUI, ...]:
        """The RxNorm concepts that a code may stand for, each once; empty for a code we do not know.

        A package we do not know, of a product we know, is that product: the package segment tells only the
        size. But ten digits without hyphens need a package we know. Nine digits are all packages of the product.
        """
        meant = readings(code)
        found = [rxcui for one in meant for rxcui in self._of(one, exactly=len(meant) > 1)]
        return tuple(dict.fromkeys(found))

    def _of(self, digits: str, *, exactly: bool) -> list[RxCUI]:
        lines = list(self._lines_of(digits[:_PRODUCT]))
        package = digits[_PRODUCT:]
        known = [rxcui for rxcui, packages in lines if package and package in packages]
        return known if known or exactly else [rxcui for rxcui, _ in lines]

    def _lines_of(self, product: str) -> Iterator[tuple[RxCUI, list[str]]]:
        for position in range(bisect_left(self._lines, product), len(self._lines)):
            found, rxcui, packages = self._lines[position].split("\t")
            if found != product:
                return
            yield RxCUI(rxcui), packages.split(" ")

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.splitlines()[1:]
