"""What one process knows, the others know: two processes over one store, called as EHRs call them.

One of them has two workers, so there are three that answer; nobody but the database stands between them.
"""

import json
import time
from io import StringIO
from types import SimpleNamespace

import pytest

from cds_service.store.address import Address
from cds_service.store.command import export
from cds_service.store.export import Form, What
from tests.journeys.visits import (
    BASELINE,
    PAIR,
    VERAPAMIL,
    card_of,
    ids,
    not_repeated,
    ordering,
    overriding,
)
from tests.servers.running import (
    PUBLIC,
    STOPS_WITHIN_S,
    Ehr,
    Service,
    at_once,
    command,
    eventually,
    replace_file,
    some_cards,
    write_clients,
    write_secret,
)

SOON_S = 3.0  # written behind, a tenth of a second; on a machine that is busy with something else
NORTH = Ehr("north", deduplicate=True)
PLAIN = Ehr("plain")
RECALLING = Ehr("recalling", override_kept_days=30)
VISITS = iter(range(10**6))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request, new_store, tmp_path_factory):
    """Two processes that were started in the same moment over a store without tables, and a third that repeats all."""
    folder = tmp_path_factory.mktemp(request.param)
    clients = write_clients(folder / "clients.yaml", NORTH, PLAIN, RECALLING)
    store = new_store(request.param, folder)
    settings = {
        "CDS_MODE": "production",
        "CDS_CLIENTS": clients,
        "CDS_PUBLIC_URL": PUBLIC,
        "CDS_FHIR_SERVERS": "fhir.example",
        "CDS_STORE": store,
        "CDS_SPILL": folder / "spill",
        "CDS_PSEUDONYM_KEYS": write_secret(folder / "keys"),
        "CDS_CARDS": some_cards(folder / "cards", PAIR, BASELINE, shadow=(VERAPAMIL,)),
    }
    one = Service(folder, "one", **settings, CDS_WORKERS=2)
    other = Service(folder, "other", **settings)
    forgetful = Service(folder, "forgetful", **settings, CDS_REPEAT_MINUTES=0)
    services = (one, other, forgetful)
    try:
        for service in services:
            service.begin()
        for service in services:
            service.wait()
        yield SimpleNamespace(
            one=one,
            other=other,
            forgetful=forgetful,
            folder=folder,
            clients=clients,
            settings=settings,
            address=Address.read(store),
        )
        assert max(at_once(*(service.stop for service in services))) < STOPS_WITHIN_S
        assert [event for service in services for event in service.events() if event["event"] == "failed"] == []
    finally:
        for service in services:
            service.close()


def visit():
    """Another patient, whom nobody has seen before, in an encounter of its own."""
    number = next(VISITS)
    return {"who": f"patient-{number}", "encounter": f"visit-{number}"}


