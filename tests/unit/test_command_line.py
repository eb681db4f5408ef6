"""The command line: the answers of the server, the work on card files, and what is said to who mistypes."""

import json
import shutil
import sys
from pathlib import Path

import orjson
import pytest

from cds_service import __main__ as command_line
from cds_service.card_files import command
from tests.journeys.records import AT, bundle, call, draft, liver_panel, medicine, prefetch
from tests.servers.service import a_service

ROOT = Path(__file__).parents[2]
CARDS = ROOT / "cards"
NOW = ["--at", AT.isoformat()]
SCENES = (  # a library is loaded for each: a few of the scenarios, one for every kind of answer
    "amoxicillin-without-any-data",
    "baclofen-stopped-at-once",
    "chart-opened-with-overdue-liver-tests",
    "dantrolene-ordered-beside-baclofen-without-liver-tests",
    "dantrolene-ordered-with-the-record-half-missing",
    "dantrolene-selected-beside-a-draft-of-baclofen",
)
DANTROLENE = draft("dantrolene 25", dose=25)
BACLOFEN = medicine("baclofen 10", "run", written=100, dose=10, times=3)


@pytest.fixture
def run(capsys, monkeypatch):
    """Run a command with these settings; gives the exit code and what was printed on both streams."""

    def run(*arguments, **settings):
        for name in ("CDS_CARDS", "CDS_DISCOVERY", "CDS_MISSING_DATA", "CDS_JURISDICTION", "CDS_STORE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, str(value))
        capsys.readouterr()
        code = command_line.main([str(one) for one in arguments])
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def file(tmp_path):
    """A file with this JSON, or these bytes."""

    def write(body, name="request.json"):
        path = tmp_path / name
        path.write_bytes(body if isinstance(body, bytes) else json.dumps(body).encode())
        return path

    return write


@pytest.fixture
def library(tmp_path):
    """A copy of our own card files, to be spoilt."""
    return Path(shutil.copytree(CARDS, tmp_path / "cards"))


# check ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", SCENES)
def test_check_answers_as_the_server_does(run, client, scene):
    path = ROOT / "fixtures" / scene / "request.r4.json"
    code, printed, _ = run("check", path, "--json", *NOW)
    hook = json.loads(path.read_bytes())["hook"]
    answer = client.post(
        f"/cds-services/medication-safety-{hook}", data=path.read_bytes(), content_type="application/json"
    )
    assert code == 0
    assert orjson.loads(printed) == answer.get_json()


def test_check_prints_a_card_as_a_person_reads_it(run, file):
    code, printed, _ = run(
        "check", file(call("order-sign", [DANTROLENE], prefetch(medications=[BACLOFEN], results=liver_panel(3)))), *NOW
    )
    assert code == 0
    assert "[warning] Dantrolene ordered, baclofen is running" in printed
    assert "\n  [Remove the dantrolene order]\n" in printed
    assert "\n  Override: Benefit outweighs the risk / Will monitor or lower the risk / " in printed


def test_check_marks_the_button_it_recommends(run, file):
    _, printed, _ = run("check", file(call("order-sign", [DANTROLENE], prefetch())), *NOW)
    assert "[Order liver function tests (AST, ALT, ALP, bilirubin)] (recommended)" in printed


def test_check_says_that_there_is_nothing_to_say(run, file):
    path = file(call("order-sign", [DANTROLENE], prefetch(results=liver_panel(3))))
    assert run("check", path, *NOW) == (0, "No cards: checked and clear.\n", "")
    assert orjson.loads(run("check", path, "--json", *NOW)[1]) == {"cards": []}


def test_check_has_the_clock_of_the_machine_unless_it_is_told_another(run, file):
    path = file(call("order-sign", [DANTROLENE], prefetch(results=liver_panel(3))))
    assert run("check", path, *NOW)[1] == "No cards: checked and clear.\n"
    assert "liver tests" in run("check", path, "--at", "2030-01-01T00:00:00Z")[1]
    assert run("check", path)[0] == 0


@pytest.mark.parametrize("moment", ["2026-11-22", "2026-11-22T10:00", "2026-11-22T10:00:00+14:00"])
def test_check_takes_the_day_of_the_moment_it_is_told(run, file, moment):
    path = file(call("order-sign", [DANTROLENE], prefetch()))
    answer = orjson.loads(run("check", path, "--json", "--at", moment)[1])
    assert answer["cards"][0]["suggestions"][0]["actions"][0]["resource"]["authoredOn"].startswith("2026-11-22T")


def test_check_takes_the_service_that_it_is_told(run, file):
    path = file(call("order-sign", [DANTROLENE], prefetch()))
    assert run("check", path, "--service", "medication-safety-order-sign", *NOW)[0] == 0


def test_check_refuses_what_the_server_would_refuse(run, file):
    sent = {key: value for key, value in prefetch().items() if key not in {"medications", "conditions"}}
    path = file(call("order-sign", [DANTROLENE], sent))
    assert run("check", path, *NOW, CDS_MISSING_DATA="412") == (1, "", "412: missing conditions, medications\n")
    assert run("check", path, *NOW)[0] == 0
    assert run("check", file(call("patient-view", (), {})), *NOW)[2].startswith("412: missing ")


WRONG = {
    "no JSON": (b"{", "request.json: "),
    "empty": (b"", "request.json: "),
    "no object": (b"[]", "no such service; there are medication-safety-medication-prescribe, "),
    "no hook": ({}, "no such service; "),
    "hook of another type": ({"hook": 5}, "no such service; "),
    "unknown hook": ({"hook": "encounter-start"}, "no such service; "),
    "incomplete": ({"hook": "order-sign"}, "context"),
}


@pytest.mark.parametrize("what", ["check", "explain"])
@pytest.mark.parametrize(("body", "says"), WRONG.values(), ids=WRONG)
def test_a_request_that_cannot_be_read_is_said_so(run, file, what, body, says):
    code, printed, complaint = run(what, file(body))
    assert (code, printed) == (1, "")
    assert says in complaint


@pytest.mark.parametrize("what", ["check", "explain"])
def test_a_request_that_is_not_there_is_said_so(run, tmp_path, what):
    assert run(what, tmp_path / "gone.json")[0] == 1
    code, _, complaint = run(what, tmp_path)
    assert (code, complaint.startswith(str(tmp_path))) == (1, True)


@pytest.mark.parametrize(
    ("service", "says"),
    [("medication-safety", "no such service; there are "), ("medication-safety-patient-view", "hook ")],
)
def test_a_service_that_is_not_the_one_of_the_request_is_said_so(run, file, service, says):
    code, printed, complaint = run("check", file(call("order-sign", [DANTROLENE])), "--service", service)
    assert (code, printed) == (1, "")
    assert complaint.startswith(says)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"CDS_CARDS": "/nowhere"}, "`CDS_CARDS` must be a folder that exists"),
        ({"CDS_JURISDICTION": "France"}, "`CDS_JURISDICTION` must be a country of two small letters, such as `us`"),
        ({"CDS_MISSING_DATA": "maybe"}, "`CDS_MISSING_DATA` must be `card` or `412`"),
        ({"CDS_CARD": "cards"}, "`CDS_CARD` is not a setting; did you mean `CDS_CARDS`?"),
    ],
)
@pytest.mark.parametrize(
    "arguments", [("check", "x.json"), ("cards", "list"), ("docs", "--check"), ("serve",)], ids=" ".join
)
def test_wrong_settings_stop_every_command(run, arguments, settings, says):
    assert run(*arguments, **settings) == (1, "", f"{says}\n")


