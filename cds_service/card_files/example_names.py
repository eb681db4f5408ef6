"""Whether the names in the examples of a card file are names that we know."""

from collections.abc import Callable, Iterator
from typing import Any, Final, TypeAlias

from cds_service.card_files.mistakes import Mistake
from cds_service.card_files.sentences import Names, WrongWord
from cds_service.card_files.yaml_source import Place, Source

Named: TypeAlias = tuple[Place, Callable[[Any], object], Any]  # where a name stands, what looks it up, and the name

MEDICINES: Final = ("ordering", "stopping", "taking")


def mistakes_in_examples(source: Source, names: Names) -> list[Mistake]:
    """Every name in the examples that is neither in the code lists nor in the vocabulary."""
    data: Any = source.data
    found = []
    for index, example in enumerate(data["examples"]):
        for place, look_up, said in _named(example, names):
            try:
                look_up(said)
            except WrongWord as wrong:
                found.append(Mistake(source.file, source.line(("examples", index, *place)), str(wrong)))
    return found


def _named(example: Any, names: Names) -> Iterator[Named]:  # noqa: ANN401 (its form is right)
    for field in MEDICINES:
        for at, said in enumerate(example.get(field, ())):
            yield (field, at), names.medicine, said if isinstance(said, str) else said["medicine"]
            if "for" in said and not isinstance(said, str):
                yield (field, at, "for"), names.problem, said["for"]
    for at, said in enumerate(example.get("results", ())):
        yield ("results", at, "test"), names.tests, said["test"]
    for at, said in enumerate(example.get("pending", ())):
        yield ("pending", at), names.tests, said if isinstance(said, str) else said["test"]
    for at, said in enumerate(example.get("conditions", ())):
        yield ("conditions", at), names.problem, said if isinstance(said, str) else said["condition"]
    for at, said in enumerate(example.get("allergies", ())):
        yield ("allergies", at), names.medicine, said if isinstance(said, str) else said["medicine"]
