"""The command line: serve, check, explain, report, store, cards, docs."""

import argparse
import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Sequence
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final

import orjson

from cds_service import app
from cds_service.advice.advise import NothingToCheck, advise, examine
from cds_service.advice.not_checked import reasons
from cds_service.advice.policy import MissingData, Policy, from_prefetch_only
from cds_service.advice.rendering import card_json
from cds_service.card_files import command, pages
from cds_service.card_files.codelists import read_codelists
from cds_service.card_files.examples import Outcome, country, situation
from cds_service.card_files.library import Library
from cds_service.card_files.loading import load_library
from cds_service.card_files.mistakes import BrokenLibrary
from cds_service.card_files.sentences import Names
from cds_service.card_files.yaml_source import read_source
from cds_service.clinical.model import Situation
from cds_service.drugs import vocabulary
from cds_service.fhir.orders import OrderContext
from cds_service.hooks.discovery import BrokenDiscovery, Discovery, ServiceId
from cds_service.hooks.reading import UnreadableRequest, read_request
from cds_service.hooks.request import HookRequest
from cds_service.rules.conditions import Condition
from cds_service.rules.evaluate import Finding, Rule, find
from cds_service.rules.judging import judge
from cds_service.settings import Settings, WrongSettings, reference
from cds_service.store import command as store
from cds_service.store.command import NotMigrated
from cds_service.store.database import StoreUnavailable
from cds_service.store.export import Form, What
from cds_service.web.clients import BrokenClients
from cds_service.web.serving import CannotListen

DOCS: Final = Path("docs/reference")
_NOBODY_READS: Final = 141


class Unusable(Exception):
    """A file that a command was given cannot be used; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0 when all is well, 1 when something is wrong with the input, 2 for wrong usage; 141 when nobody reads what is
        printed, as shells have it for a program that ends for this reason (128 and the number of SIGPIPE).
    """
    said = _parser().parse_args(arguments)
    try:
        code = int(said.run(said, Settings.read(os.environ)))
        sys.stdout.flush()
    except BrokenPipeError:  # who reads it has seen enough, as `head` has; Python would print once more as it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _NOBODY_READS
    except _SAID as wrong:
        print(wrong, file=sys.stderr)
        return 1
    return code


# What is wrong with what we were given, in words for whoever gave it.
_SAID: Final = (
    WrongSettings,
    BrokenDiscovery,
    BrokenLibrary,
    BrokenClients,
    CannotListen,
    NotMigrated,
    StoreUnavailable,
    Unusable,
)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cds-service", description="Medication safety over CDS Hooks.")
    what = parser.add_subparsers(required=True, metavar="COMMAND")
    what.add_parser("serve", help="serve CDS Hooks on CDS_HOST and CDS_PORT").set_defaults(run=_serve)
    for name, run, says in (
        ("check", _check, "answer a request file exactly as the server would"),
        ("explain", _explain, "print every rule's verdict for a request file"),
    ):
        one = what.add_parser(name, help=says)
        one.add_argument("request", type=Path, help="a file with the JSON of one hook call")
        one.add_argument("--service", help="the service id; by default the one of the request's hook")
        one.add_argument("--at", type=datetime.fromisoformat, help="the moment of the call, e.g. 2026-11-22T10:00:00Z")
        one.add_argument("--json", action="store_true", help="print JSON, as the server would send it")
        one.set_defaults(run=run)
    report = what.add_parser("report", help="say what became of the cards that were shown")
    report.add_argument("--since", type=_moment, help="a day, or a moment with its offset; by default everything")
    report.add_argument("--card", help="the id of one card")
    report.add_argument("--shadow", action="store_true", help="how often cards in the shadow would have been shown")
    report.add_argument("--json", action="store_true", help="print JSON")
    report.set_defaults(run=_report)
    _store(what.add_parser("store", help="migrate, prune and export what is kept"))
    docs = what.add_parser("docs", help="write the reference pages in docs/reference")
    docs.add_argument("--check", action="store_true", help="only say which pages are out of date")
    docs.set_defaults(run=_docs)
    _cards(what.add_parser("cards", help="work on card files"))
    return parser


def _store(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="WHAT")
    migrate = what.add_parser("migrate", help="make the tables, or bring older ones up to date; `serve` does it, too")
    migrate.set_defaults(run=_migrate)
    prune = what.add_parser("prune", help="delete what is older than CDS_KEEP_DAYS")
    prune.add_argument("--days", type=_days, help="keep so many days instead")
    prune.set_defaults(run=_prune)
    export = what.add_parser("export", help="write evaluations or feedback to standard output")
    export.add_argument("what", type=What, choices=list(What), metavar="{evaluations,feedback}")
    export.add_argument("--format", type=Form, choices=list(Form), default=Form.NDJSON, metavar="{csv,ndjson}")
    export.add_argument("--since", type=_moment, help="a day, or a moment with its offset; by default everything")
    export.set_defaults(run=_export)


