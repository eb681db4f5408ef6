"""Whether the tests notice when a rule changes: `make mutation`.

Each mutant is the rules with one small change: `<` for `<=`, `and` for `or`, one condition less. The tests must
fail; a mutant that survives is a line that no test holds in place, or a change that changes nothing.

Our own few lines, because no library fits. mutmut (3.8) leaves out every decorated function and all that stands
outside of functions: here that is most of therapy.py, and the sets of states. cosmic-ray (8.4) writes its mutants
into the working tree and starts Python anew for each, four times as long. This changes no file: every mutant is a
fork of a process that has the libraries in memory, and takes its one module from a changed syntax tree.
"""

import argparse
import ast
import contextlib
import importlib
import importlib.machinery
import importlib.util
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from types import CodeType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
MUTATED: Final = ROOT / "cds_service" / "rules"
TESTS: Final = (("tests/unit/rules", "tests/unit/clinical"), ("tests/cards",))  # the quick ones first
QUIETLY: Final = ("-x", "-q", "--tb=no", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")
LIBRARIES: Final = ("pytest", "hypothesis", "flask", "jsonschema", "jsonschema_rs", "orjson", "requests", "ruamel.yaml")
SAMPLE: Final = 500
SEED: Final = 20261122
WANTED: Final = 0.90
TIMEOUT_S: Final = 60

COMPARISONS: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
SIDES: Final = ((ast.Add, ast.Sub), (ast.BitOr, ast.BitAnd))
PAIRS: Final = (
    ("first", "last"),
    ("least", "most"),
    ("min", "max"),
    ("any", "all"),
    ("any_of", "all_of"),
    ("WARNING", "INFO"),
)
NAMES: Final = {
    **{one: other for pair in PAIRS for one, other in (pair, pair[::-1])},
    "HOLDS": "FAILS",
    "FAILS": "UNKNOWN",
    "UNKNOWN": "HOLDS",
    "_HOLDS": "_FAILS",
    "_FAILS": "_HOLDS",
    "CRITICAL": "WARNING",
}
ONLY_FOR_TYPES: Final = frozenset({"TypeVar", "assert_never"})


@dataclass(frozen=True)
class Mutant:
    """One change of one module: the `change`th of those that the `node`th node of its tree allows."""

    path: Path
    node: int
    change: int
    line: int
    says: str

    @property
    def module(self) -> str:
        """The name it is imported by."""
        return ".".join(self.path.relative_to(ROOT).with_suffix("").parts)

    def code(self) -> CodeType:
        """The module with this change."""
        tree = ast.parse(self.path.read_text(encoding="utf-8"))
        target = reached(tree)[self.node]
        _, changed = list(changes(target))[self.change]
        swapped = Swap(target, changed).visit(tree)
        return compile(ast.fix_missing_locations(swapped), str(self.path), "exec")


class Swap(ast.NodeTransformer):
    """Puts one node in the place of another."""

    def __init__(self, target: ast.AST, changed: ast.AST) -> None:
        """Of the tree it will visit, `target` becomes `changed`."""
        self.target, self.changed = target, changed

    def visit(self, node: ast.AST) -> ast.AST:
        """The node, or what takes its place."""
        if node is self.target:
            return ast.copy_location(self.changed, node) if hasattr(node, "lineno") else self.changed
        return self.generic_visit(node)


def reached(tree: ast.Module) -> list[ast.AST]:
    """The nodes that run, in a fixed order: without docstrings, annotations, decorators and type aliases."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if not is_only_for_types(node):
            found.append(node)
            waiting += children(node)
    return found


def is_only_for_types(node: ast.AST) -> bool:
    """Whether the node is there for mypy: it does nothing when it runs."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Name(id=name))) | ast.Assign(value=ast.Call(func=ast.Name(id=name))):
            return name in ONLY_FOR_TYPES
        case ast.AnnAssign(annotation=ast.Name(id="TypeAlias")) | ast.AnnAssign(value=None):
            return True
        case _:
            return False


def children(node: ast.AST) -> list[ast.AST]:
    """The parts of a node that run."""
    match node:
        case ast.FunctionDef():
            return [*node.args.defaults, *(each for each in node.args.kw_defaults if each), *node.body]
        case ast.ClassDef():
            return list(node.body)
        case ast.AnnAssign(value=ast.expr()):
            return [node.value]
        case ast.Call(func=ast.Name(id="cast")):
            return node.args[1:]
        case ast.Expr(value=ast.Constant()) | ast.Import() | ast.ImportFrom():
            return []
        case _:
            return list(ast.iter_child_nodes(node))


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:  # noqa: C901, PLR0912 (one case per kind of change)
    """What may stand in the place of a node, each with what it says."""
    match node:
        case ast.Compare():
            for at, operator in enumerate(node.ops):
                for other in COMPARISONS[type(operator)]:
                    yield changed(node, ops=[*node.ops[:at], other(), *node.ops[at + 1 :]])
        case ast.BoolOp():
            yield changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
            for at in range(len(node.values)):
                yield changed(node, values=[*node.values[:at], *node.values[at + 1 :]])
        case ast.UnaryOp(op=ast.Not()):
            yield instead(node, node.operand)
        case ast.IfExp() | ast.If():
            yield instead(node.test, ast.UnaryOp(ast.Not(), node.test), changed(node, test=negated(node.test))[1])
        case ast.comprehension():
            for at in range(len(node.ifs)):
                _, less = changed(node, ifs=[*node.ifs[:at], *node.ifs[at + 1 :]])
                yield f"without `if {ast.unparse(node.ifs[at])}`", less
        case ast.BinOp():
            for one, other in (pair for sides in SIDES for pair in (sides, sides[::-1])):
                if isinstance(node.op, one):
                    yield changed(node, op=other())
            yield instead(node, node.left)
            if not isinstance(node.op, ast.Sub):
                yield instead(node, node.right)
        case ast.Constant(value=bool()):
            yield instead(node, ast.Constant(not node.value))
        case ast.Constant(value=int() | str()):
            yield instead(node, ast.Constant(node.value + (1 if isinstance(node.value, int) else "~")))
        case ast.Name() if node.id in NAMES and isinstance(node.ctx, ast.Load):
            yield changed(node, id=NAMES[node.id])
        case ast.Attribute() if node.attr in NAMES:
            yield changed(node, attr=NAMES[node.attr])
        case ast.Call() if node.keywords:
            for at in range(len(node.keywords)):
                yield changed(node, keywords=[*node.keywords[:at], *node.keywords[at + 1 :]])
        case ast.Set():
            for at in range(len(node.elts)):
                yield changed(node, elts=[*node.elts[:at], *node.elts[at + 1 :]])
        case ast.Return(value=ast.expr()) if ast.unparse(node.value) != "None":
            yield instead(node, ast.Return(ast.Constant(None)))
        case ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield instead(node, ast.Pass())


def negated(test: ast.expr) -> ast.expr:
    """The opposite of a condition."""
    return ast.UnaryOp(ast.Not(), test)


def changed(node: ast.AST, **parts: object) -> tuple[str, ast.AST]:
    """A copy of the node with other parts."""
    other = copy(node)
    for name, part in parts.items():
        setattr(other, name, part)
    return instead(node, other)


def instead(node: ast.AST, other: ast.AST, whole: ast.AST | None = None) -> tuple[str, ast.AST]:
    """What the change says; `whole` takes the place of the node when only a part of it is to be said."""
    return f"`{spelled(node)}` -> `{spelled(other)}`", whole or other


def spelled(node: ast.AST) -> str:
    """The code of a node on one line, not too long."""
    said = " ".join(ast.unparse(ast.fix_missing_locations(node)).split())
    return said if len(said) <= 90 else f"{said[:87]}..."  # noqa: PLR2004 (a line of the terminal)


def mutants() -> list[Mutant]:
    """Every change of every module."""
    found = []
    for path in sorted(MUTATED.glob("*.py")):
        line = 1
        for at, node in enumerate(reached(ast.parse(path.read_text(encoding="utf-8")))):
            line = getattr(node, "lineno", line)
            found += [Mutant(path, at, number, line, says) for number, (says, _) in enumerate(changes(node))]
    return found


class Changed(importlib.machinery.SourceFileLoader):
    """Loads one module with its change, and finds no other."""

    def __init__(self, mutant: Mutant) -> None:
        """Of all modules, this one is the mutant's."""
        super().__init__(mutant.module, str(mutant.path))
        self.mutant = mutant

    def find_spec(self, name: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        """How the changed module is loaded; None for every other."""
        if name != self.mutant.module:
            return None
        return importlib.util.spec_from_file_location(name, self.mutant.path, loader=self)

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002 (it knows only one)
        """The changed module, never its cached bytecode."""
        return self.mutant.code()


def start(mutant: Mutant | None) -> int:
    """Run the tests against a mutant in a process of its own: its number."""
    process = os.fork()
    if process:
        return process
    signal.alarm(TIMEOUT_S)  # a mutant that never ends is noticed too
    with contextlib.suppress(BaseException):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        if mutant is not None:
            sys.meta_path.insert(0, Changed(mutant))
        pytest = importlib.import_module("pytest")
        os._exit(any(pytest.main([*QUIETLY, *tests]) for tests in TESTS))
    os._exit(1)


def survivors(sample: list[Mutant], workers: int) -> list[Mutant]:
    """The mutants that no test notices."""
    running: dict[int, Mutant] = {}
    survived = []
    for done, mutant in enumerate([*sample, *[None] * workers]):
        if len(running) == workers or (mutant is None and running):
            process, status = os.wait()
            ended = running.pop(process)
            if status == 0:
                survived.append(ended)
        if mutant is not None:
            running[start(mutant)] = mutant
        if sys.stderr.isatty():
            print(f"\r{done}/{len(sample)} mutants, {len(survived)} survived ", end="", file=sys.stderr, flush=True)
    return sorted(survived, key=lambda mutant: (mutant.path, mutant.line))


def main() -> int:
    """Print the share of mutants that the tests notice, and those they do not."""
    asked = argparse.ArgumentParser(prog="benchmarks.mutation", description=__doc__.splitlines()[0])
    asked.add_argument("--sample", type=int, default=SAMPLE, help="how many mutants; 0 for all of them")
    asked.add_argument("--only", default="", help="only mutants of the module of this name, e.g. therapy")
    options = asked.parse_args()
    os.chdir(ROOT)
    for name in LIBRARIES:
        importlib.import_module(name)
    if os.waitpid(start(None), 0)[1]:
        print(f"the tests must pass before they can notice anything: pytest {' '.join(sum(TESTS, ()))}")
        return 2
    every = [mutant for mutant in mutants() if options.only in mutant.path.stem]
    size = min(options.sample or len(every), len(every))
    sample = random.Random(SEED).sample(every, size)  # noqa: S311 (the same mutants in every run)
    began = time.monotonic()
    survived = survivors(sample, os.cpu_count() or 1)
    noticed = 1 - len(survived) / max(size, 1)
    print(f"{noticed:.1%} of {size} mutants (of {len(every)}) noticed, in {time.monotonic() - began:.0f} s")
    for mutant in survived:
        print(f"  {mutant.path.relative_to(ROOT)}:{mutant.line}: {mutant.says}")
    if noticed < WANTED:
        print(f"wanted: {WANTED:.0%}")
    return int(noticed < WANTED)


if __name__ == "__main__":
    sys.exit(main())
