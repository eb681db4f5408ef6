"""The discovery document we ship: what the specification and real clients ask of it."""

import json
import re
from pathlib import Path

import pytest

from cds_service.hooks.discovery import Discovery

PATH = Path(__file__).parents[2] / "discovery.json"
SERVICES = json.loads(PATH.read_text(encoding="utf-8"))["services"]
TEMPLATES = {f"{service['hook']}:{key}": text for service in SERVICES for key, text in service["prefetch"].items()}


def test_it_loads():
    assert len(Discovery.load(PATH).hooks) == len(SERVICES)


def test_each_hook_has_one_service_of_its_own():
    assert {service["hook"]: service["id"] for service in SERVICES} == {
        hook: f"medication-safety-{hook}"
        for hook in ("medication-prescribe", "order-select", "order-sign", "patient-view")
    }


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service["id"])
def test_each_service_says_everything_an_integrator_asks(service):
    assert set(service) == {
        "hook",
        "title",
        "description",
        "id",
        "prefetch",
        "usageRequirements",
        "version",
        "hookVersion",
    }
    assert service["version"] == "3.0.0-ballot"
    assert service["hookVersion"] == "1.0"  # HL7/cds-hooks-library, the page of each hook


def test_all_services_ask_for_the_same_data():
    assert all(service["prefetch"] == SERVICES[0]["prefetch"] for service in SERVICES)
    assert list(SERVICES[0]["prefetch"]) == ["patient", "medications", "statements", "conditions", "results", "orders"]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_use_only_the_token_every_client_knows(template):
    assert re.findall(r"\{\{(.*?)\}\}", template) == ["context.patientId"]


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_no_search_parameter_is_named_twice(template):
    names = [pair.partition("=")[0] for pair in template.partition("?")[2].split("&")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
def test_templates_are_reads_or_plain_searches_for_one_type(template):
    assert re.fullmatch(
        r"Patient/\{\{context\.patientId\}\}|[A-Z][A-Za-z]+\?patient=\{\{context\.patientId\}\}(&[_a-z]+=[^&\s]+)*",
        template,
    )


def test_medicines_are_asked_for_without_a_status_because_history_counts():
    assert "status" not in SERVICES[0]["prefetch"]["medications"]
    assert "status" not in SERVICES[0]["prefetch"]["statements"]