def exported(pair, what):
    """What is in the store."""
    out = StringIO()
    export(pair.address, what, Form.NDJSON, None, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def record_of(pair, call):
    """The audit record of one call, as soon as it is there."""

    def found():
        return [one for one in exported(pair, What.EVALUATIONS) if one["hook_instance"] == call["hookInstance"]]

    (record,) = eventually(found, bool, within_s=SOON_S)
    return record


def shown(record):
    return {card["card"]: card["showing"] for card in record["cards"]}


def signed(pair, ehr=NORTH, **said):
    """What the other process answers at order-sign."""
    return ehr.call(pair.other, ordering("order-sign", **said))


def selected(pair, **said):
    """The first process shows the cards at order-select, and the other one has learned of it."""
    first = NORTH.call(pair.one, ordering("order-select", **said))
    assert PAIR in ids(first)
    eventually(lambda: signed(pair, **said), not_repeated, within_s=SOON_S)
    return first


# A token is good once


def test_a_token_that_was_used_at_one_process_is_refused_at_the_other(pair):
    call = ordering()
    token = NORTH.token("/cds-services/medication-safety-order-sign")
    assert NORTH.call(pair.one, call, token=token).status == 200
    refused = NORTH.call(pair.other, call, token=token)
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert [one["diagnostics"] for one in refused.json["issue"]] == ["the call could not be authenticated"]
    assert pair.other.events()[-1]["reason"] == "replayed"


def test_of_many_uses_of_one_token_at_once_exactly_one_is_answered(pair):
    """A round in which a process did not get its answer from the database in time, and says so, proves nothing."""
    call, proved = ordering(), 0

    def decided_alone():
        return sum(service.count("cds_audit_unshared_total") for service in (pair.one, pair.other))

    for _ in range(20):
        token, before = NORTH.token("/cds-services/medication-safety-order-sign"), decided_alone()
        tries = [
            lambda service=service, token=token: NORTH.call(service, call, token=token).status
            for service in (pair.one, pair.other) * 8
        ]
        statuses = sorted(at_once(*tries))
        if decided_alone() == before:
            assert statuses == [200] + [401] * 15
            proved += 1
        if proved == 5:
            return
    pytest.fail("the database never answered in time")


# What was shown at order-select


def test_a_card_shown_by_one_process_is_not_shown_again_by_the_other_which_says_so(pair):
    here = visit()
    first = NORTH.call(pair.one, ordering("order-select", **here))
    began = time.monotonic()
    signing = ordering("order-sign", **here)

    def sign():
        return NORTH.call(pair.other, signing)

    second = eventually(sign, not_repeated, within_s=SOON_S)
    took_s = time.monotonic() - began
    assert took_s < SOON_S
    assert ids(first) == [PAIR]
    assert ids(second) == []
    (said,) = not_repeated(second)
    assert (said["id"], said["version"], said["indicator"]) == (PAIR, 1, "warning")
    assert said["uuid"] == card_of(first)["uuid"]


def test_the_audit_knows_what_was_not_shown_again(pair):
    here = visit()
    selecting = ordering("order-select", **here)
    assert ids(NORTH.call(pair.one, selecting)) == [PAIR]
    eventually(lambda: signed(pair, **here), not_repeated, within_s=SOON_S)
    signing, signing_more = ordering(**here), ordering(**here, panel=False)
    assert ids(NORTH.call(pair.other, signing)) == []
    assert ids(NORTH.call(pair.other, signing_more)) == [BASELINE]
    assert (record_of(pair, selecting)["result"], shown(record_of(pair, selecting))) == ("cards", {PAIR: "shown"})
    assert (record_of(pair, signing)["result"], shown(record_of(pair, signing))) == ("nothing-new", {PAIR: "repeat"})
    record = record_of(pair, signing_more)
    assert (record["result"], shown(record)) == ("cards", {BASELINE: "shown", PAIR: "repeat"})
    assert {record["client"], record_of(pair, signing)["client"]} == {"north"}


@pytest.mark.parametrize(
    "other",
    [
        {"user": "Practitioner/another"},
        {"encounter": "another"},
        {"who": "another"},
        {"dose": 50},
        {"coordinates": False},
    ],
    ids=["another user", "another encounter", "another patient", "another dose", "the call does not want it"],
)
def test_it_is_shown_again_where_it_is_news(pair, other):
    here = visit()
    selected(pair, **here)
    assert PAIR in ids(signed(pair, **here | other))
    assert not_repeated(signed(pair, **here | other)) == []
    assert not_repeated(signed(pair, **here)) != []


def test_a_critical_card_is_shown_every_time(pair):
    here = visit() | {"panel": False}
    first = selected(pair, **here)
    second = signed(pair, **here)
    assert [card_of(answer, BASELINE)["indicator"] for answer in (first, second)] == ["critical", "critical"]
    assert [said["id"] for said in not_repeated(second)] == [PAIR]


def test_what_could_not_be_checked_is_said_every_time(pair):
    here = visit() | {"laboratory": False}
    first = selected(pair, **here)
    assert ids(first) == [PAIR, "not-checked"]
    signing = ordering(**here)
    assert ids(NORTH.call(pair.other, signing)) == ["not-checked"]
    record = record_of(pair, signing)
    assert (record["result"], shown(record)) == ("not-checked", {"not-checked": "shown", PAIR: "repeat"})


def test_a_process_that_is_told_to_repeat_repeats(pair):
    here = visit()
    selected(pair, **here)
    again = NORTH.call(pair.forgetful, ordering(**here))
    assert ids(again) == [PAIR]
    assert not_repeated(again) == []


def test_a_client_that_did_not_ask_for_it_gets_every_card(pair):
    here = visit()
    selected(pair, **here)  # for another client
    assert ids(PLAIN.call(pair.one, ordering("order-select", **here))) == [PAIR]
    NORTH.call(pair.one, ordering("order-select", **here, user="Practitioner/later"))
    eventually(lambda: signed(pair, **here, user="Practitioner/later"), not_repeated, within_s=SOON_S)
    again = signed(pair, PLAIN, **here)
    assert ids(again) == [PAIR]
    assert not_repeated(again) == []


def test_a_call_may_ask_for_it_in_the_words_of_pddi_cds(pair):
    here = visit()
    assert ids(PLAIN.call(pair.one, ordering("order-select", **here, coordinates=True))) == [PAIR]
    eventually(lambda: signed(pair, PLAIN, **here, coordinates=True), not_repeated, within_s=SOON_S)
    assert ids(signed(pair, PLAIN, **here, coordinates=True)) == []
    assert ids(signed(pair, PLAIN, **here)) == [PAIR]


# What was overridden


def test_a_warning_overridden_at_one_process_is_information_at_the_other_and_a_critical_card_stays(pair):
    here = visit() | {"panel": False}
    before = RECALLING.call(pair.one, ordering(**here))
    warning, critical = card_of(before, PAIR), card_of(before, BASELINE)
    assert (warning["indicator"], critical["indicator"]) == ("warning", "critical")
    told = RECALLING.tell(pair.one, "order-sign", overriding(warning), overriding(critical))
    assert told.status == 200

    def sign(**more):
        return RECALLING.call(pair.other, ordering(**here | more))

    after = eventually(sign, lambda answer: card_of(answer, PAIR)["indicator"] != "warning", within_s=SOON_S)
    assert card_of(after, PAIR)["indicator"] == "info"
    assert "You overrode this warning on" in card_of(after, PAIR)["detail"]
    assert card_of(after, BASELINE)["indicator"] == "critical"
    assert card_of(sign(encounter="the next one"), PAIR)["indicator"] == "info"
    for other in ({"user": "Practitioner/another"}, {"who": "another"}):
        assert card_of(sign(**other), PAIR)["indicator"] == "warning"
    assert card_of(signed(pair, PLAIN, **here), PAIR)["indicator"] == "warning"


def test_an_override_without_a_reason_lowers_nothing(pair):
    here = visit()
    before = RECALLING.call(pair.one, ordering(**here))
    assert RECALLING.tell(pair.one, "order-sign", overriding(card_of(before), overrideReason=None)).status == 200
    time.sleep(0.5)
    assert card_of(RECALLING.call(pair.other, ordering(**here)))["indicator"] == "warning"


# A card in the shadow


def test_nobody_sees_a_card_in_the_shadow_and_the_report_counts_it_for_all_processes(pair):
    calls = [ordering(**visit(), verapamil=True) for _ in range(5)]
    answers = [PLAIN.call(service, call) for call, service in zip(calls, [pair.one, pair.other] * 3, strict=False)]
    assert [ids(answer) for answer in answers] == [[PAIR]] * 5
    assert not any(b"erapamil" in answer.body for answer in answers)
    for call in calls:
        assert shown(record_of(pair, call)) == {PAIR: "shown", VERAPAMIL: "shadow"}
    done = command(pair.folder, "report", "--shadow", "--json", **pair.settings)
    assert done.returncode == 0, done.stderr
    (card,) = json.loads(done.stdout)["cards"]
    assert (card["card"], card["indicator"], card["calls"]) == (VERAPAMIL, "warning", 5)


# The file of clients


def test_a_client_that_is_written_into_the_file_is_let_in_without_a_restart_and_a_broken_file_changes_nothing(pair):
    late = Ehr("late")
    workers = {pair.one: 2, pair.other: 1}

    def statuses(*ehrs):
        return {ehr.call(service, ordering(**visit())).status for ehr in ehrs for service in workers}

    def read(mistakes):
        """Whether every worker has read the file again, with so many mistakes; each looks when it is called."""
        events = {service: [one for one in service.events() if one["event"] == "clientsread"] for service in workers}
        return all(sum(one["mistakes"] == mistakes for one in events[it]) == count for it, count in workers.items())

    before = pair.clients.read_text()
    assert statuses(late) == {401}
    try:
        write_clients(pair.clients, NORTH, PLAIN, RECALLING, late)
        eventually(lambda: statuses(late, NORTH), lambda _: read(0), within_s=SOON_S)
        assert statuses(late, NORTH) == {200}
        replace_file(pair.clients, "clients:\n  - name: nobody\n    is: https://nobody.example\n")
        eventually(lambda: statuses(late, NORTH), lambda got: got != {200} or read(1), within_s=SOON_S)
        assert statuses(late, NORTH) == {200}
    finally:
        replace_file(pair.clients, before)
    eventually(lambda: statuses(late), lambda got: got == {401}, within_s=SOON_S)
    assert statuses(NORTH) == {200}