def test_a_broken_discovery_document_is_said_so(run, file):
    path = file(b"{", "discovery.json")
    code, _, complaint = run("check", file(call("order-sign")), CDS_DISCOVERY=path)
    assert (code, "is not JSON" in complaint) == (1, True)


def test_a_broken_library_is_said_so(run, file, library):
    (library / "broken.yaml").write_text("id: broken\nid: broken\n", encoding="utf-8")
    code, printed, complaint = run("check", file(call("order-sign", [DANTROLENE])), CDS_CARDS=library)
    assert (code, printed) == (1, "")
    assert "cards/broken.yaml:2:" in complaint


@pytest.mark.parametrize(
    "arguments",
    [(), ("chekc",), ("check",), ("check", "x", "--at", "tomorrow"), ("cards",), ("cards", "new")],
    ids=" ".join,
)
def test_wrong_usage_is_answered_with_the_usage(arguments, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(list(arguments))
    assert stopped.value.code == 2
    assert "usage: cds-service" in capsys.readouterr().err


def test_the_arguments_are_those_of_the_command_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["cds-service", "cards", "list"])
    assert command_line.main() == 0
    assert "dantrolene-baclofen" in capsys.readouterr().out


# explain --------------------------------------------------------------------------------------------------------------


def test_explain_prints_every_rule_with_its_evidence(run, file):
    path = file(call("order-sign", [DANTROLENE], prefetch(medications=[BACLOFEN], results=liver_panel(3))))
    code, printed, _ = run("explain", path, *NOW)
    assert code == 0
    assert "\ndantrolene-baclofen: shown, warning\n" in printed
    assert "  when Together: holds because of MedicationRequest/draft-1, MedicationRequest/run\n" in printed
    assert "\ndantrolene-baseline-liver-tests: silent\n" in printed
    assert "  tier 1 (critical) when HasProblem: fails\n" in printed