def _moment(text: str) -> datetime:
    """A moment; a day begins at its midnight here, as the days of the clinic do."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        message = f"`{text}` is no day like 2026-11-22, nor a moment like 2026-11-22T10:00:00Z"
        raise argparse.ArgumentTypeError(message) from None
    return at.astimezone() if at.tzinfo is None else at


def _days(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        message = f"`{text}` is no number of days above 0"
        raise argparse.ArgumentTypeError(message)
    return int(text)


def _cards(parser: argparse.ArgumentParser) -> None:
    what = parser.add_subparsers(required=True, metavar="WHAT")
    lint = what.add_parser("lint", help="find every mistake in the card files, and run their examples")
    lint.add_argument("path", type=Path, nargs="?", help="a folder, or one of its files; default: CDS_CARDS")
    lint.set_defaults(run=_lint)
    show = what.add_parser("try", help="print a card as the prescriber would see it, for each of its examples")
    show.add_argument("card", help="a card file, or the id of a card in CDS_CARDS")
    show.set_defaults(run=_try)
    new = what.add_parser("new", help="write the skeleton of a new card file")
    new.add_argument("id")
    new.set_defaults(run=lambda said, settings: command.new(said.id, settings.cards))
    listing = what.add_parser("list", help="list the cards")
    listing.set_defaults(run=lambda _, settings: command.list_cards(settings.cards, settings.jurisdiction))


def _lint(said: Namespace, settings: Settings) -> int:
    today = app.local_time().date()
    return command.lint(said.path or settings.cards, settings.jurisdiction, today=today, headline=_headline)


def _headline(library: Library, finding: Finding, known: Situation) -> str:
    """The summary that a finding is shown with."""
    return str(_example_card(library, finding, known)["summary"])


def _example_card(library: Library, finding: Finding, known: Situation) -> dict[str, Any]:
    """The card that a finding of an example is shown as."""
    request = HookRequest(known.hook, "example", "example", None, None, None, (), None, None)
    at = datetime.combine(known.today, datetime.min.time()).astimezone()
    return card_json(finding, known, library, request, OrderContext("example", None, None, at))


def _serve(_: Namespace, settings: Settings) -> int:
    app.serve(settings)
    return 0


def _report(said: Namespace, settings: Settings) -> int:
    """What became of the cards."""
    text = store.report(
        settings.store_address,
        since=said.since,
        card=said.card,
        shadow=said.shadow,
        as_json=said.json,
        threshold=settings.override_threshold,
    )
    sys.stdout.write(text)
    return 0


def _migrate(_: Namespace, settings: Settings) -> int:
    revision = store.migrate(settings.store_address)
    print(f"{settings.store_address}: revision {revision}")
    loaded = store.load_spilled(settings.store_address, settings.spill_folder, app.local_time)
    if loaded.records:
        print(f"{loaded.records} records came from {settings.spill_folder}")
    return 0


def _prune(said: Namespace, settings: Settings) -> int:
    days = said.days or settings.keep_days
    evaluations, feedback = store.prune(settings.store_address, days, app.local_time())
    print(f"Deleted what is older than {days} days: {evaluations} evaluations, {feedback} entries of feedback.")
    return 0


def _export(said: Namespace, settings: Settings) -> int:
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(newline="")  # the ends of lines are CSV's own
    store.export(settings.store_address, said.what, said.format, said.since, sys.stdout)
    return 0


def _check(said: Namespace, settings: Settings) -> int:
    """The answer of the server, by the same code."""
    request, library, at = _call(said, settings)
    try:
        answer = advise(request, library, fetch=from_prefetch_only, policy=_policy(settings), at=at)
    except NothingToCheck as nothing:
        message = f"412: missing {', '.join(nothing.missing)}"
        raise Unusable(message) from None
    if said.json:
        _print_json({"cards": answer.cards})
    elif not answer.cards:
        print("No cards: checked and clear.")
    for card in () if said.json else answer.cards:
        _print_card(card)
    return 0


def _policy(settings: Settings) -> Policy:
    return Policy(MissingData(settings.missing_data), null_is_none=settings.prefetch_null == "none")


def _explain(said: Namespace, settings: Settings) -> int:
    """Every rule that could matter, each of its conditions with its verdict, evidence and gaps."""
    request, library, at = _call(said, settings)
    examined = examine(request, library, fetch=from_prefetch_only, policy=_policy(settings), at=at)
    rules = []
    if examined is not None:
        rules = [_explained(rule, examined.situation) for rule in examined.selection.rules]
    if said.json:
        _print_json(rules)
    elif not rules:
        print("No rule is about these orders: nothing was read or judged.")
    elif examined is not None:
        print(f"FHIR version: {examined.spoken}")
    for rule in () if said.json else rules:
        print(f"\n{rule['rule']}: {rule['outcome']}")
        for line in rule["conditions"]:
            because = f" because of {', '.join(line['evidence'])}" if line["evidence"] else ""
            because = because or (f" because {'; '.join(line['gaps'])}" if line["gaps"] else "")
            print(f"  {line['where']} {line['condition']}: {line['verdict']}{because}")
    return 0


def _explained(rule: Rule, known: Situation) -> dict[str, Any]:
    lists = [("when", rule.when), ("unless", rule.unless)]
    for number, tier in enumerate(rule.tiers, 1):
        lists += [(f"tier {number} ({tier.indicator}) when", tier.when), (f"tier {number} unless", tier.unless)]
    conditions = [_judged(where, condition, known) for where, listed in lists for condition in listed]
    return {"rule": rule.id, "outcome": _outcome(Outcome.of(find(rule, known))), "conditions": conditions}


def _judged(where: str, condition: Condition, known: Situation) -> dict[str, Any]:
    verdict = judge(condition, known)
    return {
        "where": where,
        "condition": type(condition).__name__,
        "verdict": verdict.truth.value,
        "evidence": list(dict.fromkeys(item.ref for item in verdict.evidence)),
        "gaps": reasons(verdict.gaps, markup=False),
    }


def _outcome(outcome: Outcome) -> str:
    return f"{outcome.expect}, {outcome.indicator}" if outcome.indicator else outcome.expect


def _call(said: Namespace, settings: Settings) -> tuple[HookRequest, Library, datetime]:
    discovery = Discovery.load(settings.discovery)
    try:
        body = orjson.loads(said.request.read_bytes())
    except (OSError, orjson.JSONDecodeError) as problem:
        message = f"{said.request}: {problem}"
        raise Unusable(message) from None
    hook = discovery.hooks.get(ServiceId(said.service)) if said.service else _hook_of(body)
    if hook is None or hook not in discovery.hooks.values():
        message = f"no such service; there are {', '.join(discovery.hooks)}"
        raise Unusable(message)
    try:
        request = read_request(body, hook=hook, strict=settings.strict)
    except UnreadableRequest as unreadable:
        lines = (f"{mistake.path or 'the body'} {mistake.says}" for mistake in unreadable.mistakes)
        raise Unusable("\n".join(lines)) from None
    at = said.at or app.local_time()
    return request, load_library(settings.cards, vocabulary.load(), settings.jurisdiction), at.astimezone(at.tzinfo)


def _hook_of(body: Any) -> str | None:  # noqa: ANN401 (any JSON)
    hook = body.get("hook") if isinstance(body, dict) else None
    return hook if isinstance(hook, str) else None


def _try(said: Namespace, settings: Settings) -> int:
    """The card for each example that shows it, as in the example's own country; one line for the others."""
    file = _card_file(said.card, settings.cards)
    known_countries = read_codelists(file.parent / "codelists").countries
    libraries = {place: load_library(file.parent, vocabulary.load(), place) for place in known_countries}
    data: Any = read_source(file).data
    wrong = 0
    for example in data["examples"]:
        library = libraries[country(example)]
        known = situation(example, Names(library.codelists, library.vocabulary))
        finding = find(library.cards[file.stem].rule, known)
        outcome = Outcome.of(finding)
        as_expected = outcome.meets(example)
        wrong += not as_expected
        expected = Outcome(example["expect"], example.get("indicator"))
        print(
            f"\n--- {example['case']}: {_outcome(outcome)}{'' if as_expected else f'; expected {_outcome(expected)}'}"
        )
        if finding is not None and finding.tier is not None:
            _print_card(_example_card(library, finding, known))
    return 1 if wrong else 0


