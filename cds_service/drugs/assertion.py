"""Whether a text says that the medicines it names are taken: "stop baclofen" names one, and denies it.

The words were chosen by hand, and so that a doubt ends as unknown. Instructions that only sound like a denial ("do not
crush", "no refills", "hold if drowsy", "until discontinued") stand behind the name in real orders and are let be.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from cds_service.drugs.names import Mention


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Anywhere before a name. The last lines are German, French and Spanish.
_DENYING: Final = _set(
    "no not never stop stops stopped stopping discontinue discontinued discontinuing dc dcd cease ceased hold held "
    "holding avoid without denies denied deny allergic allergy allergies intolerant intolerance previously formerly "
    "former refused refuses declined declines contraindicated against failed tried instead replaces "
    "replacing "
    "kein keine keinen nicht ohne abgesetzt "
    "pas sans jamais arret "
    "sin nunca suspender"
)
_DIRECTLY_BEFORE: Final = _set("off from")  # "off Valium", "switch from tizanidine"
_BEFORE_OF: Final = _set("off out history hx")  # "out of baclofen"; but not "medication history: baclofen"

# Anywhere behind the name.
_ENDED: Final = _set(
    "stopped discontinued dcd ceased denied denies refused declined contraindicated previously formerly "
    "abgesetzt pausiert gestoppt beendet arrete suspendido sospeso"
)
_STILL_TO_COME: Final = _set("until unless if when be as not")  # "until discontinued", "as previously"
_NOT_DONE: Final = _set(
    "taking taken using used given tolerated needed started indicated currently on now anymore active"
)
_ORDERS_TO_END: Final = _set("stop hold discontinue avoid cease")
_LATER: Final = _set("then and to not or never")  # "for 5 days, then stop", "do not stop"
_AT_ONCE: Final = _set("on since per today now immediately taking medication this it")
_LAST_WORDS: Final = _set("allergy allergies allergic intolerance reaction never")
_ONLY_WORD: Final = _set("no none off")  # "baclofen: none"; but "refills: none"
_MEASURED: Final = _set("level levels assay screen screening test tests")  # "lithium level"

# Between two names: one of them is not meant, and we cannot tell which.
_ALTERNATIVES: Final = _set("or vs versus instead switch switched switching replace replaced replaces replacing change "
                            "changed to from not than also may oder ou o")  # fmt: skip
_LISTING: Final = _set(
    "and with plus w und et y e "
    "take one two three times a day daily bid tid qid qd qhs hs prn q hrs once twice every each at as needed by "
    "in the am pm morning noon evening night nightly bedtime for pain spasm spasms spasticity sleep anxiety nausea "
    "hcl hydrochloride sodium potassium sulfate tartrate bitartrate besylate maleate succinate citrate phosphate "
    "acetate er xr sr xl la cr ir dr ec odt ds"
)


def is_denied(parts: Sequence[str], mentions: Sequence[Mention]) -> bool:
    """Whether a text with these words, and these medicines named in it, denies that they are taken.

    Args:
        parts: the words of the text, see `names.words`.
        mentions: at least one.
    """
    first, last = mentions[0], mentions[-1]
    named = {index for mention in mentions for index in range(mention.start, mention.end)}
    outside = (parts[index] for index in range(last.start) if index not in named)
    return (
        not _DENYING.isdisjoint(outside)
        or _abbreviates_discontinue(parts[: first.start])
        or _denies_directly(parts[: first.start])
        or _denies_behind(parts[last.end :])
    )


def is_listing(words_between: Sequence[str], known_words: frozenset[str]) -> bool:
    """Whether the words between two names only enumerate: "baclofen 10 mg tid, tizanidine", not "switch to"."""
    return all(word in _LISTING or word in known_words or not word.isalpha() for word in words_between)


def is_alternative(words_between: Sequence[str]) -> bool:
    """Whether the words between two names say that only one of them is meant."""
    return not _ALTERNATIVES.isdisjoint(words_between)


def _denies_directly(before: Sequence[str]) -> bool:
    """Whether a denial stands right before the name: elsewhere "off" and "from" mean other things."""
    if before[-1:] == ["of"]:
        return not _BEFORE_OF.isdisjoint(before[-2:-1])
    return not _DIRECTLY_BEFORE.isdisjoint(before[-1:])


def _denies_behind(behind: Sequence[str]) -> bool:
    if not behind:
        return False
    alone = len(behind) == 1 and behind[0] in _ONLY_WORD
    if alone or behind[0] in _MEASURED or behind[-1] in _LAST_WORDS or _abbreviates_discontinue(behind):
        return True
    triples = zip(("", *behind[:-1]), behind, (*behind[1:], ""), strict=True)
    return any(_ends(*triple) for triple in triples)


def _ends(before: str, word: str, then: str) -> bool:
    """Whether a word behind the name says that it is over, seen between its neighbours."""
    if word in _ENDED:
        return before not in _STILL_TO_COME
    if word in _ORDERS_TO_END:
        return before not in _LATER and (not then or then in _AT_ONCE)
    pair = (word, then)
    return pair in {("no", "longer"), ("the", "past")} or (word == "not" and then in _NOT_DONE)


def _abbreviates_discontinue(parts: Sequence[str]) -> bool:
    """Whether they hold "D/C" or "d/c'd"; also discharge, but nothing tells them apart."""
    return ("d", "c") in pairwise(parts)
