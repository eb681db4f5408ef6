"""What requirements.txt pins."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.utils import canonicalize_name

REQUIREMENTS: Final = Path(__file__).parents[1] / "requirements.txt"
_PIN: Final = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^\s;\\]+)(\s*;\s*(?P<marker>[^\\]+))?")
_VIA: Final = re.compile(r"^\s+#\s+(via\s+)?(?P<name>[a-z0-9-]+)(\s+\(pyproject\.toml\))?$")


@dataclass(frozen=True, slots=True)
class Pin:
    """One package in one version.

    Attributes:
        name: in lower case, words joined by hyphens.
        marker: on which machines it is installed; None on all.
        wanted_by: the names of the packages that ask for it, ours among them.
    """

    name: str
    version: str
    marker: Marker | None
    wanted_by: tuple[str, ...]

    def is_for_here(self, environment: Mapping[str, str] | None = None) -> bool:
        """Whether a machine installs it; this one when no other is described."""
        return self.marker is None or self.marker.evaluate(dict(environment or {}))


def read_pins(path: Path = REQUIREMENTS) -> tuple[Pin, ...]:
    """The pins, in the order of the file; one package may have two versions, for different machines."""
    pins: list[Pin] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if pinned := _PIN.match(line):
            marker = pinned["marker"]
            pins.append(
                Pin(canonicalize_name(pinned["name"]), pinned["version"], Marker(marker) if marker else None, ())
            )
        elif (via := _VIA.match(line)) and via["name"] != "via":
            last = pins[-1]
            pins[-1] = Pin(last.name, last.version, last.marker, (*last.wanted_by, canonicalize_name(via["name"])))
    return tuple(pins)