def _card_file(said: str, cards: Path) -> Path:
    """The card file that an author means by a path or an id."""
    by_path, by_id = Path(said), cards / f"{said}.yaml"
    if by_path.is_file() and by_path.suffix == ".yaml":
        return by_path.resolve()
    if by_id.is_file():
        return by_id
    known = ", ".join(path.stem for path in sorted(cards.glob("*.yaml"))) or "none"
    message = f"`{said}` is no card file (*.yaml) and no id of a card in {cards}; the cards there are: {known}"
    raise Unusable(message)


def _print_card(card: dict[str, Any]) -> None:
    """A card as a person reads it."""
    print(f"\n[{card['indicator']}] {card['summary']}\n\n{card['detail']}")
    for suggestion in card.get("suggestions", ()):
        print(f"  [{suggestion['label']}]{' (recommended)' if suggestion['isRecommended'] else ''}")
    reasons = " / ".join(one["display"] for one in card.get("overrideReasons", ()))
    if reasons:
        print(f"  Override: {reasons}")


def _print_json(value: object) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def _docs(said: Namespace, settings: Settings) -> int:
    """Write the generated reference pages, or say which are out of date."""
    wanted = {DOCS / "settings.md": f"# Settings\n\n{reference()}"}
    wanted |= {DOCS / path: text for path, text in pages.pages(settings.cards, _example_card).items()}
    stale = [path for path, text in wanted.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    stale += _left_over(wanted)
    if said.check:
        print("\n".join(f"{path} is out of date: run `cds-service docs`" for path in stale) or "The pages are current.")
        return 1 if stale else 0
    for path in stale:
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
    return 0


def _left_over(wanted: Iterable[Path]) -> list[Path]:
    """Pages of cards that are no more."""
    return sorted(set((DOCS / "cards").glob("*.md")) - set(wanted))


if __name__ == "__main__":
    sys.exit(main())
