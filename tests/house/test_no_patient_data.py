"""No patient in the logs: every scenario of fixtures/ with its names marked, and nothing written holds one."""

import json
from pathlib import Path

import pytest

from tests.servers.service import a_service

MARK = "Canary"
FIXTURES = Path(__file__).parents[2] / "fixtures"
REQUESTS = {f"{path.parent.name}-{path.name.split('.')[1]}": path for path in sorted(FIXTURES.glob("*/request.*.json"))}
PERSONAL = {"display", "text", "family", "given", "diagnostics", "div", "birthDate", "id", "patientId", "userId"}

# What a hook does not have, cannot be broken: orders, and at a refill the user.
NOT_BROKEN = {("patient-view", "entry"), ("encounter-discharge", "entry"), ("medication-refill", "userId")}

every_request = pytest.mark.parametrize("path", REQUESTS.values(), ids=REQUESTS)


@pytest.fixture(scope="module")
def logging_client(tmp_path_factory):
    with a_service(tmp_path_factory.mktemp("store"), strict=True) as client:
        yield client


def marked(value, name=""):
    """The same with a mark in every word that could be a patient's."""
    if isinstance(value, dict):
        return {member: marked(inner, member) for member, inner in value.items()}
    if isinstance(value, list):
        return [marked(inner, name) for inner in value]
    if isinstance(value, str) and name == "reference":
        return f"{value}{MARK}"
    return f"{value} {MARK}" if isinstance(value, str) and name in PERSONAL else value


def canary(path):
    """The request of a scenario, every id, name, diagnosis and medicine of it marked."""
    said = json.loads(path.read_bytes())
    said["context"] = marked(said["context"])
    said["prefetch"] = marked(said.get("prefetch", {}))
    return said


@every_request
def test_no_scenario_leaves_a_patient_in_the_log(logging_client, capfd, path):
    said = canary(path)
    assert MARK in json.dumps(said)
    response = logging_client.post(f"/cds-services/medication-safety-{said['hook']}", json=said)
    written = capfd.readouterr()
    assert written.out == ""
    assert MARK.casefold() not in written.err.casefold()
    assert json.loads(written.err)["status"] == response.status_code == 200


@every_request
@pytest.mark.parametrize("lost", ["hookInstance", "context", "userId", "entry", "prefetch"])
def test_no_refusal_repeats_what_was_sent(logging_client, capfd, path, lost):
    said = canary(path)
    if lost == "userId":
        said["context"].pop("userId", None)
    elif lost == "entry":
        said["context"] |= {name: {"resourceType": "Bundle", "entry": MARK} for name in ("draftOrders", "medications")}
        said["context"] |= {name: {"entry": MARK} for name in ("medication", "order")}
    elif lost == "prefetch":
        said["prefetch"]["results"] = MARK
    else:
        del said[lost]
    response = logging_client.post(f"/cds-services/medication-safety-{said['hook']}", json=said)
    written = capfd.readouterr()
    assert MARK.casefold() not in f"{response.text}{written.err}{written.out}".casefold()
    if response.status_code == 200:
        assert (said["hook"], lost) in NOT_BROKEN
    else:
        assert response.status_code == 400
        assert response.get_json()["resourceType"] == "OperationOutcome"
