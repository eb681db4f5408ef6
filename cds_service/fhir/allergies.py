"""Allergies and intolerances: to which ingredients, how sure, and which could not be placed."""

import re
from typing import Final

from cds_service.clinical.codes import Ref, RxCUI
from cds_service.clinical.interests import DENIALS
from cds_service.clinical.model import Allergy, Gap, Why
from cds_service.fhir.context import Reading
from cds_service.fhir.elements import codes, codings, day, parts, text, words
from cds_service.hooks.request import Json, Resource

OVER: Final = frozenset({"inactive", "resolved"})
NOT_REAL: Final = frozenset({"refuted", "entered-in-error"})
NO_MEDICINE: Final = frozenset({"food", "environment"})
# Somebody asked, and there is none. SNOMED CT as in HL7's FHIR examples and IPS map (160244002 in older records, read
# in public code lists); the words are the codes of HL7's IPS code system absent-unknown-uv-ips.
NONE_KNOWN: Final = frozenset(
    {
        *("716186003", "409137002", "160244002", "no-known-allergies", "no-known-medication-allergies"),
        *("428607008", "429625007", "no-known-environmental-allergies", "no-known-food-allergies"),
    }
)
NOT_ASKED: Final = frozenset({"no-allergy-info"})
_NONE_WORDS: Final = re.compile(
    r"nkd?a|nkma|none( known)?|no( known)?( drug| medication| medicine| food| environmental)? allerg(y|ies)"
)
# What stands around the name of a substance and is none of it: "allergy to baclofen", "baclofen allergy".
_KIND: Final = r"(?:drug )?(?:allerg(?:y|ic)|intoleran(?:ce|t)|hypersensitiv(?:ity|e)|adverse reaction)"
_AROUND: Final = re.compile(rf"^\s*{_KIND} to\b|\b{_KIND}\s*$", re.IGNORECASE)
# Allergens that RxNorm has no ingredient for, and none of which holds a medicine for spasticity: such an
# entry hides nothing but what it names. Choice of this service; every other unknown word may hide any medicine.
GROUPS: Final = frozenset(
    {
        *("penicillin", "penicillins", "cephalosporin", "cephalosporins", "macrolides", "quinolones"),
        *("fluoroquinolones", "tetracyclines", "sulfonamide", "sulfonamides", "sulfa", "sulfa drugs"),
        *("sulfa antibiotics", "nsaid", "nsaids", "statins", "ace inhibitors"),
        *("contrast media", "iodinated contrast", "iodinated contrast media"),
        *("latex", "natural rubber latex", "adhesive", "adhesive tape", "nickel"),
        *("peanut", "peanuts", "nuts", "tree nuts", "egg", "eggs", "milk", "soy", "wheat", "fish", "shellfish"),
        *("pollen", "grass pollen", "birch pollen", "dust", "dust mites", "house dust mite", "mold", "mould"),
        *("bee venom", "wasp venom", "insect venom", "cat dander", "dog dander", "animal dander"),
    }
)
_LONGEST: Final = 200  # characters of words that name a substance
_WORDS: Final = re.compile(r"[^\W_]+")


def read_allergy(resource: Resource, ref: Ref, reading: Reading) -> Allergy | Gap | None:
    """An AllergyIntolerance, in R4's terms: the medicines it names by code, else by words, also in its reactions.

    Returns:
        None for one that is over or was refuted, for "no known allergies", and for food or the environment; a gap
        when it may be a medicine that we cannot place: it may hide any of them, or those of the group it names.
    """
    said = _said(resource, "clinicalStatus") | _said(resource, "verificationStatus")
    if not said.isdisjoint(OVER | NOT_REAL):
        return None
    concepts = parts(resource, "code")
    in_reactions = [one for reaction in parts(resource, "reaction") for one in parts(reaction, "substance")]
    placed = [_ingredients(concept, reading) for concept in concepts]
    disagreeing = frozenset().union(*[names for names, agree in placed if not agree])
    label = next((spoken for one in (*concepts, *in_reactions) if (spoken := words(one))), "")
    if disagreeing:
        return Gap(ref, Why.CODES_DISAGREE, label, frozenset(map(str, disagreeing)))
    placed += [_ingredients(concept, reading) for concept in in_reactions]
    found = frozenset[RxCUI]().union(*[names for names, agree in placed if agree])
    if found:
        return Allergy(
            ref,
            found,
            label,
            intolerance="intolerance" in _said(resource, "type"),
            recorded=day(resource, "recordedDate") or day(resource, "onsetDateTime"),
            provisional="unconfirmed" in said,
        )
    return _unplaced(resource, ref, label)


def _unplaced(resource: Resource, ref: Ref, label: str) -> Gap | None:
    """What an entry without a known medicine leaves open."""
    named = {code for concept in parts(resource, "code") for code in codes(concept)}
    if not named.isdisjoint(NOT_ASKED):
        return Gap(ref, Why.NOT_SUPPLIED, label)
    if not named.isdisjoint(NONE_KNOWN) or _NONE_WORDS.fullmatch(_plain(label[:_LONGEST])):
        return None
    category = _said(resource, "category")
    if category and category <= NO_MEDICINE:
        return None
    group = _plain(_AROUND.sub(" ", label[:_LONGEST]))
    return Gap(ref, Why.UNKNOWN_MEDICINE, label, frozenset({group}) if group in GROUPS else None)


def _plain(spoken: str) -> str:
    return " ".join(_WORDS.findall(spoken.casefold()))


def _ingredients(concept: Resource, reading: Reading) -> tuple[frozenset[RxCUI], bool]:
    """The ingredients of a substance or product, and whether its codes agree; without a known code by its words.

    Words that deny, such as "not allergic to baclofen", name nothing.
    """
    by_code = [reading.vocabulary.coded(system, code) for system, code in codings(concept)]
    known = [product.ingredients for product in by_code if product is not None]
    if known:
        return frozenset[RxCUI]().union(*known), len(set(known)) == 1
    for spoken in (text(concept, "text"), *(text(coding, "display") for coding in parts(concept, "coding"))):
        if spoken.strip() and len(spoken) <= _LONGEST and DENIALS.isdisjoint(_WORDS.findall(spoken.casefold())):
            product = reading.vocabulary.from_text(_AROUND.sub(" ", spoken))
            if product is not None:
                return product.ingredients, True
    return frozenset(), True


def _said(resource: Resource, element: str) -> frozenset[str]:
    """The codes of an element, which the versions of FHIR write as a string, a concept, or a list of either.

    A concept without a code speaks by its words.
    """
    given = resource.get(element)
    listed: list[Json] = given if isinstance(given, list) else [given]
    plain = [one for one in listed if isinstance(one, str)]
    spoken = [said for concept in parts(resource, element) for said in codes(concept) or [words(concept)]]
    return frozenset(said.casefold() for said in (*plain, *spoken) if said)
