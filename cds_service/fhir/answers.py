"""Whether an answer of a FHIR server is what was asked for. Everything in it may be wrong on purpose."""

from collections.abc import Mapping
from typing import Final

import orjson

from cds_service.fhir.elements import parts, text
from cds_service.fhir.versions import Version
from cds_service.fhir.wanted import Outcome
from cds_service.hooks.request import Json, Resource

OK: Final = 200
DEEPEST: Final = 64  # levels of nesting; FHIR's own examples need about fifteen
_LONGEST_MEDIA_TYPE: Final = 200  # characters
_JSON: Final = frozenset({"application/fhir+json", "application/json", "application/json+fhir"})
_UTF_8: Final = frozenset({"utf-8", "utf8"})
# By major and minor. 4.1 and 4.3 are R4B; what is not here was only ever a draft.
_VERSIONS: Final = {
    ("1", "0"): Version.DSTU2,
    ("3", "0"): Version.STU3,
    ("4", "0"): Version.R4,
    ("4", "1"): Version.R4,
    ("4", "3"): Version.R4,
    ("5", "0"): Version.R5,
}
_CAPABILITIES: Final = frozenset({"CapabilityStatement", "Conformance"})


def outcome_of(status: int, content_type: str, content_encoding: str) -> Outcome:
    """What the head of an answer says: `OK` when its body is worth reading."""
    if status != OK:
        return _STATUSES.get(status // 100, Outcome.STATUS_OTHER)
    # Nothing compressed was asked for: a small body could hold a huge one.
    plain = content_encoding.strip().lower() in {"", "identity"}
    return Outcome.OK if plain and _is_json(content_type) else Outcome.NOT_JSON


_STATUSES: Final[Mapping[int, Outcome]] = {3: Outcome.REDIRECT, 4: Outcome.STATUS_4XX, 5: Outcome.STATUS_5XX}


def _is_json(content_type: str) -> bool:
    """Whether a media type is one of FHIR's for JSON, in UTF-8."""
    if len(content_type) > _LONGEST_MEDIA_TYPE:
        return False
    media_type, *options = (piece.strip().lower() for piece in content_type.split(";"))
    charsets = (option.partition("=")[2].strip(' "') for option in options if option.startswith("charset"))
    return media_type in _JSON and all(charset in _UTF_8 for charset in charsets)


def read_body(body: bytes | bytearray) -> Resource | Outcome:
    """The resource that a body is; strict JSON (no NaN), nested at most `DEEPEST` levels."""
    try:
        value: Json = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Outcome.NOT_JSON
    if not isinstance(value, dict):
        return Outcome.WRONG_RESOURCE
    return Outcome.TOO_DEEP if _is_deep(value) else value


def _is_deep(value: Json) -> bool:
    """Whether it is nested too deep for code that walks it; looked at level by level, so that looking is safe."""
    level = [value]
    for _ in range(DEEPEST):
        level = [  # `type`, not `isinstance`: half of the time, and the parser makes no subclasses
            child
            for one in level
            for child in (one.values() if type(one) is dict else one)  # type: ignore[union-attr] # holds no others
            if type(child) is dict or type(child) is list
        ]
        if not level:
            return False
    return True


def is_page(resource: Resource) -> bool:
    """Whether it is a page of a search's results."""
    entries = resource.get("entry", [])
    return (
        resource.get("resourceType") == "Bundle" and resource.get("type") == "searchset" and isinstance(entries, list)
    )


def is_the(resource: Resource, kind: str, resource_id: str) -> bool:
    """Whether it is the resource that was asked for."""
    return resource.get("resourceType") == kind and resource.get("id") == resource_id


def version_of(capabilities: Resource) -> Version | Outcome:
    """The version that a server says it speaks in its `metadata`."""
    if text(capabilities, "resourceType") not in _CAPABILITIES:
        return Outcome.WRONG_RESOURCE
    major, _, rest = text(capabilities, "fhirVersion").strip().partition(".")
    return _VERSIONS.get((major, rest.partition(".")[0]), Outcome.UNKNOWN_VERSION)


def next_link(page: Resource) -> str | None:
    """The link to the page after this one; None on the last page."""
    links = (link for link in parts(page, "link") if text(link, "relation") == "next")
    return next((text(link, "url") for link in links), None)


def count_of(page: Resource) -> int:
    """How many entries a page has."""
    entries = page.get("entry")
    return len(entries) if isinstance(entries, list) else 0


def one_bundle(pages: list[Resource], following: str | None, most: int, *, counted: bool) -> tuple[Resource, bool]:
    """The pages of a search as one Bundle.

    Args:
        pages: in their order, one at least.
        following: the link to the page that is not among them; None when they are all there are.
        most: how many entries it may have.
        counted: whether the first page is the first of all; then `total` is of these entries and is kept.

    Returns:
        The Bundle, with a `next` link where it does not hold everything; and whether `most` cut it.
    """
    entries: list[Json] = [entry for page in pages for entry in _entries(page)]
    cut = len(entries) > most
    bundle: dict[str, Json] = {"resourceType": "Bundle", "type": "searchset", "entry": entries[:most]}
    if following is not None or cut:
        bundle["link"] = [{"relation": "next", "url": following or ""}]
    if counted and isinstance(total := pages[0].get("total"), int):
        bundle["total"] = total
    return bundle, cut


def _entries(page: Resource) -> list[Json]:
    entries = page.get("entry")
    return entries if isinstance(entries, list) else []
