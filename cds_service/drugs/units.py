"""UCUM units, exactly: how many of one unit one of another is.

A reader of our own for the units of doses, body weights and laboratory results. Why no library does it, and what
proves that it is right, is in docs/explanation/daily-dose.md. Source: https://ucum.org/ucum.
"""

import re
from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

LONGEST_UNIT: Final = 40  # characters; longer ones are no units we know


class Unit(NamedTuple):
    """A unit as a multiple of its base units.

    Attributes:
        size: how many of the base units it is, above zero.
        dimension: the base units with their powers, none of them zero, sorted: `(("g", 1), ("s", -1))`.
    """

    size: Fraction
    dimension: tuple[tuple[str, int], ...]


_ONE: Final = Unit(Fraction(1), ())
_PREFIXES: Final = {
    "M": Fraction(10**6),
    "k": Fraction(1000),
    "d": Fraction(1, 10),
    "c": Fraction(1, 100),
    "m": Fraction(1, 1000),
    "u": Fraction(1, 10**6),
    "n": Fraction(1, 10**9),
    "p": Fraction(1, 10**12),
}
_LITRE: Final = Unit(Fraction(1, 1000), (("m", 3),))
_INTERNATIONAL: Final = Unit(Fraction(1), (("[iU]", 1),))  # arbitrary: comparable with nothing else
_METRIC: Final = {
    "g": Unit(Fraction(1), (("g", 1),)),
    "L": _LITRE,
    "l": _LITRE,
    "m": Unit(Fraction(1), (("m", 1),)),
    "s": Unit(Fraction(1), (("s", 1),)),
    "mol": Unit(Fraction(1), (("mol", 1),)),
    "eq": Unit(Fraction(1), (("mol", 1),)),
    "kat": Unit(Fraction(1), (("mol", 1), ("s", -1))),
    "U": Unit(Fraction(1, 60 * 10**6), (("mol", 1), ("s", -1))),
    "[iU]": _INTERNATIONAL,
    "[IU]": _INTERNATIONAL,
}
_DAY: Final = 86400


def _time(seconds: Fraction | int) -> Unit:
    return Unit(Fraction(seconds), (("s", 1),))


def _mass(grams: str) -> Unit:
    return Unit(Fraction(grams), (("g", 1),))


def _volume(millilitres: str) -> Unit:
    return Unit(Fraction(millilitres) / 10**6, (("m", 3),))


_ATOMS: Final[Mapping[str, Unit]] = {
    **_METRIC,
    **{
        prefix + atom: Unit(size * unit.size, unit.dimension)
        for prefix, size in _PREFIXES.items()
        for atom, unit in _METRIC.items()
    },
    # Last, because "min" is a minute and no milli-inch, and "cd", "d" and "mo" carry no prefix.
    "min": _time(60),
    "h": _time(3600),
    "d": _time(_DAY),
    "wk": _time(7 * _DAY),
    "mo": _time(Fraction("30.4375") * _DAY),
    "a": _time(Fraction("365.25") * _DAY),
    "[lb_av]": _mass("453.59237"),
    "[oz_av]": _mass("28.349523125"),
    "[tsp_us]": _volume("4.92892159375"),
    "[tbs_us]": _volume("14.78676478125"),
    "[foz_us]": _volume("29.5735295625"),
    "[tsp_m]": _volume("5"),
    "[tbs_m]": _volume("15"),
    "%": Unit(Fraction(1, 100), ()),
}
# One factor of a unit, and the operator before it: "/10*3", ".kg-1", "mg", "{tbl}", "mg{salt}".
_FACTOR: Final = re.compile(
    r"(?P<operator>[./]?)"
    r"(?:10[*^](?P<tenfold>-?[0-9]{1,2})"
    r"|(?P<count>[1-9][0-9]{0,3})"
    r"|(?P<atom>%|[a-zA-Z]*\[[A-Za-z_]+\]|[a-zA-Z]+)(?P<power>-?[1-9])?"
    r"|(?=\{[^{}]*\}))"
    r"(?:\{[^{}]*\})?"
)
_GROUP: Final = re.compile(r"/\(([^()/]+)\)")


@lru_cache(maxsize=1024)
def read_unit(code: str) -> Unit | None:
    """A case-sensitive UCUM code such as "mg/kg/d", "U/L" or "10*3/uL"; None for what we do not know.

    Annotations such as "{tbl}" are pure numbers, as in UCUM.

    >>> read_unit("ug/h")
    Unit(size=Fraction(1, 3600000000), dimension=(('g', 1), ('s', -1)))
    """
    if not code or len(code) > LONGEST_UNIT:
        return None
    size = Fraction(1)
    powers: Counter[str] = Counter()
    plain = _GROUP.sub(lambda group: "/" + group[1].replace(".", "/"), code)  # "mg/(kg.d)" is "mg/kg/d"
    position = 0
    while position < len(plain):
        match = _FACTOR.match(plain, position)
        if (
            match is None
            or match.end() == position
            or (match["operator"] != "/" and bool(match["operator"]) != bool(position))
        ):
            return None
        factor = _factor(match)
        if factor is None:
            return None
        sign = -1 if match["operator"] == "/" else 1
        size *= factor.size**sign
        for base, power in factor.dimension:
            powers[base] += sign * power
        position = match.end()
    return Unit(size, tuple(sorted((base, power) for base, power in powers.items() if power)))


def _factor(match: re.Match[str]) -> Unit | None:
    """One factor without its operator."""
    if match["tenfold"]:
        return Unit(Fraction(10) ** int(match["tenfold"]), ())
    if match["count"]:
        return Unit(Fraction(match["count"]), ())
    if match["atom"] is None:
        return _ONE  # an annotation alone
    atom, power = _ATOMS.get(match["atom"]), int(match["power"] or 1)
    if atom is None:
        return None
    return Unit(atom.size**power, tuple((base, each * power) for base, each in atom.dimension))


@lru_cache(maxsize=1024)
def factor(unit_from: str, unit_to: str) -> Decimal | None:
    """What an amount in one UCUM unit is multiplied by to have it in another; None when there is no such number.

    >>> factor("ukat/L", "U/L"), factor("ug/h", "mg/d"), factor("mg", "mL")
    (Decimal('60'), Decimal('0.024'), None)
    """
    one, other = read_unit(unit_from), read_unit(unit_to)
    if one is None or other is None or one.dimension != other.dimension:
        return None
    ratio = one.size / other.size
    return Decimal(ratio.numerator) / Decimal(ratio.denominator)
