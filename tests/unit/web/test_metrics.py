"""What is counted, who may read it, and that several processes are added up."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cds_service.advice.record import Edition, Phase, Showing, Traced
from cds_service.clinical.codes import Indicator
from cds_service.clinical.model import Why
from cds_service.fhir.wanted import Outcome
from cds_service.settings import Settings
from cds_service.web.limits import Rates
from cds_service.web.metrics import Metrics, NoAudit

from .conftest import FRIEND, Answer, Client, Door
from .test_feedback import ENTRY, send

EDITION = Edition("0.1.0", "ab" * 32)


@pytest.fixture
def metrics():
    metrics = Metrics(EDITION)
    yield metrics
    metrics.close()


def counts(text):
    """Every sample by its name and labels, but the creation times."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def count(text, name, **labels):
    return counts(text).get((name, tuple(sorted(labels.items()))))


def read(web, **more):
    response = web.client.get("/metrics", **more)
    assert (response.status_code, response.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return response.get_data(as_text=True)


def test_calls_are_counted_with_what_came_of_them(web_that, call, metrics):
    answer = Answer(
        cards=({},),
        traced=(
            Traced("dantrolene-baclofen", 2, Indicator.WARNING, uuid4()),
            Traced("new-card", 1, Indicator.INFO, uuid4(), Showing.SHADOW),
        ),
        gaps={Why.NO_DATE: 2},
        outcomes={Outcome.TIMEOUT: 3},
        took_ms={Phase.FETCH: 30.0},
    )
    web = web_that(answer, metrics=metrics, metrics_readers=None)
    web.post(call)
    web.post(call)
    web.post({})
    web.post(call, "nobody")
    web.client.get("/cds-services")
    web.client.get("/nowhere")
    text = read(web)
    assert count(text, "cds_requests_total", service="sign", status="200") == 2
    assert count(text, "cds_requests_total", service="sign", status="400") == 1
    assert count(text, "cds_requests_total", service="-", status="404") == 1
    assert count(text, "cds_requests_total", service="discovery", status="200") == 1
    assert count(text, "cds_requests_total", service="other", status="404") == 1
    assert count(text, "cds_results_total", result="cards") == 2
    assert count(text, "cds_results_total", result="refused") == 2
    assert count(text, "cds_cards_total", card="dantrolene-baclofen", indicator="warning", showing="shown") == 2
    assert count(text, "cds_cards_total", card="new-card", indicator="info", showing="shadow") == 2
    assert count(text, "cds_gaps_total", kind="no-date") == 4
    assert count(text, "cds_fetches_total", outcome="timeout") == 6
    assert count(text, "cds_duration_seconds_count", phase="total") == 2
    assert count(text, "cds_duration_seconds_bucket", phase="fetch", le="0.025") == 0
    assert count(text, "cds_duration_seconds_bucket", phase="fetch", le="0.05") == 2
    assert count(text, "cds_duration_seconds_sum", phase="fetch") == pytest.approx(0.06)
    assert count(text, "cds_build_info", version="0.1.0", cards_sha256="ab" * 32) == 1


def test_who_was_not_let_in_is_counted_by_reason(web_that, call, metrics):
    web = web_that(door=Door(Client(name="riverside", rate=2)), metrics=metrics, metrics_readers=None, rates=Rates())
    for authorization in ("Bearer forged", "Bearer forged", "", "Bearer friend-of-others"):
        web.post(call, headers={"Authorization": authorization})
    web.post(call, headers=FRIEND)
    web.post(call, headers=FRIEND)
    text = read(web)
    assert count(text, "cds_auth_failures_total", reason="signature") == 2
    assert count(text, "cds_auth_failures_total", reason="no-token") == 1
    assert count(text, "cds_auth_failures_total", reason="service") == 1
    assert count(text, "cds_rate_limited_total", limit="rate") == 1


def test_feedback_is_counted_by_what_the_clinician_did(web_that, metrics):
    web = web_that(metrics=metrics, metrics_readers=None)
    send(web, ENTRY, ENTRY | {"outcome": "accepted"})
    send(web, ENTRY)
    text = read(web)
    assert count(text, "cds_feedback_total", outcome="overridden") == 2
    assert count(text, "cds_feedback_total", outcome="accepted") == 1
    assert count(text, "cds_requests_total", service="feedback", status="200") == 2


def test_how_the_audit_trail_fares_can_be_seen(web_that):
    now = [NoAudit(depth=7, spilled=1)]
    metrics = Metrics(EDITION, lambda: now[0])
    web = web_that(metrics=metrics, metrics_readers=None)
    read(web)
    now[0] = NoAudit(depth=2, spilled=4, lost=1, unshared=3)
    text = read(web)
    metrics.close()
    assert count(text, "cds_audit_waiting") == 2
    assert count(text, "cds_audit_spilled_total") == 4
    assert count(text, "cds_audit_lost_total") == 1
    assert count(text, "cds_audit_unshared_total") == 3


def test_calls_that_could_not_be_counted_for_the_rate_are_counted_as_such(metrics):
    metrics.let_through()
    assert count(metrics.written().decode(), "cds_rate_storage_failures_total") == 1


LOOPBACK = Settings(mode="production").metrics_readers
SOME = Settings.read({"CDS_METRICS_FROM": "10.20.0.0/16,2001:db8::7"}).metrics_readers


@pytest.mark.parametrize(
    ("readers", "address", "may"),
    [
        (Settings().metrics_readers, "203.0.113.9", True),
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "::1", True),
        (LOOPBACK, "::ffff:127.0.0.1", True),
        (LOOPBACK, "10.20.0.7", False),
        (LOOPBACK, "", False),
        (SOME, "10.20.255.255", True),
        (SOME, "2001:db8::7", True),
        (SOME, "10.21.0.0", False),
        (SOME, "127.0.0.1", False),
    ],
)
def test_only_the_networks_that_are_set_may_read(web_that, metrics, readers, address, may):
    web = web_that(metrics=metrics, metrics_readers=readers)
    response = web.client.get("/metrics", environ_overrides={"REMOTE_ADDR": address})
    assert response.status_code == (200 if may else 404)


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_who_comes_through_a_proxy_does_not_stand_where_the_proxy_stands(web_that, metrics, header):
    web = web_that(metrics=metrics, metrics_readers=LOOPBACK)
    assert web.client.get("/metrics", headers={header: "127.0.0.1"}).status_code == 404
    assert web.client.get("/metrics").status_code == 200


