"""The words of a sig, one after the other, as what each says."""

import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

from cds_service.drugs.sig_phrases import (
    BETWEEN_PURPOSES,
    COUNTS,
    DAYS,
    FOR,
    HOURLY,
    HOURS,
    KNOWN,
    MAXIMUM,
    MAXIMUM_A_DAY,
    NEEDED,
    PHRASE_LENGTHS,
    PHRASES,
    PIECES,
    PURPOSES,
    SPOONS,
    TO_TREAT,
    TOTAL,
    UNITS,
    WEEKDAYS,
    Item,
    Kind,
    Phrases,
    times,
)

LONGEST_SIG: Final = 300  # characters; longer ones are letters, and would fill the memory of sigs
MOST_TOKENS: Final = 100  # words, numbers and signs
LONGEST_NUMBER: Final = 8  # characters
UNNAMED_PIECE: Final = "each"
LONGEST_HEADING: Final = 12  # words, numbers and signs
_SINGULAR: Final = {
    **dict.fromkeys(("tab", "tabs", "tablets"), "tablet"),
    **dict.fromkeys(("cap", "caps", "capsules"), "capsule"),
}


class Unclear(Exception):
    """A sig that cannot be read; without a text, which would be the patient's."""


# Tokens ---------------------------------------------------------------------------------------------------------------

_VULGAR: Final = {
    "\N{VULGAR FRACTION ONE HALF}": " 1/2 ",
    "\N{VULGAR FRACTION ONE QUARTER}": " 1/4 ",
    "\N{VULGAR FRACTION THREE QUARTERS}": " 3/4 ",
    "\N{VULGAR FRACTION ONE THIRD}": " 1/3 ",
    "\N{VULGAR FRACTION TWO THIRDS}": " 2/3 ",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{HYPHEN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{MICRO SIGN}": "u",
    "\N{GREEK SMALL LETTER MU}": "u",
    "\N{NO-BREAK SPACE}": " ",
    "\N{MULTIPLICATION SIGN}": " x ",
    "\N{RIGHT SINGLE QUOTATION MARK}": " ",
    "'": " ",
    "&": " and ",
    "+": " and ",
    "w/o": "without ",
    "w/": "with ",
    "(s)": "s",
}
_DOTTED: Final = re.compile(r"(?<![a-z0-9.])((?:[a-z]\.){1,3}[a-z])(?![a-z0-9])\.?")
_CLOCK_BEFORE: Final = re.compile(r"\bat ([0-9]{1,2}) ?([ap])m\b")
# What nobody can read in one way only: "2,5" and "1.000" are other countries' decimals and thousands.
_DOUBTFUL: Final = re.compile(
    r"(?<![0-9,])(?!0)[0-9]{1,3}(?:,[0-9]{3})+(?![0-9,])|([0-9],[0-9])|([0-9]\.[0-9]00(?![0-9]))"
)
_TOKEN: Final = re.compile(
    r"\s*([0-9]{1,2}:[0-9]{2}(?:\s?[ap]m\b)?|[0-9]{1,2}[ap]m\b|[0-9.,]*[0-9]|[a-z]+|[-/(),.;:=])"
)
# How much is to be handed out, at the end: "#30", "disp 90 tabs".
_SUPPLY: Final = re.compile(
    r"[\s,;.]+(?:#|(?:disp(?:ense)?|qty|quantity)\b[\s:.#]*)\s?[0-9]{1,4}\s?(?:tab|cap|tablet|capsule)?s?\.?$"
)
_MILITARY: Final = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]")  # "at 0800"
_NUMBER: Final = re.compile(r"(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)?(?:\.[0-9]+)?")
_CLOCK: Final = re.compile(r"[0-9]{1,2}:[0-9]{2}.*|[0-9]{1,2}[ap]m")