def test_explain_says_what_kept_a_rule_undecided(run, file):
    sent = {key: value for key, value in prefetch().items() if key != "conditions"}
    _, printed, _ = run("explain", file(call("order-sign", [DANTROLENE], sent)), *NOW)
    assert "\ndantrolene-active-liver-disease: not checked\n" in printed
    assert "  when HasProblem: unknown because the problem list was not supplied\n" in printed


def test_explain_says_that_no_rule_is_about_the_orders(run, file):
    code, printed, _ = run("explain", file(call("order-sign", [draft("amoxicillin")])), *NOW)
    assert (code, printed) == (0, "No rule is about these orders: nothing was read or judged.\n")


# cards ----------------------------------------------------------------------------------------------------------------


def test_cards_lint_finds_no_mistake_in_our_own(run):
    code, printed, _ = run("cards", "lint")
    assert (code, "no mistakes" in printed) == (0, True)


def test_cards_lint_takes_a_folder_or_the_one_of_the_settings(run, library):
    card = library / "dantrolene-baclofen.yaml"
    card.write_text(card.read_text(encoding="utf-8").replace("status: active", "status: activ"), encoding="utf-8")
    for arguments, settings in (((library,), {}), ((), {"CDS_CARDS": library})):
        code, printed, _ = run("cards", "lint", *arguments, **settings)
        assert code == 1
        assert "cards/dantrolene-baclofen.yaml:4: `activ` is not allowed here; did you mean `active`?" in printed


def test_cards_list_has_a_line_for_each_card(run):
    code, printed, _ = run("cards", "list")
    lines = printed.splitlines()
    assert code == 0
    assert len(lines) == 1 + len(list(CARDS.glob("*.yaml")))
    assert lines[0].split() == ["card", "version", "status", "topic", "indicators", "reviewed"]


def test_cards_new_writes_a_card_that_can_be_tried_at_once(run, library):
    code, printed, _ = run("cards", "new", "my-card", CDS_CARDS=library)
    assert (code, "my-card.yaml is written" in printed) == (0, True)
    code, printed, _ = run("cards", "try", library / "my-card.yaml")
    assert code == 0
    assert (
        "--- dantrolene is ordered: shown, warning\n\n[warning] Dantrolene ordered, oxycodone is running: " in printed
    )
    assert "  [Remove the dantrolene order]\n" in printed
    assert "--- dantrolene alone: silent\n" in printed
    assert "--- medication list not supplied: not checked\n" in printed


def test_cards_new_writes_nothing_over_what_is_there(run, library):
    code, _, complaint = run("cards", "new", "dantrolene-baclofen", CDS_CARDS=library)
    assert (code, "is there already" in complaint) == (1, True)


def test_cards_try_takes_the_id_of_a_card(run):
    code, printed, _ = run("cards", "try", "dantrolene-active-liver-disease")
    assert (code, printed.count("; expected ")) == (0, 0)
    assert printed.count("\n--- ") > 3


