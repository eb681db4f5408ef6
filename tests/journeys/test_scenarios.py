"""Each scenario of fixtures/, sent as a client would send it: its answer is the golden one, and a good one."""

import json
from pathlib import Path

import pytest
from fhir.resources.R4B import get_fhir_model_class

from tests.journeys.card_rules import check_answer

FIXTURES = Path(__file__).parents[2] / "fixtures"
REQUESTS = {f"{path.parent.name}-{path.name.split('.')[1]}": path for path in sorted(FIXTURES.glob("*/request.*.json"))}

every_request = pytest.mark.parametrize("path", REQUESTS.values(), ids=REQUESTS)
every_scenario = pytest.mark.parametrize(
    "folder", sorted(path for path in FIXTURES.iterdir() if path.is_dir()), ids=lambda path: path.name
)


def post(client, path):
    hook = json.loads(path.read_bytes())["hook"]
    response = client.post(
        f"/cds-services/medication-safety-{hook}", data=path.read_bytes(), content_type="application/json"
    )
    assert response.status_code == 200, response.text
    return response


@every_request
def test_the_answer_is_the_one_we_read_and_agreed_to(client, path, request):
    answer = post(client, path).get_json()
    golden = path.with_name("response.json")
    if request.config.getoption("update_golden"):
        golden.write_text(json.dumps(answer, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    assert answer == json.loads(golden.read_text(encoding="utf-8"))


@every_request
def test_every_card_is_one_that_clients_can_show(client, path):
    check_answer(post(client, path).get_json())


@every_request
def test_the_same_call_gets_the_same_answer_to_the_byte(client, path):
    assert post(client, path).data == post(client, path).data


@every_scenario
def test_a_scenario_says_why_a_clinician_would_agree(folder):
    lines = (folder / "README.md").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert "(" in lines[2]  # the ids of the facts and decisions


OURS = {name: path for name, path in REQUESTS.items() if not name.startswith("sandbox-")}


@pytest.mark.parametrize("path", OURS.values(), ids=OURS)
def test_the_requests_we_made_ourselves_are_valid_r4(path):
    sent = json.loads(path.read_bytes())
    context = sent["context"]
    bundles = [context.get("draftOrders"), context.get("medications"), *sent.get("prefetch", {}).values()]
    for resource in filter(None, bundles):
        get_fhir_model_class(resource["resourceType"]).model_validate(resource)