def tokens(sig: str) -> list[str]:
    """The words, numbers and signs of a sig, in lower case.

    Raises:
        Unclear: it has too many of them, or a sign we do not know or a number that can be read in two ways.
    """
    plain = _SUPPLY.sub("", sig.casefold().strip())
    for written, meant in _VULGAR.items():
        plain = plain.replace(written, meant)
    plain = _CLOCK_BEFORE.sub(r"\1\2m", plain)
    plain = _DOTTED.sub(lambda match: match[1].replace(".", ""), plain)
    if any(match[1] or match[2] for match in _DOUBTFUL.finditer(plain)):
        raise Unclear
    found: list[str] = []
    position = 0
    while position < len(plain):
        match = _TOKEN.match(plain, position)
        if match is None:
            raise Unclear
        found.append(match[1])
        position = match.end()
        if len(found) > MOST_TOKENS:
            raise Unclear
    return found


def number_of(token: str) -> Decimal | None:
    """A number in digits; None for every other token."""
    if not token[-1:].isdigit() or len(token) > LONGEST_NUMBER or not _NUMBER.fullmatch(token):
        return None
    return Decimal(token.replace(",", ""))


# Reading --------------------------------------------------------------------------------------------------------------


class Amount(NamedTuple):
    """A number or a range of numbers; `in_words` when it was no digit."""

    least: Decimal
    most: Decimal
    in_words: bool


def _dose_of(amount: Decimal, unit: str) -> Item:
    return Item(Kind.DOSE, amount=amount, unit=unit)