@pytest.mark.parametrize(
    ("was", "is_", "says"),
    [
        ("ordering: [dantrolene], expect: silent", "ordering: [dantrolene], expect: shown", "silent; expected shown"),
        (
            "age: 74, expect: shown, indicator: warning",
            "age: 74, expect: shown, indicator: critical",
            "shown, warning; expected shown, critical",
        ),
    ],
    ids=["outcome", "indicator"],
)
def test_cards_try_says_which_example_comes_out_otherwise(run, library, was, is_, says):
    command.new("my-card", library)
    card = library / "my-card.yaml"
    text = card.read_text(encoding="utf-8")
    assert was in text
    card.write_text(text.replace(was, is_), encoding="utf-8")
    code, printed, _ = run("cards", "try", card)
    assert (code, says in printed) == (1, True)


@pytest.mark.parametrize("name", ["gone.yaml", "nowhere/card.yaml", "card.schema.json", ""])
def test_cards_try_says_that_there_is_no_such_card(run, library, name):
    code, printed, complaint = run("cards", "try", library / name)
    assert (code, printed) == (1, "")
    assert f"`{library / name}` is no card file (*.yaml) and no id of a card in {CARDS}" in complaint


def test_cards_try_names_the_cards_there_are(run, tmp_path):
    assert "the cards there are: antispastic-alcohol, antispastic-allergy, " in run("cards", "try", "gone")[2]
    assert "the cards there are: none" in run("cards", "try", "gone", CDS_CARDS=tmp_path)[2]


# docs -----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def written(run, tmp_path, monkeypatch):
    """A folder with its reference pages."""
    monkeypatch.chdir(tmp_path)
    assert run("docs")[0] == 0
    return tmp_path / "docs" / "reference"


def test_docs_are_written_once_and_are_current_then(run, written):
    assert (written / "settings.md").is_file()
    assert (written / "cards" / "dantrolene-baclofen.md").is_file()
    before = {path: path.stat().st_mtime_ns for path in written.rglob("*.md")}
    assert run("docs", "--check") == (0, "The pages are current.\n", "")
    assert run("docs") == (0, "", "")
    assert {path: path.stat().st_mtime_ns for path in written.rglob("*.md")} == before


def test_docs_check_names_the_pages_that_are_out_of_date_and_changes_none(run, written):
    (written / "settings.md").write_text("old", encoding="utf-8")
    (written / "cards" / "dantrolene-baclofen.md").unlink()
    (written / "cards" / "retired.md").write_text("of a card that is no more", encoding="utf-8")
    code, printed, _ = run("docs", "--check")
    assert (code, sorted(printed.splitlines())) == (
        1,
        [
            f"docs/reference/{page} is out of date: run `cds-service docs`"
            for page in ("cards/dantrolene-baclofen.md", "cards/retired.md", "settings.md")
        ],
    )
    assert (written / "settings.md").read_text(encoding="utf-8") == "old"
    assert (written / "cards" / "retired.md").is_file()


def test_docs_writes_what_is_out_of_date_and_removes_what_is_left_over(run, written):
    (written / "settings.md").write_text("old", encoding="utf-8")
    (written / "cards" / "retired.md").write_text("of a card that is no more", encoding="utf-8")
    assert run("docs")[0] == 0
    assert (written / "settings.md").read_text(encoding="utf-8").startswith("# Settings")
    assert not (written / "cards" / "retired.md").exists()
    assert run("docs", "--check")[0] == 0


# serve ----------------------------------------------------------------------------------------------------------------


def test_serve_serves_with_the_settings_of_the_environment(run, monkeypatch):
    served = []
    monkeypatch.setattr(command_line.app, "serve", served.append)
    assert run("serve", CDS_JURISDICTION="uk") == (0, "", "")
    assert [settings.jurisdiction for settings in served] == ["uk"]


def test_the_server_of_another_country_answers_by_its_limits(run, file, tmp_path):
    who = {**prefetch()["patient"], "birthDate": "1994-04-02"}
    path = file(call("order-sign", [DANTROLENE], {**prefetch(), "patient": who}))
    assert "32 years" not in run("check", path, *NOW)[1]
    assert "32 years" in run("check", path, *NOW, CDS_JURISDICTION="uk")[1]
    hook = "/cds-services/medication-safety-order-sign"
    with a_service(tmp_path, log=False, jurisdiction="uk") as british:
        answer = british.post(hook, data=path.read_bytes(), content_type="application/json").get_json()
    assert orjson.loads(run("check", path, "--json", *NOW, CDS_JURISDICTION="uk")[1]) == answer


