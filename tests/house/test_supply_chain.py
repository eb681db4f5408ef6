"""What is shipped of others' work: no unwanted licence, no silence about what was not checked, and a list of it all."""

import json
import os
import re
import subprocess
import sys

import pytest

from supply_chain import audit, sbom
from supply_chain.licences import Policy, installed, refused
from supply_chain.pins import REQUIREMENTS, read_pins

PINS = read_pins()
POLICY = Policy.read()
NAMES = sorted({pin.name for pin in PINS})
PUBLIC = {"cyclonedx.org", "cyclonedx-bom-tool.readthedocs.io", "cyclonedx-python-library.readthedocs.io"} | {
    "github.com",
    "pypi.org",
}


def run(module, **environment):
    command = [sys.executable, "-m", module]
    return subprocess.run(command, check=False, capture_output=True, text=True, env=os.environ | environment)  # noqa: S603 - our own


def test_every_line_of_the_requirements_is_read():
    pinned = [line for line in REQUIREMENTS.read_text(encoding="utf-8").splitlines() if re.match(r"\w", line)]
    assert [f"{pin.name}=={pin.version}" for pin in PINS] == [line.split()[0] for line in pinned]
    assert all(pin.wanted_by for pin in PINS)


def test_everything_that_is_shipped_comes_under_a_licence_that_was_agreed_to():
    assert refused(PINS, installed(NAMES), POLICY) == []


def test_what_the_policy_names_is_shipped():
    assert set(NAMES) >= {*POLICY.allowed_for, *POLICY.elsewhere}
    assert all(reason for reason in POLICY.allowed.values())
    assert all(one["because"] for one in POLICY.allowed_for.values())


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT License", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("GPL-3.0-only OR Apache-2.0", True),
        ("Apache-2.0 AND GPL-3.0-only", False),
        ("MPL-2.0 AND (GPL-3.0-only OR MIT)", True),
        ("MPL-2.0 AND (GPL-3.0-only OR AGPL-3.0-only)", False),
        ("MIT AND (MIT", False),
        ("MIT)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("LGPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("MIT License; GNU General Public License v3 (GPLv3)", False),
        ("no licence at all", False),
        ("", False),
    ],
)
def test_a_licence_is_allowed_only_if_it_is_on_the_list(licence, allowed):
    assert POLICY.allows("flask", licence) is allowed


def test_what_one_package_may_have_is_not_for_others():
    assert POLICY.allows("psycopg", "LGPL-3.0-only")
    assert not POLICY.allows("flask", "LGPL-3.0-only")


def test_a_package_without_a_known_licence_is_refused():
    known = installed(NAMES)
    del known["flask"]
    assert [line.split()[0] for line in refused(PINS, known, POLICY)] == ["flask"]


def test_what_the_index_does_not_know_is_not_taken_for_safe():
    known = {"name": "flask", "version": "3.1.3", "vulns": []}
    unknown = {"name": "granian", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert audit.read([known]) == audit.Asked(1, (), "")
    assert audit.read([known, unknown]) == audit.Asked(1, (), "no answer for 1 of 2 packages, first `granian`")
    assert audit.read([]).unanswered


@pytest.mark.parametrize("strict", [False, True])
def test_a_vulnerability_fails_the_audit_even_if_others_were_not_checked(capsys, strict):
    flaw = {"id": "CVE-2099-0001", "fix_versions": ["9.9"]}
    found = audit.read([{"name": "flask", "version": "3.1.3", "vulns": [flaw]}, {"name": "mako", "skip_reason": "?"}])
    assert audit.report(found, strict=strict) == 1
    assert capsys.readouterr().out == "VULNERABLE: flask 3.1.3: CVE-2099-0001, mended in 9.9\n"


@pytest.mark.parametrize(("demanded", "code"), [("", 0), ("strict", 1)])
def test_without_a_network_it_says_that_nothing_was_checked(tmp_path, demanded, code):
    nowhere = "http://127.0.0.1:9"  # the discard port: nobody listens
    done = run("supply_chain.audit", AUDIT=demanded, HTTPS_PROXY=nowhere, NO_PROXY="", PIP_CACHE_DIR=str(tmp_path))
    assert "NOTHING WAS CHECKED FOR VULNERABILITIES." in done.stderr
    assert "none known" not in done.stdout
    assert done.returncode == code


@pytest.fixture(scope="module")
def bom():
    listed = sbom.listed(REQUIREMENTS)
    return json.loads(sbom.write(sbom.complete(listed, PINS, {**POLICY.elsewhere, **installed(NAMES)}, POLICY)))


def test_the_bill_of_materials_names_every_package_with_its_version_licence_and_hashes(bom):
    assert [(one["name"], one["version"]) for one in bom["components"]] == [(pin.name, pin.version) for pin in PINS]
    for one in bom["components"]:
        assert one["licenses"][0]["expression"]
        assert one["externalReferences"][0]["hashes"]


def test_every_package_is_reached_from_ours(bom):
    graph = {one["ref"]: one["dependsOn"] for one in bom["dependencies"]}
    reached, waiting = set(), ["root-component"]
    while waiting:
        ref = waiting.pop()
        if ref not in reached:
            reached.add(ref)
            waiting += graph[ref]
    assert reached == set(graph)


def test_the_bill_of_materials_does_not_tell_where_it_was_made(bom):
    text = json.dumps(bom)
    assert set(re.findall(r"https?://([^/\"]+)", text)) == PUBLIC
    assert str(REQUIREMENTS.parent) not in text
    assert "file:" not in text


def test_the_same_requirements_give_the_same_bill_of_materials(bom):
    assert (
        json.loads(
            sbom.write(sbom.complete(sbom.listed(REQUIREMENTS), PINS, {**POLICY.elsewhere, **installed(NAMES)}, POLICY))
        )
        == bom
    )
    assert "timestamp" not in bom["metadata"]
    assert "serialNumber" not in bom


def test_what_is_not_cyclonedx_is_not_written(bom):
    with pytest.raises(sbom.InvalidBom):
        sbom.write(bom | {"components": [{"type": "library"}]})
