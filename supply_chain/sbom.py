"""`make sbom`: the bill of materials of what requirements.txt installs, as CycloneDX JSON in dist/sbom.cdx.json.

cyclonedx-py reads the pins with their hashes. What it cannot know from them is added here: which package asks for
which, and their licences. It has neither time nor serial number, so the same requirements.txt gives the same file.
"""

import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from supply_chain import licences
from supply_chain.pins import REQUIREMENTS, Pin, read_pins

HERE: Final = REQUIREMENTS.parent
SBOM: Final = HERE / "dist" / "sbom.cdx.json"
VERSION: Final = SchemaVersion.V1_6
Json = dict[str, Any]


class InvalidBom(Exception):
    """What was made is not CycloneDX; the text says where."""


def main() -> int:
    """Write it, and say where."""
    pins = read_pins()
    policy = licences.Policy.read()
    known = licences.installed(sorted({pin.name for pin in pins}))
    text = write(complete(listed(REQUIREMENTS), pins, {**policy.elsewhere, **known}, policy))
    SBOM.parent.mkdir(exist_ok=True)
    SBOM.write_text(text, encoding="utf-8")
    print(f"{SBOM.relative_to(HERE)}: {len(pins)} packages")
    return 0


def listed(requirements: Path) -> Json:
    """The pins of a requirements file as components, and this project as the one they are components of."""
    command = [sys.executable, "-m", "cyclonedx_py", "requirements", str(requirements)]
    # The index is named, so that none of this machine's settings gets into what others read.
    command += ["--index-url", "https://pypi.org/simple", "--pyproject", str(HERE / "pyproject.toml")]
    command += ["--output-reproducible", "--output-format=JSON", f"--spec-version={VERSION.to_version()}"]
    bom: Json = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return bom


def complete(bom: Json, pins: Sequence[Pin], known: Mapping[str, str], policy: licences.Policy) -> Json:
    """The same with licences and dependencies, each component known by its package URL.

    Args:
        bom: as `listed` made it; it is left as it is.
        pins: those of the same file.
        known: the licence of each package, in its own words, by name.
        policy: what those words mean.
    """
    root = bom["metadata"]["component"]
    components = [_component(one, policy.spdx(known[one["name"]])) for one in bom["components"]]
    asks_for: dict[str, set[str]] = defaultdict(set)
    for pin in pins:
        for name in pin.wanted_by:
            asks_for[name].add(pin.name)
    refs = defaultdict(list)
    for one in components:
        refs[one["name"]].append(one["bom-ref"])
    graph = [(root["bom-ref"], root["name"])] + [(one["bom-ref"], one["name"]) for one in components]
    dependencies = [
        {"ref": ref, "dependsOn": sorted(other for wanted in asks_for[name] for other in refs[wanted])}
        for ref, name in graph
    ]
    return bom | {"components": components, "dependencies": sorted(dependencies, key=lambda one: str(one["ref"]))}


def write(bom: Json) -> str:
    """The text of a bill of materials.

    Raises:
        InvalidBom: it does not follow CycloneDX.
    """
    text = json.dumps(bom, indent=2, sort_keys=True) + "\n"
    if mistake := JsonStrictValidator(VERSION).validate_str(text):
        raise InvalidBom(str(mistake))
    return text


def _component(listed: Json, licence: str) -> Json:
    """A component without the line of the file it was read from, and with its licence."""
    component = {name: value for name, value in listed.items() if name != "description"}
    return component | {"bom-ref": listed["purl"], "licenses": [{"expression": licence}]}


if __name__ == "__main__":
    sys.exit(main())
