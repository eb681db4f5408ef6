"""SECURITY.md claims what stops an attack, and names the test that proves it: that test exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from cds_service.settings import reference

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
PROOFS = re.findall(r"`(tests/[^`]+)`", PAGE)
RISKS = re.split(r"^### ", PAGE.partition("## Beyond the six")[0], flags=re.MULTILINE)[1:]


@cache
def names_in(path):
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("proof", PROOFS)
def test_a_proof_that_is_named_is_a_test(proof):
    path, _, name = proof.partition("::")
    assert name.startswith("test_")
    assert name in names_in(path)


def test_the_page_has_the_six_risks_of_the_specification_in_their_order():
    assert [risk.partition(".")[0] for risk in RISKS] == ["1", "2", "3", "4", "5", "6"]


@pytest.mark.parametrize("risk", RISKS, ids=lambda risk: risk.partition(".")[0])
def test_each_risk_has_proofs_and_says_what_is_left_to_do(risk):
    rows = [line for line in risk.splitlines() if line.startswith("| ") and not line.startswith("| What")]
    assert len(rows) >= 3
    assert all(len(re.findall(r"`tests/[^`]+`", row)) == 1 for row in rows)
    assert "**Left to whoever runs it:**" in risk


def test_the_setting_names_on_the_page_are_settings():
    assert {name for name in re.findall(r"`(CDS_[A-Z_]+)", PAGE) if f"`{name}`" not in reference()} == set()
