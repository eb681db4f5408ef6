"""`make audit`: no known vulnerability and no unwanted licence in what requirements.txt installs.

Vulnerabilities are asked of PyPI, and of OSV where PyPI has no answer. Both are on the network, and a check that
fails for want of it would only teach people to switch it off: so without an answer it says loudly that NOTHING WAS
CHECKED, and passes. Whoever releases sets AUDIT=strict, and then an answer is demanded. CI alone does not mean strict:
it also runs on machines that reach nothing but a mirror of the packages. A vulnerability found fails always.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from supply_chain import licences
from supply_chain.pins import REQUIREMENTS, read_pins

SOURCES: Final = {"pypi": "PyPI", "osv": "OSV"}
SECONDS: Final = 15  # for each connection


@dataclass(frozen=True, slots=True)
class Asked:
    """What one source of advisories said.

    Attributes:
        checked: for how many packages there was an answer.
        found: the vulnerabilities, one line each.
        unanswered: why there was no answer for others, or for any; empty when every package was answered for.
    """

    checked: int
    found: tuple[str, ...]
    unanswered: str


def main() -> int:
    """Check both; 1 when something is wrong, or when AUDIT=strict and nobody could be asked."""
    strict = os.environ.get("AUDIT", "") == "strict"
    pins = read_pins()
    policy = licences.Policy.read()
    unwanted = licences.refused(pins, licences.installed(sorted({pin.name for pin in pins})), policy)
    print("\n".join(unwanted) or f"Licences: all {len(pins)} packages are under one of supply_chain/licences.toml.")
    return max(bool(unwanted), report(ask_until_answered(REQUIREMENTS), strict=strict))


def ask_until_answered(requirements: Path, sources: Sequence[str] = tuple(SOURCES)) -> Asked:
    """What the first source says that knows every package; what is found by any counts."""
    said = Asked(0, (), "nobody was asked")
    reasons = []
    for source in sources:
        now = ask(requirements, source)
        found = tuple(dict.fromkeys((*said.found, *now.found)))
        if not now.unanswered:
            return Asked(now.checked, found, "")
        reasons.append(f"{SOURCES.get(source, source)}: {now.unanswered}")
        said = Asked(max(said.checked, now.checked), found, "; ".join(reasons))
    return said


def ask(requirements: Path, source: str) -> Asked:
    """What one source says. Nothing is resolved or installed: the pins and their hashes are taken as they stand."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(requirements), "--require-hashes"]
    command += ["--disable-pip", "--vulnerability-service", source, "--timeout", str(SECONDS)]
    command += ["--format=json", "--desc=off", "--progress-spinner=off"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    try:
        said: Any = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return Asked(0, (), _last_line(done.stderr))
    return read(said)


def read(dependencies: Sequence[dict[str, Any]]) -> Asked:
    """The answer of pip-audit, package by package.

    By itself pip-audit passes over a package that the index does not know, says "No known vulnerabilities found" and
    ends with 0, even when the index knew none: a mirror of the packages, which has no advisories, looks safe.
    """
    unknown = [one["name"] for one in dependencies if "skip_reason" in one]
    found = tuple(
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in dependencies
        for flaw in one.get("vulns", ())
    )
    why = f"no answer for {len(unknown)} of {len(dependencies)} packages, first `{unknown[0]}`" if unknown else ""
    return Asked(len(dependencies) - len(unknown), found, why if dependencies else "an empty answer")


def report(asked: Asked, *, strict: bool) -> int:
    """Print what was said; 1 for a vulnerability, and where an answer is demanded for a missing one."""
    for line in asked.found:
        print(f"VULNERABLE: {line}")
    if asked.unanswered:
        how_many = f"ONLY {asked.checked} PACKAGES WERE" if asked.checked else "NOTHING WAS"
        print(f"{how_many} CHECKED FOR VULNERABILITIES. {asked.unanswered}", file=sys.stderr)
        print("Run it again with a way to pypi.org or api.osv.dev; AUDIT=strict fails without.", file=sys.stderr)
    elif not asked.found:
        print(f"Vulnerabilities: none known in {asked.checked} packages.")
    return 1 if asked.found or (strict and asked.unanswered) else 0


def _last_line(text: str) -> str:
    """The line that says what went wrong, without the address that was asked for."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].partition(":")[0] if lines else "it ended without a word"


if __name__ == "__main__":
    sys.exit(main())