class Words:
    """The tokens of one sig, read from the first to the last."""

    def __init__(self, found: list[str], ignored: frozenset[str]) -> None:
        """Take the tokens, and those words that say nothing of a dose."""
        self._tokens = found
        self._ignored = ignored
        self._last_unit = ""
        self._after_clock = False

    def items(self) -> list[Item]:
        """What all words say.

        Raises:
            Unclear: one of them is not understood.
        """
        items: list[Item] = []
        at = 0
        while at < len(self._tokens):
            item, at = self._item(at)
            items.append(item)
            if item.kind is Kind.DOSE:
                self._last_unit = item.unit
            if item.kind not in {Kind.PAUSE, Kind.AND}:
                self._after_clock = item.kind is Kind.CLOCK
        return items

    def _item(self, at: int) -> tuple[Item, int]:
        token = self._tokens[at]
        for read in _OF_DIGITS if token[-1].isdigit() or token[0].isdigit() else _BY_FIRST.get(token, ()):
            found = read(self, at)
            if found is not None:
                return found
        if token in self._ignored:
            return Item(Kind.NOTHING), at + 1
        raise Unclear

    def _token(self, at: int) -> str:
        return self._tokens[at] if 0 <= at < len(self._tokens) else ""

    def _is(self, at: int, phrase: str) -> int | None:
        """Where the words after this phrase begin; None when it does not stand here."""
        words = phrase.split()
        return at + len(words) if self._tokens[at : at + len(words)] == words else None

    def _any(self, at: int, phrases: Phrases) -> int | None:
        """Where the words after the longest of these phrases begin; None when none stands here."""
        for words in phrases.get(self._token(at), ()):
            if tuple(self._tokens[at : at + len(words)]) == words:
                return at + len(words)
        return None

    # numbers

    def _number(self, at: int) -> tuple[Amount, int] | None:
        """One number, or a range of them; "3 (three)" is one."""
        first = self._single(at)
        if first is None:
            return None
        low, in_words, after = first
        after = self._again(low, after)
        for joined in ("-", "to", "or"):
            then = self._is(after, joined)
            second = None if then is None else self._single(then)
            if second is not None and second[0] > low:
                return Amount(low, second[0], in_words and second[1]), self._again(second[0], second[2])
        return Amount(low, low, in_words), after

    def _again(self, value: Decimal, at: int) -> int:
        """Past a repetition in brackets, as EHRs write it: "3 (three)"."""
        if self._token(at) == "(":
            inside = self._single(at + 1)
            if inside is not None and inside[0] == value and self._token(inside[2]) == ")":
                return inside[2] + 1
        return at

    def _single(self, at: int) -> tuple[Decimal, bool, int] | None:
        """One number, whether it is in words, and where the words after it begin."""
        half = self._half(at)
        if half is not None:
            return Decimal("0.5"), True, half
        token = self._token(at)
        whole = number_of(token) if token else None
        in_words = whole is None
        if whole is None:
            if token not in COUNTS:
                return None
            whole = Decimal(COUNTS[token])
        part = self._fraction(at)
        if part is not None:
            return part[0], False, part[1]
        for joined in ("and", "-", ""):
            then = self._is(at + 1, joined)
            if then is None or whole != int(whole):
                continue
            half = self._half(then) if joined else None
            if half is not None:
                return whole + Decimal("0.5"), in_words, half
            part = self._fraction(then)
            if part is not None:
                return whole + part[0], in_words, part[1]
        return whole, in_words, at + 1

    def _half(self, at: int) -> int | None:
        for phrase in ("one - half", "one half", "a half", "half"):
            after = self._is(at, phrase)
            if after is not None:
                for article in ("of a", "of one", "a", "of"):
                    if self._token(after + len(article.split())) in PIECES:
                        after = self._is(after, article) or after
                return after
        return None

    def _fraction(self, at: int) -> tuple[Decimal, int] | None:
        """A proper fraction; "11/2" is none, since one and a half may be meant."""
        if self._token(at + 1) != "/":
            return None
        above, below = number_of(self._token(at)), number_of(self._token(at + 2))
        if above is None or below is None or below not in {2, 3, 4}:
            return None
        if not 0 < above < below or above != int(above):
            raise Unclear
        return above / below, at + 3

    # doses

    def dose(self, at: int) -> tuple[Item, int] | None:
        """Such as "10 mg", "1-2 tablets", "two 10 mg tablets", "1 tablet (10 mg total)"."""
        found = self._one_dose(at)
        if found is None:
            return None
        item, after = found
        for joined in ("-", "to", "or", "up to"):
            then = self._is(after, joined)
            second = None if then is None else self._one_dose(then)
            if second is not None and item.amount is not None and second[0].amount is not None:
                if second[0].unit != item.unit or second[0].amount <= item.amount or second[0].also or item.also:
                    raise Unclear
                item, after = second
                break
        return self._with_its_other_amount(item, after)

    def _with_its_other_amount(self, item: Item, at: int) -> tuple[Item, int]:
        """Such as "1 tablet (10 mg total)", "1 tablet = 10 mg"."""
        opened = self._token(at) == "("
        if not opened and self._token(at) != "=":
            return item, at
        found = self._one_dose(at + 1)
        if found is None:
            return item, at
        other, after = found
        if opened:
            if self._token(after) in {"total", "each"}:
                after += 1
            if self._token(after) != ")":
                return item, at
            after += 1
        if item.also is not None or other.also is not None or other.amount is None:
            raise Unclear
        return item._replace(also=(other.amount, other.unit)), after

    def _one_dose(self, at: int) -> tuple[Item, int] | None:
        if self._token(at) in {"a", "an"} and self._token(at + 1) in PIECES:
            return _dose_of(Decimal(1), self._token(at + 1)), at + 2
        found = self._number(at)
        if found is None:
            return None
        amount, after = found
        if self._token(after) == "-" and self._token(after + 1) in UNITS:
            after += 1
        unit = self._token(after)
        if unit in UNITS:
            return self._of_mass(amount, after)
        if unit in PIECES:
            return _dose_of(amount.most, unit), after + 1
        return self._pieces_of(amount, after) or self._unnamed(amount, after)

    def _unnamed(self, amount: Amount, at: int) -> tuple[Item, int] | None:
        """A number of pieces: in words ("one three times a day"), or of those named before ("and 2 at bedtime").

        None for "10 twice daily", which may be milligrams, and for "8 pm", which may be a time.
        """
        known = self._last_unit in PIECES
        if self._token(at) in {"am", "pm"} or not (known or amount.in_words):
            return None
        return _dose_of(amount.most, self._last_unit if known else UNNAMED_PIECE), at

    def _of_mass(self, amount: Amount, at: int) -> tuple[Item, int]:
        """Such as "10 mg", "5 mg/kg", and "10 mg tablet", which is one."""
        unit, after = self._token(at), at + 1
        for by_weight in ("/ kg", "per kg"):
            then = self._is(after, by_weight)
            if then is not None:
                return _dose_of(amount.most, f"{unit}/kg"), then
        if self._token(after) == "/" and self._token(after + 1) not in DAYS and self._token(after + 1) != "dose":
            raise Unclear  # "mg/m2", "mg/mL"
        if self._token(after) in PIECES:
            if self._token(after).endswith("s") or amount.least != amount.most:
                raise Unclear  # "10 mg tablets": how many?
            item = _dose_of(amount.most, unit)
            return item._replace(also=(Decimal(1), self._token(after))), after + 1
        if self._token(after) == "total" and self._token(after + 1) in {"by", "po", "orally", "oral"}:
            after += 1
        return _dose_of(amount.most, unit), after

    def _pieces_of(self, count: Amount, at: int) -> tuple[Item, int] | None:
        """Such as "two 10 mg tablets", "2 x 5 ml spoonfuls"."""
        at += self._token(at) == "x"
        found = self._number(at)
        if found is None or found[0].least != found[0].most or self._token(found[1]) not in UNITS:
            return None
        each, after = found
        unit, piece = self._token(after), self._token(after + 1)
        if piece in PIECES:
            item = _dose_of(count.most * each.most, unit)
            return item._replace(also=(count.most, piece)), after + 2
        if piece in SPOONS:
            return _dose_of(count.most * each.most, unit), after + 2
        if self._token(at - 1) == "x" and piece != "/":  # "2 x 10 mg"
            return _dose_of(count.most * each.most, unit), after + 1
        return None

    # times

    def counted_times(self, at: int) -> tuple[Item, int] | None:
        """Such as "3 times a day", "2-3x/day", "x 3 daily", "once or twice daily"."""
        at = self._is(at, "x") or at
        found = self._number(at)
        if found is None:
            after = self._is(at, "once or twice") or self._is(at, "once to twice") or self._is(at, "once - twice")
            amount = Amount(Decimal(1), Decimal(2), in_words=True)
            if after is None:
                after = self._is(at, "twice or three times") or self._is(at, "twice to three times")
                amount = Amount(Decimal(2), Decimal(3), in_words=True)
            if after is None:
                return None
        else:
            amount, after = found
            counted = self._token(after) in {"times", "time", "x"}
            if not counted and self._token(at - 1) != "x":
                return None
            after += counted
        per = self._per(after)
        return None if per is None else (times(Fraction(amount.most) / per[0]), per[1])

    def _per(self, at: int) -> tuple[Fraction, int] | None:
        """A stretch of time in days: "daily", "a day", "/week", "in 24 hours"."""
        item = self.phrase(at)
        if item is not None and item[0].kind in {Kind.DAILY, Kind.A_DAY}:
            return Fraction(1), item[1]
        if self._token(at) == "weekly":
            return Fraction(7), at + 1
        if self._token(at) == "day" and self._token(at - 1) == "x":
            return Fraction(1), at + 1
        if self._token(at) in {"a", "per", "/", "each", "every"} and self._token(at + 1) in DAYS:
            return DAYS[self._token(at + 1)], at + 2
        return None

    def interval(self, at: int) -> tuple[Item, int] | None:
        """Such as "q4-6h", "every 8 (eight) hours", "6-hourly": of a range the shorter one."""
        opened = self._token(at) in {"q", "every", "each"}
        found = self._number(at + opened)
        if found is None:
            return None
        amount, after = found
        after += self._token(after) == "-"
        unit = self._token(after)
        if unit not in DAYS or (not opened and unit not in HOURLY) or not amount.least:
            return None
        return times(1 / (Fraction(amount.least) * DAYS[unit])), after + 1

    def weekdays(self, at: int) -> tuple[Item, int] | None:
        """Such as "on Monday, Wednesday and Friday", "5 days a week"."""
        found = self._number(at)
        if found is not None:
            amount, after = found
            per = self._per(after + 1) if self._token(after) in {"day", "days"} else None
            return None if per is None else (Item(Kind.WEEKDAYS, Fraction(amount.most)), per[1])
        at += self._token(at) in {"on", "every", "each"}
        named: set[str] = set()
        after = at
        while self._token(at) in WEEKDAYS:
            named.add(WEEKDAYS[self._token(at)])
            after = at + 1
            at = after
            while self._token(at) in {",", "and", "/"}:
                at += 1
        return (Item(Kind.WEEKDAYS, Fraction(len(named))), after) if named else None

    def clock(self, at: int) -> tuple[Item, int] | None:
        """Such as "at 8am", "20:00", "at 0800, 1400"."""
        after = at + (self._token(at) == "at")
        token = self._token(after)
        if (after > at or self._after_clock) and _MILITARY.fullmatch(token) and self._token(after + 1) not in UNITS:
            return Item(Kind.CLOCK, word=token), after + 1
        return (Item(Kind.CLOCK, word=token), after + 1) if token and _CLOCK.fullmatch(token) else None

    # courses

    def course(self, at: int) -> tuple[Item, int] | None:
        """Such as "for 7 days", "x 1 week", "7 days", "for 3 doses"."""
        begun = self._any(at, FOR)
        found = self._number(at if begun is None else begun)
        if found is None:
            return None
        amount, after = found
        after += self._token(after) == "-"
        if begun is not None and self._token(after) in {"dose", "doses"}:
            return Item(Kind.DOSES, Fraction(amount.most)), after + 1
        unit = self._token(after)
        if unit not in DAYS or unit in HOURLY or (begun is None and unit in HOURS):
            return None
        return Item(Kind.COURSE, Fraction(amount.most) * DAYS[unit]), after + 1

    def label(self, at: int) -> tuple[Item, int] | None:
        """Such as "Week 1:", "days 4-6:"."""
        at += self._token(at) in {"on", "for"}
        length = DAYS.get(self._token(at)) if self._token(at) not in HOURS else None
        found = self._number(at + 1) if length else None
        if length is None or found is None:
            return None
        amount, after = found
        return Item(Kind.LABEL, (Fraction(amount.most - amount.least) + 1) * length), after

    def divided(self, at: int) -> tuple[Item, int] | None:
        """Such as "in 3 divided doses", "divided into three doses"."""
        at = self._is(at, "divided") or at
        at += self._token(at) in {"in", "into"}
        found = self._number(at)
        if found is None:
            return None
        for words in ("divided doses", "equally divided doses", "equal doses", "equal divided doses", "doses"):
            after = self._is(found[1], words)
            if after is not None:
                divided = words != "doses" or "divided" in self._tokens[max(0, at - 2) : at]
                return (Item(Kind.DIVIDED), after) if divided else None
        return None

    # limits

    def most(self, at: int) -> tuple[Item, int] | None:
        """Such as "max 8 tablets daily", "not to exceed 80 mg in 24 hours", "maximum daily dose: 80 mg"."""
        a_day = self._any(at, MAXIMUM_A_DAY)
        begun = a_day if a_day is not None else self._any(at, MAXIMUM)
        if begun is None:
            return None
        begun += self._token(begun) in {":", "=", "is"}
        times = self.counted_times(begun) or self._counted_doses(begun)
        if times is not None:
            return times[0]._replace(kind=Kind.MOST_TIMES), times[1]
        twice = self.phrase(begun)
        if twice is not None and twice[0].kind is Kind.TIMES:
            return twice[0]._replace(kind=Kind.MOST_TIMES), twice[1]
        found = self._one_dose(begun)
        if found is None:
            raise Unclear
        item, after = found
        per = self._per(after)
        if per is None and a_day is None:
            raise Unclear  # of one dose, or of a day?
        if per is not None:
            if per[0] != 1:
                raise Unclear
            after = per[1]
        return item._replace(kind=Kind.MOST), after

    def _counted_doses(self, at: int) -> tuple[Item, int] | None:
        found = self._number(at)
        if found is None or self._token(found[1]) not in {"dose", "doses"}:
            return None
        per = self._per(found[1] + 1)
        return None if per is None else (times(Fraction(found[0].most) / per[0]), per[1])

    def total(self, at: int) -> tuple[Item, int] | None:
        """Such as "(30 mg/day)", "for a total of 30 mg daily", "total daily dose 60 mg"."""
        opened = self._token(at) == "("
        begun = self._any(at + opened, TOTAL)
        if begun is None and not opened:
            return None
        start = at + opened if begun is None else begun
        start += self._token(start) in {":", "=", "is"}
        found = self._number(start)
        dose = None if found is None or self._token(found[1]) not in UNITS | PIECES else self._one_dose(start)
        if dose is None:
            return None
        per = self._per(dose[1])
        a_day = per is not None and per[0] == 1
        if not a_day and "daily" not in self._tokens[at:start]:
            return None
        after = per[1] if per is not None and a_day else dose[1]
        if opened and self._token(after) != ")":
            return None
        return dose[0]._replace(kind=Kind.TOTAL), after + opened

    # words that change no dose

    def purpose(self, at: int) -> tuple[Item, int] | None:
        """Such as "for muscle spasms and pain"."""
        after = self._any(at, TO_TREAT)
        if after is None:
            needed = self._token(at - (2 if self._token(at - 1) == "(" else 1)) in NEEDED
            if not needed or self._token(at) not in PURPOSES:
                return None
            after = at
        end = None
        while self._token(after) in PURPOSES or (self._token(after) in BETWEEN_PURPOSES and self._token(after)):
            if self._token(after) in PURPOSES:
                end = after + 1
            after += 1
        return None if end is None else (Item(Kind.NOTHING), end)

    def phrase(self, at: int) -> tuple[Item, int] | None:
        """The longest phrase that is known whole."""
        for length in PHRASE_LENGTHS.get(self._token(at), ()):
            item = PHRASES.get(tuple(self._tokens[at : at + length]))
            if item is not None:
                return item, at + length
        return None


