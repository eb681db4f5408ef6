"""How the differences of a version from R4 are written down: in dstu2.py, stu3.py and r5.py."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cds_service.hooks.request import Resource

Said: TypeAlias = Mapping[str, object]  # elements of R4, as JSON
Rule: TypeAlias = Callable[[Resource], Said]  # what R4 would say in the place of one element
Elements: TypeAlias = Mapping[str, Mapping[str, Rule]]
"""By R4's name of the resource: each element that R4 lacks, or has with another meaning, and its rule."""


def renamed(element: str, to: str) -> Rule:
    """An element that R4 only calls otherwise; where both names are there, R4's counts."""

    def rule(resource: Resource) -> Said:
        return {} if to in resource else {to: resource[element]}

    return rule


def as_list(element: str, to: str) -> Rule:
    """The same, for one that R4 has a list of."""

    def rule(resource: Resource) -> Said:
        return {} if to in resource else {to: [resource[element]]}

    return rule
