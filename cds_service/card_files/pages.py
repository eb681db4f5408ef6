"""The reference pages for those who review the cards: made from the card files and the schema, never by hand."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cds_service.card_files.cards import Card, Show
from cds_service.card_files.form import MOST_LISTED, MOST_READ, Schema, read_schema, resolved
from cds_service.card_files.loading import load_library
from cds_service.card_files.prose import case, listed, sentence
from cds_service.card_files.words import WORDS
from cds_service.card_files.yaml_source import Source, read_source
from cds_service.drugs import vocabulary

INDEX: Final = Path("cards.md")
CONDITIONS: Final = Path("conditions.md")
CARD_FILE: Final = Path("card-file.md")
TEXT_WORDS: Final = Path("words.md")

_MADE_FROM: Final = "<!-- Made by `cds-service docs` from {source}: change that, not this page. -->"


def pages(folder: Path, jurisdiction: str = "us") -> dict[Path, str]:
    """Every generated page about the cards of a folder, by its path below `docs/reference`.

    Raises:
        BrokenLibrary: the card files have mistakes.
    """
    library = load_library(folder, vocabulary.load(), jurisdiction)
    schema = read_schema(folder)
    cards = sorted(library.cards.values(), key=lambda card: card.id)
    written = {_page_of(card.id): card_page(card, read_source(folder / f"{card.id}.yaml")) for card in cards}
    return {
        INDEX: index_page(cards),
        CARD_FILE: card_file_page(schema),
        CONDITIONS: conditions_page(schema),
        TEXT_WORDS: words_page(),
        **written,
    }


def _page_of(card_id: str) -> Path:
    return Path("cards", f"{card_id}.md")


# One card -------------------------------------------------------------------------------------------------------------


def card_page(card: Card, source: Source) -> str:
    """A card for the committee that approves it: the rule in words, its texts as written, sources, limits, examples."""
    data: Any = source.data
    facts = (str(card.version), card.status, card.topic, card.owner, _reviewed(card))
    blocks = [
        _MADE_FROM.format(source=f"`{card.file}`"),
        f"# {card.id}",
        f"Checks {card.checks}.",
        _table(("Version", "Status", "Topic", "Owner", "Clinical review"), [facts]),
        "Speaks at these moments: " + ", ".join(f"`{hook}`" for hook in data["hooks"]) + ".",
        "## The rule",
        *_rule(card, data),
        "## How urgent",
        *_degrees(card, data),
        "## What the prescriber sees",
        f"Words in braces stand for values of this patient: see [words](../{TEXT_WORDS}).",
        *_texts(card, data),
        "## Sources",
        _sources(card),
        "## Not covered",
        _bullets(card.not_covered) if card.not_covered else "Nothing is named.",
        "## Examples",
        "Every test run judges these cases. What is not said is a complete record with nothing in it.",
        _examples(data["examples"]),
    ]
    return _page(blocks)


def _reviewed(card: Card) -> str:
    return card.reviewed or "**never reviewed by a clinician**"


def _rule(card: Card, data: Mapping[str, Any]) -> Iterator[str]:
    yield "The card is about patients for whom all of this is true:"
    yield _bullets(map(sentence, data["when"]))
    if "unless" in data:
        yield "and none of this:"
        yield _bullets(map(sentence, data["unless"]))
        shows = data.get("if_undecided") == "show"
        then = "the card is shown all the same" if shows else "the prescriber is told that it was not checked"
        yield f"Where it cannot be known whether one of these is true, {then}."
    if card.rule.lowered_on_renewal:
        yield "An unchanged renewal of what already runs lowers the card to information, unless something is new."
    if card.rule.supersedes:
        others = [f"[{other}]({other}.md)" for other in sorted(card.rule.supersedes)]
        yield f"While it is shown, it replaces {listed(others)}, which say less about the same problem."


def _degrees(card: Card, data: Mapping[str, Any]) -> Iterator[str]:
    tiers: Sequence[Mapping[str, Any]] = data.get("tiers", ({},))
    if len(tiers) > 1:
        yield "The first of these degrees that is true decides:"
    degrees = zip(card.rule.tiers, tiers, strict=True)
    yield "\n".join(f"{number}. {_degree(str(tier.indicator), said)}" for number, (tier, said) in enumerate(degrees, 1))
    if "factors" in data:
        yield "Named on the card, where they are true for this patient, without making it more urgent:"
        yield _bullets(f"{sentence(factor['when'])}: “{factor['says']}”" for factor in data["factors"])


def _degree(indicator: str, tier: Mapping[str, Any]) -> str:
    when = " and ".join(map(sentence, tier.get("when", ())))
    unless = "; or ".join(map(sentence, tier.get("unless", ())))
    return f"**{indicator}**{f' when {when}' if when else ''}{f', unless {unless}' if unless else ''}."


def _texts(card: Card, data: Mapping[str, Any]) -> Iterator[str]:
    tiers: Sequence[Mapping[str, Any]] = data.get("tiers", ({},))
    common = [number for number, tier in enumerate(tiers, 1) if "show" not in tier]
    for number, (show, said) in enumerate(zip(card.shows, tiers, strict=True), 1):
        if "show" in said:
            yield f"### {_heading(card, [number])}"
            yield from _show(show)
        elif number == common[0]:
            yield f"### {_heading(card, common)}"
            yield from _show(show)
    if card.override_reasons:
        reasons = ", ".join(f"`{reason}`" for reason in card.override_reasons)
        yield f"Reasons a prescriber may give for not following it: {reasons}."


def _heading(card: Card, degrees: Sequence[int]) -> str:
    indicators = dict.fromkeys(str(card.rule.tiers[number - 1].indicator) for number in degrees)
    numbers = listed([str(number) for number in degrees])
    return f"{'Degrees' if len(degrees) > 1 else 'Degree'} {numbers}: {', '.join(indicators)}"


def _show(show: Show) -> Iterator[str]:
    yield _quote(f"**{show.summary}**\n\n{show.detail}")
    if show.suggest:
        yield f"Suggestions ({'any number of them' if show.choose == 'any' else 'one of them at most'}):"
        yield _bullets(f"{one.label}{' (recommended)' if one.recommended else ''}" for one in show.suggest)
    else:
        yield "No suggestions."
    if show.renewal_summary:
        yield "On an unchanged renewal:"
        yield _quote(f"**{show.renewal_summary}**\n\n{show.renewal_detail or show.detail}")


def _sources(card: Card) -> str:
    rows = (
        (
            claim.fact or "",
            claim.says,
            f"[{claim.source}]({claim.url})" if claim.url else claim.source,
            "yes" if claim.confirmed else "**no**",
        )
        for claim in card.because
    )
    return _table(("Fact", "Statement", "Source", "Confirmed in the document"), rows)


def _examples(examples: Iterable[Mapping[str, Any]]) -> str:
    return _table(("Case", "Given", "The card is"), ((one["case"], case(one), _expected(one)) for one in examples))


def _expected(example: Mapping[str, Any]) -> str:
    return ", ".join(str(example[word]) for word in ("expect", "indicator") if word in example)


# All cards ------------------------------------------------------------------------------------------------------------


def index_page(cards: Iterable[Card]) -> str:
    """All cards in one table."""
    rows = (
        (
            f"[{card.id}]({_page_of(card.id).as_posix()})",
            card.status,
            card.topic,
            ", ".join(dict.fromkeys(tier.indicator for tier in card.rule.tiers)),
            ", ".join(sorted(card.hooks)),
            _reviewed(card),
        )
        for card in cards
    )
    table = _table(("Card", "Status", "Topic", "Indicators", "Hooks", "Clinical review"), rows)
    return _page([_MADE_FROM.format(source="the card files"), "# Cards", table])


# The language ---------------------------------------------------------------------------------------------------------


def card_file_page(schema: Schema) -> str:
    """Every field of a card file."""
    blocks = [
        _MADE_FROM.format(source="`cards/card.schema.json`"),
        "# Fields of a card file",
        str(schema["description"]),
        _fields(schema, schema),
    ]
    for name in (*_PARTS, *_PARTS_OF_EXAMPLES):
        part = schema["$defs"][name]
        blocks += [f"## {_capital(part['title'])}", part.get("description", ""), _fields(part, schema)]
    blocks += ["## Suggestions"]
    for branch in schema["$defs"]["suggestion"]["anyOf"]:
        part = resolved(branch, schema)
        blocks += [f"- {_code(part['examples'][0])}: {part['description']}"]
    buttons = schema["$defs"]["suggest-order"]
    common = {name: buttons["properties"][name] for name in ("label", "recommended")}
    blocks += ["Each of them also has:", _fields({**buttons, "properties": common}, schema)]
    for name in ("hook", "indicator", "override-reason"):
        part = schema["$defs"][name]
        blocks += [f"## {_capital(part['title'])}s", part["description"], _choices(part)]
    return _page(blocks)


_PARTS: Final = ("tier", "show", "factor", "claim")
_PARTS_OF_EXAMPLES: Final = (
    "example",
    "example-medicine-details",
    "example-result",
    "example-condition",
    "example-allergy",
)


def conditions_page(schema: Schema) -> str:
    """Every kind of condition that `when` and `unless` can have, and how amounts are written."""
    blocks = [
        _MADE_FROM.format(source="`cards/card.schema.json`"),
        "# Conditions",
        "A line of `when` or `unless` is one of these. The lines of `when` must all hold, and none of `unless`.",
        "What the record does not show is neither true nor false: it is unknown, and the prescriber is told.",
    ]
    for branch in schema["$defs"]["condition"]["anyOf"]:
        part = resolved(branch, schema)
        examples = "\n".join(f"- {_flow(example)}" for example in part["examples"])
        blocks += [f"## `{part['required'][0]}`: {part['title']}", part["description"]]
        blocks += [f"```yaml\n{examples}\n```", _fields(part, schema)]
    blocks += ["# How names and amounts are written"]
    for name in ("medicine-name", "medicine-names", "route", "tests", "problem", *_AMOUNTS):
        part = schema["$defs"][name]
        blocks += [f"## {_capital(part['title'])}", part["description"]]
        if "enum" in part:
            blocks += [_choices(part)]
        elif "examples" in part:
            blocks += ["For example " + ", ".join(_code(example) for example in part["examples"]) + "."]
    return _page(blocks)


_AMOUNTS: Final = ("duration", "compared-duration", "compared-age", "daily-dose", "times-uln", "lab-amount")


def words_page() -> str:
    """The words in braces that texts may use."""
    blocks = [
        _MADE_FROM.format(source="`cds_service/card_files/words.py`"),
        "# Words",
        "Summaries, details and labels may use these words in braces. Each is replaced by a value of this patient.",
        "A capital first letter, as in `{Pair}`, asks for one in the answer.",
        _table(("Word", "What it says"), ((f"`{{{word}}}`", meaning) for word, meaning in WORDS.items())),
    ]
    return _page(blocks)


def _fields(part: Schema, schema: Schema) -> str:
    needed = part.get("required", ())
    rows = (
        (f"`{name}`", "yes" if name in needed else "", _explained(inner, part, schema))
        for name, inner in part["properties"].items()
    )
    return _table(("Field", "Needed", "Meaning"), rows)


def _explained(inner: Schema, part: Schema, schema: Schema) -> str:
    definition = resolved(inner, schema)
    general = str(definition.get("description", ""))
    own = str(inner.get("description", general))
    says = general if own == part.get("description") else own  # the field that names a condition explains all of it
    words = inner.get("items", inner)
    if "enumDescriptions" in words:  # explained nowhere else
        says += " " + _meanings(words)
    elif "enum" in definition and len(definition["enum"]) <= (MOST_READ if "enum" in inner else MOST_LISTED):
        says += f" One of {', '.join(f'`{word}`' for word in definition['enum'])}."
    return says.strip()


def _meanings(part: Schema) -> str:
    pairs = zip(part["enum"], part["enumDescriptions"], strict=True)
    return " ".join(f"`{word}`: {meaning[:1].lower()}{meaning[1:]}" for word, meaning in pairs)


def _choices(part: Schema) -> str:
    rows = zip((f"`{word}`" for word in part["enum"]), part["enumDescriptions"], strict=True)
    return _table(("Word", "Meaning"), rows)


# Markdown -------------------------------------------------------------------------------------------------------------


def _page(blocks: Iterable[str]) -> str:
    return "\n\n".join(block for block in blocks if block) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _bullets(texts: Iterable[str]) -> str:
    return "\n".join(f"- {text}" for text in texts)


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _code(value: object) -> str:
    return f"`{_flow(value)}`"


def _flow(value: object) -> str:
    """A value as card files write it on one line."""
    match value:
        case dict():
            return "{" + ", ".join(f"{key}: {_flow(inner)}" for key, inner in value.items()) + "}"
        case list():
            return "[" + ", ".join(_flow(inner) for inner in value) + "]"
        case str() if any(mark in value for mark in "{}[],:#"):
            return json.dumps(value, ensure_ascii=False)
        case _:
            return str(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