Reader: TypeAlias = Callable[[Words, int], tuple[Item, int] | None]
_NUMBERS: Final = frozenset({*COUNTS, "half", "a"})
# What reads the words that begin with these: the first that can does. Digits begin whatever a number in words does.
_READERS: Final[tuple[tuple[Reader, frozenset[str]], ...]] = (
    (Words.most, frozenset({*MAXIMUM, *MAXIMUM_A_DAY})),
    (Words.total, frozenset({*TOTAL, "("})),
    (Words.label, frozenset({*DAYS, "on", "for"} - HOURS)),
    (Words.divided, _NUMBERS | {"divided", "in", "into"}),
    (Words.counted_times, _NUMBERS | {"x", "once", "twice"}),
    (Words.interval, _NUMBERS | {"q", "every", "each"}),
    (Words.weekdays, _NUMBERS | WEEKDAYS.keys() | {"on", "every", "each"}),
    (Words.clock, _NUMBERS | {"at"}),
    (Words.course, _NUMBERS | FOR.keys()),
    (Words.purpose, PURPOSES | TO_TREAT.keys()),
    (Words.phrase, frozenset(PHRASE_LENGTHS)),
    (Words.dose, _NUMBERS | {"an"}),
)
_BY_FIRST: Final[dict[str, tuple[Reader, ...]]] = {
    first: tuple(read for read, firsts in _READERS if first in firsts)
    for first in frozenset().union(*(firsts for _, firsts in _READERS))
}
_OF_DIGITS: Final = (*(read for read, firsts in _READERS if firsts >= _NUMBERS or read is Words.phrase),)


def read_words(sig: str, name: frozenset[str]) -> list[Item]:
    """What the words of a sig say, one after the other.

    Args:
        sig: in any case.
        name: lower-case words and numbers of the medicine's own name, which say nothing of its dose.

    Raises:
        Unclear: a word is not understood.
    """
    found = tokens(sig)
    ignored = frozenset(word for word in name if word.isalpha()) - KNOWN
    return Words(found[_heading(found, name, ignored) :], ignored).items()


def _heading(found: list[str], name: frozenset[str], ignored: frozenset[str]) -> int:
    """Past the product that stands before its sig, as in "baclofen 10 mg tablet: take 1"; only as RxNorm names it."""
    end = next((at for at, token in enumerate(found[:LONGEST_HEADING]) if token in {":", "-"}), 0)
    head = found[:end]
    named = any(token in UNITS and number_of(before) is not None for before, token in pairwise(head))
    piece = any(token in PIECES or token in ignored for token in head)
    return end + 1 if named and piece and name.issuperset(_SINGULAR.get(token, token) for token in head) else 0
