"""Whether every package we ship comes under a licence of licences.toml."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from packaging.utils import canonicalize_name

from supply_chain.pins import Pin

POLICY: Final = Path(__file__).with_name("licences.toml")
Holds: TypeAlias = Callable[[str], bool]

_WORDS: Final = re.compile(r"[()]|[^\s()]+")


@dataclass(frozen=True, slots=True)
class Policy:
    """What licences.toml says, see there."""

    allowed: Mapping[str, str]
    allowed_for: Mapping[str, Mapping[str, str]]
    means: Mapping[str, str]
    elsewhere: Mapping[str, str]

    @classmethod
    def read(cls, path: Path = POLICY) -> Self:
        """The policy of a file."""
        said = tomllib.loads(path.read_text(encoding="utf-8"))
        return cls(said["allowed"], said["allowed_for"], said["means"], said["elsewhere"])

    def allows(self, package: str, licence: str) -> bool:
        """Whether a package may come under a licence: an SPDX expression, or one of the names in `means`."""
        own = self.allowed_for.get(package, {}).get("licence")
        return _holds(self.spdx(licence), lambda one: one == own or one in self.allowed)

    def spdx(self, licence: str) -> str:
        """The SPDX expression for what a package says of itself; its own words where we know none."""
        return self.means.get(licence, licence)


def installed(names: Iterable[str]) -> dict[str, str]:
    """The licence of each of these packages that is installed here, in its own words.

    The expression of its metadata where it has one (PEP 639), else its classifier, else the free text.
    """
    command = [sys.executable, "-m", "piplicenses", "--from=all", "--format=json", "--packages", *names]
    found: Any = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {canonicalize_name(one["Name"]): _said(one) for one in found}


def refused(pins: Iterable[Pin], licences: Mapping[str, str], policy: Policy) -> list[str]:
    """What may not be shipped, one line each; empty when all is well.

    Args:
        pins: what is shipped.
        licences: what is known of the packages that are installed here, by name.
        policy: what may be shipped.
    """
    wrong = []
    for pin in pins:
        licence = licences.get(pin.name) or policy.elsewhere.get(pin.name)
        if licence is None:
            where = "is not installed" if pin.is_for_here() else "is for other machines"
            wrong.append(f"{pin.name} {pin.version} {where}: its licence is not known; name it under `elsewhere`")
        elif not policy.allows(pin.name, licence):
            wrong.append(f"{pin.name} {pin.version} comes under `{licence}`, which is not in licences.toml")
    return wrong


def _said(package: Mapping[str, str]) -> str:
    said = (package[f"License-{where}"] for where in ("Expression", "Classifier", "Metadata"))
    return next((one for one in said if one and one != "UNKNOWN"), "no licence at all")


def _holds(expression: str, holds: Holds) -> bool:
    """An SPDX expression, judged. `OR` binds looser than `AND`; what is no expression holds for nothing."""
    if holds(expression):
        return True
    words = _WORDS.findall(expression)
    answer, rest = _either(words, holds)
    return answer and not rest


def _either(words: list[str], holds: Holds) -> tuple[bool, list[str]]:
    answer, rest = _both(words, holds)
    while rest[:1] == ["OR"]:
        other, rest = _both(rest[1:], holds)
        answer = answer or other
    return answer, rest


def _both(words: list[str], holds: Holds) -> tuple[bool, list[str]]:
    answer, rest = _one(words, holds)
    while rest[:1] == ["AND"]:
        other, rest = _one(rest[1:], holds)
        answer = answer and other
    return answer, rest


def _one(words: list[str], holds: Holds) -> tuple[bool, list[str]]:
    if words[:1] == ["("]:
        answer, rest = _either(words[1:], holds)
        return answer and rest[:1] == [")"], rest[1:]
    return bool(words) and holds(words[0]), words[1:]