def test_where_nothing_is_counted_there_is_nothing_to_read(web_that):
    assert web_that(metrics=None, metrics_readers=None).client.get("/metrics").status_code == 404


def test_reading_the_counts_is_not_logged(web_that, metrics):
    web = web_that(metrics=metrics, metrics_readers=None)
    read(web)
    assert web.events == []


def test_no_label_holds_what_a_client_wrote(web_that, call, metrics):
    web = web_that(metrics=metrics, metrics_readers=None)
    web.post(call | {"hookInstance": "Jane-Roe"}, "Jane-Roe", headers={"Authorization": "Bearer Jane-Roe"})
    web.post(call | {"hookInstance": "Jane-Roe", "user": "Jane-Roe"})
    web.client.get("/Jane-Roe?Jane-Roe")
    send(web, ENTRY | {"overrideReason": {"reason": {"code": "Jane-Roe"}, "userComment": "Jane-Roe"}})
    assert "Jane" not in read(web)


PROCESS = """
import os
from cds_service.advice.record import Edition
from cds_service.web.auth import Reason
from cds_service.web.metrics import Metrics, NoAudit

metrics = Metrics(Edition("0.1.0", "ab"), lambda: NoAudit(depth=5, lost=1))
for _ in range(3):
    metrics.refused(Reason.EXPIRED)
print(metrics.written().decode(), flush=True)
if input() == "close":
    metrics.close()
else:
    os._exit(1)
"""


def test_processes_are_added_up_and_those_that_ended_keep_what_they_counted(tmp_path):
    """Each imported prometheus-client before, as those do that are forked; the folder decides all the same."""
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}

    def start():
        return subprocess.Popen(  # noqa: S603 - our own lines, above
            [sys.executable, "-c", PROCESS],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def said(process, word):
        return process.communicate(f"{word}\n", timeout=30)[0]

    said(start(), "close")
    text = said(start(), "close")
    assert count(text, "cds_auth_failures_total", reason="expired") == 6
    assert count(text, "cds_audit_lost_total") == 2
    assert count(text, "cds_audit_waiting") == 5  # of those that live
    assert count(text, "cds_build_info", version="0.1.0", cards_sha256="ab") == 1