# Once wrong -----------------------------------------------------------------------------------------------------------


def test_explain_prints_json_when_it_is_asked_to(run, file):
    path = file(call("order-sign", [DANTROLENE], {**prefetch(), "medications": bundle(BACLOFEN)}))
    assert run("explain", path, "--json", *NOW)[1].startswith(("{", "["))


# The store ------------------------------------------------------------------------------------------------------------

ORDER = call("order-sign", [DANTROLENE], {**prefetch(), "medications": bundle(BACLOFEN)})
SERVICE = "/cds-services/medication-safety-order-sign"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The settings of a store in which one call and what became of two of its cards are kept."""
    folder = tmp_path_factory.mktemp("kept")
    with a_service(folder, log=False) as client:
        cards = client.post(SERVICE, json=ORDER).get_json()["cards"]
        said = {"outcomeTimestamp": "2026-11-22T10:01:00Z"}
        why = {"reason": {"code": "risk-benefit-ratio"}, "userComment": "Canary"}
        feedback = [
            {"card": cards[0]["uuid"], "outcome": "overridden", "overrideReason": why, **said},
            {
                "card": cards[1]["uuid"],
                "outcome": "accepted",
                "acceptedSuggestions": [{"id": cards[1]["suggestions"][0]["uuid"]}],
                **said,
            },
        ]
        assert client.post(f"{SERVICE}/feedback", json={"feedback": feedback}).status_code == 200
    return {"CDS_STORE": f"sqlite:///{folder / 'store.sqlite3'}"}


def test_the_report_says_what_became_of_the_cards(run, kept):
    code, text, _ = run("report", **kept)
    assert code == 0
    assert "dantrolene-baseline-liver-tests v2: risk-benefit-ratio 1" in text
    by_card = {one["card"]: one for one in orjson.loads(run("report", "--json", **kept)[1])["cards"]}
    assert by_card["dantrolene-baseline-liver-tests"]["overridden"] == 1
    assert by_card["dantrolene-baclofen"]["accepted"] == 1


def test_the_report_of_one_card_has_no_other(run, kept):
    cards = orjson.loads(run("report", "--json", "--card", "dantrolene-baclofen", **kept)[1])["cards"]
    assert [one["card"] for one in cards] == ["dantrolene-baclofen"]


def test_the_report_begins_where_it_is_told_to(run, kept):
    assert orjson.loads(run("report", "--json", "--since", "2026-11-23", **kept)[1])["cards"] == []


def test_the_report_of_the_shadow_is_empty_where_no_card_is_in_it(run, kept):
    assert "0 cards" in run("report", "--shadow", **kept)[1]


@pytest.mark.parametrize(("what", "lines"), [("evaluations", 1), ("feedback", 2)])
def test_what_is_kept_is_exported_as_lines_of_json(run, kept, what, lines):
    code, text, _ = run("store", "export", what, **kept)
    assert code == 0
    assert len([orjson.loads(line) for line in text.splitlines()]) == lines
    assert "Canary" not in text


def test_what_is_kept_is_exported_for_a_spreadsheet(run, kept):
    code, text, _ = run("store", "export", "feedback", "--format", "csv", **kept)
    assert code == 0
    assert text.startswith('"received_at"')


def test_what_is_old_is_deleted(run, kept):
    assert "0 evaluations, 0 entries" in run("store", "prune", "--days", "36500", **kept)[1]


def test_the_tables_are_made(run, tmp_path):
    code, text, _ = run("store", "migrate", CDS_STORE=f"sqlite:///{tmp_path / 'new.sqlite3'}")
    assert (code, "revision 0001" in text) == (0, True)


def test_a_store_that_is_not_there_is_named(run, tmp_path):
    code, _, said = run("report", CDS_STORE=f"sqlite:///{tmp_path / 'none.sqlite3'}")
    assert code == 1
    assert "cds-service store migrate" in said


@pytest.mark.parametrize("wrong", [["report", "--since", "yesterday"], ["store", "prune", "--days", "0"]])
def test_what_cannot_be_meant_is_refused(run, wrong):
    with pytest.raises(SystemExit) as ended:
        run(*wrong)
    assert ended.value.code == 2
