"""Whether the service lasts: `make soak`.

For a minute, thirty-two connections of one known EHR sign orders, open charts and send feedback, each call with a
token of its own (ES384), in production mode with several workers; one call in a hundred is hostile. Then the service
is stopped, and what it kept is compared with what it answered. Demanded, each checked by its name in `judge`:

- no answer is a 5xx, and each is one that is right for what was asked;
- no worker died, none wrote of a failure, and no token is in the log;
- memory is flat after a warm-up (in runs of half a minute and more: a shorter one is all warm-up);
- hardly anything that all processes should know, such as used tokens, was decided by one of them alone;
- what a busy store did not take at once, and waits in files, comes to it at the next start;
- every feedback that was answered with 200 is in the store, once;
- every call of a service that was answered has its audit record, or is counted as lost, and there is no other;
- the service stops within ten seconds.
"""

import argparse
import json
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final
from uuid import uuid4

from benchmarks import hostile
from benchmarks.ehr import DISCOVERY, TENANTS, Ehr, Got, Json, Line, Sent, dumped, posted
from benchmarks.production import STOPS_WITHIN, DoesNotServe, Service, served, served_again
from benchmarks.requests import order_sign

FIXTURES: Final = Path(__file__).parents[1] / "fixtures"
CONCURRENCY: Final = 32
HOSTILE: Final = 0.01  # of all calls
DISCOVERIES: Final = 0.01
FEEDBACK: Final = 0.2
AGAIN: Final = 0.1  # of feedback is sent twice: EHRs do that
SERVER_ERROR: Final = 500
UNAUTHORIZED: Final = 401
OK: Final = 200

COUNTED: Final = ("spilled", "lost", "unshared")  # of `cds_audit_*_total` in /metrics
UNSHARED: Final = 0.01  # of all requests
COUNTED_EVERY: Final = 1.5  # seconds
LOADED_WITHIN: Final = 20  # seconds
JUDGED_FROM: Final = 30  # seconds; shorter runs say nothing about memory
WARM: Final = 0.4  # of the run; caches fill in that time
LAST: Final = 0.85  # of the run, from which the end is measured
GROWTH_KB: Final = 8 * 1024  # for each process, beside
GROWTH: Final = 0.05  # of what it had when it was warm

Entry = tuple[str, str, str]
"""A feedback: card, outcome, moment."""


@dataclass
class Tally:
    """What came back.

    Attributes:
        answers: how many, by what was asked and status; "no answer" is 0.
        calls: how many POSTs to an existing service's address were answered, by status.
        unanswered: how many of them were broken off by us, and may have been counted by the service or not.
        told: the feedback that was answered with 200, with how often it was sent.
        wrong: what should not have been, with how often.
        reopened: how often a connection had been hung up in between, which is no mistake.
    """

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    told: Counter[Entry] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    took_ms: list[float] = field(default_factory=list)
    reopened: int = 0

    def add(self, other: "Tally") -> None:
        """Count another's, too."""
        self.answers += other.answers
        self.calls += other.calls
        self.unanswered += other.unanswered
        self.told += other.told
        self.wrong += other.wrong
        self.took_ms += other.took_ms
        self.reopened += other.reopened


@dataclass(frozen=True)
class Memory:
    """The memory of the service's processes, in kB by process id, with the second of the run."""

    at: float
    resident_kb: dict[int, int]


class Desk(Thread):
    """One connection of the EHR, from the first second to the last."""

    def __init__(self, number: int, ehr: Ehr, port: int, bodies: Sequence[Json], until: float) -> None:
        """With a random of its own: the same desk asks for the same things in every run."""
        super().__init__(daemon=True)
        self.tally = Tally()
        self._random = random.Random(number)  # noqa: S311 - a choice of examples
        self._ehr = ehr
        self._line = Line(port)
        self._bodies = bodies
        self._until = until
        self._asked = "nothing yet"
        self._shown: list[tuple[str, Json]] = []  # (the service's address, a card of its)

    def run(self) -> None:
        """Ask until the time is over; what cannot happen is counted as wrong, and ends nothing."""
        while time.monotonic() < self._until:
            try:
                self._ask()
            except Exception as problem:  # noqa: BLE001 - whatever it is, it is a finding
                self.tally.wrong[f"{self._asked}: {type(problem).__name__} instead of an answer"] += 1
                self._line.close()
        self._line.close()
        self.tally.reopened = self._line.reopened

    def _ask(self) -> None:
        dice = self._random.random()
        if dice < HOSTILE:
            self._attack(hostile.choose(self._random))
        elif dice < HOSTILE + DISCOVERIES:
            sent = Sent(DISCOVERY, {"Authorization": f"Bearer {self._ehr.token(DISCOVERY)}"}, None)
            self._send("discovery", sent, frozenset({OK}))
        elif dice < HOSTILE + DISCOVERIES + FEEDBACK and self._shown:
            self._tell()
        else:
            self._call()

    def _call(self) -> None:
        body = self._random.choice(self._bodies)
        path = f"{DISCOVERY}/medication-safety-{body['hook']}"
        own = dumped(body | {"hookInstance": str(uuid4())})
        got = self._send(body["hook"], posted(path, self._ehr.token(path), own), frozenset({OK}))
        if got.status == OK:
            self.tally.took_ms.append(got.took_ms)
            cards = json.loads(got.body)["cards"]
            self._shown = [*self._shown, *((path, card) for card in cards)][-100:]

    def _tell(self) -> None:
        path, first = self._shown.pop(self._random.randrange(len(self._shown)))
        others = [card for where, card in self._shown if where == path][: self._random.randrange(3)]
        self._shown = [one for one in self._shown if one[1] not in others]
        entries = [self._entry(card) for card in (first, *others)]
        for _ in range(2 if self._random.random() < AGAIN else 1):
            to = f"{path}/feedback"
            sent = posted(to, self._ehr.token(to), dumped({"feedback": entries}))
            if self._send("feedback", sent, frozenset({OK})).status == OK:
                self.tally.told.update((one["card"], one["outcome"], one["outcomeTimestamp"]) for one in entries)

    def _entry(self, card: Json) -> Json:
        at = datetime.now(tz=UTC) - timedelta(microseconds=self._random.randrange(10**6))
        entry: Json = {"card": card["uuid"], "outcomeTimestamp": at.isoformat(timespec="milliseconds")}
        accepted = [{"id": one["uuid"]} for one in card.get("suggestions", ())]
        if accepted and self._random.random() < 1 / 2:
            return entry | {"outcome": "accepted", "acceptedSuggestions": accepted[:1]}
        reasons = card.get("overrideReasons", ())
        why = {"reason": self._random.choice(reasons)} if reasons else {}
        return entry | {"outcome": "overridden", "overrideReason": why | {"userComment": "seen with the patient"}}

    def _attack(self, attack: hostile.Attack) -> None:
        sent = attack.make(self._ehr, dumped(self._random.choice(self._bodies)))
        self._send(f"hostile: {attack.name}", sent, attack.answers)

    def _send(self, what: str, sent: Sent, right: frozenset[int]) -> Got:
        self._asked = f"{what}, after {self._asked.partition(', after ')[0]}"
        got = self._line.send(sent)
        self.tally.answers[what, got.status] += 1
        if got.status not in right:
            self.tally.wrong[f"{what}: {got.status or 'no answer'}"] += 1
        if sent.body is not None and not sent.path.endswith("/feedback"):
            if got.status == UNAUTHORIZED:
                pass  # strangers leave no audit record
            elif got.status:
                self.tally.calls[got.status] += 1
            else:
                self.tally.unanswered += 1
        return got


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it, print a short table, and say what failed; 1 when something did."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description="Whether the service lasts.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--workers", type=int, default=max(2, min(4, os.cpu_count() or 2)))
    parser.add_argument("--concurrency", type=int, default=CONCURRENCY)
    said = parser.parse_args(arguments)
    with TemporaryDirectory() as folder:
        try:
            failed = soak(Path(folder), said.seconds, said.workers, said.concurrency)
        except DoesNotServe as nothing:
            failed = [f"the service does not serve: {nothing}"]
    print("\n".join(f"FAILED: {line}" for line in failed) or "It lasts.")
    return 1 if failed else 0


def soak(folder: Path, seconds: int, workers: int, concurrency: int) -> list[str]:
    """Load a service of its own, in an empty folder, and compare; what failed, one line each."""
    ehr = Ehr.new()
    bodies = requests()
    with served(folder, ehr, workers=workers) as service:
        tally = Tally()
        first = Line(service.port).send(hostile.first_use(ehr, dumped(bodies[0])))
        tally.calls[first.status] += 1
        until = time.monotonic() + seconds
        wards = [replace(ehr, tenant=tenant) for tenant in TENANTS]
        desks = [Desk(n, wards[n % len(wards)], service.port, bodies, until) for n in range(concurrency)]
        for desk in desks:
            desk.start()
        memory = list(_watch(service, seconds))
        for desk in desks:
            desk.join()
            tally.add(desk.tally)
        alive = service.process.poll() is None
        counts = _counts(service) if alive else Counter()
        took = service.stop() if alive else 0.0
        show(tally, memory, seconds, workers, concurrency)
        print(f"  stopped within {took:.1f} s")
        print("  the store by its own account: " + ", ".join(f"{name} {counts[name]}" for name in COUNTED))
        failed = [] if alive else ["the service ended by itself"]
        failed += judge(tally, memory, seconds)
        failed += judge_log(service.log.read_bytes())
        if counts["unshared"] > UNSHARED * tally.answers.total():
            failed.append(f"{counts['unshared']} times one process alone decided whether a token was used before")
        failed += _load_the_rest(service)
        failed += judge_store(tally, _exported(service, "evaluations"), _exported(service, "feedback"), counts["lost"])
        if took > STOPS_WITHIN:
            failed.append(f"it took {took:.1f} s to stop")
        return failed


def requests() -> tuple[Json, ...]:
    """What is asked: every scenario in every version it comes in, and the ordinary patients of the benchmark."""
    fixtures: Iterable[Any] = (json.loads(path.read_bytes()) for path in sorted(FIXTURES.glob("*/request.*.json")))
    ordinary = (
        order_sign(),
        order_sign(("314076", "lisinopril 10 MG Oral Tablet")),
        order_sign(("308182", "amoxicillin 250 MG Oral Capsule"), times=3),
    )
    return (*ordinary, *fixtures)


def judge(tally: Tally, memory: Sequence[Memory], seconds: int) -> list[str]:
    """What failed of the answers and the memory."""
    failed = [f"{what} ({count} times)" for what, count in sorted(tally.wrong.items())]
    errors = sum(count for (_, status), count in tally.answers.items() if status >= SERVER_ERROR)
    if errors:
        failed.append(f"{errors} answers were 5xx")
    if not tally.told:
        failed.append("no feedback was taken")
    if {pid for one in memory for pid in one.resident_kb} - set(memory[-1].resident_kb):
        failed.append("a process died")
    if seconds >= JUDGED_FROM:
        warm, last = phases(memory, seconds)
        failed += [
            f"process {pid} grew from {warm[pid] // 1024} to {now // 1024} MB"
            for pid, now in last.items()
            if now > warm.get(pid, 0) * (1 + GROWTH) + GROWTH_KB
        ]
    return failed


def phases(memory: Sequence[Memory], seconds: int) -> tuple[dict[int, int], dict[int, int]]:
    """The memory of each process, in kB, after the warm-up and at the end: medians, since it breathes."""
    warm = [one.resident_kb for one in memory if WARM * seconds <= one.at < (WARM + 1 - LAST) * seconds]
    last = [one.resident_kb for one in memory if one.at >= LAST * seconds]
    return _medians(warm), _medians(last)


def judge_log(log: bytes) -> list[str]:
    """What failed by the service's own account, and what should not be in it."""
    failed = []
    if failures := log.count(b'"event":"failed"') + log.count(b"Traceback"):
        failed.append(f"the log tells of {failures} failures")
    if b"Killing" in log:  # Granian's word
        failed.append("a worker did not stop in time and was killed")
    if b"eyJ" in log:
        failed.append("a token is in the log")
    return failed


def judge_store(tally: Tally, evaluations: Sequence[Json], feedback: Sequence[Json], lost: int = 0) -> list[str]:
    """What was answered and is not in the store, or is in it and was not.

    Args:
        tally: what was answered.
        evaluations: the audit records, as they are exported.
        feedback: its entries, as they are exported.
        lost: how many audit records the service says that it lost.
    """
    kept = Counter((one["uuid"], one["outcome"], _moment(one["at"])) for one in feedback)
    told = {(card, outcome, _moment(at)) for card, outcome, at in tally.told}
    failed = []
    if forgotten := told - set(kept):
        failed.append(
            f"{len(forgotten)} of {len(told)} feedback entries that were answered with 200 are not in the store"
        )
    if twice := sum(count > 1 for count in kept.values()):
        failed.append(f"{twice} feedback entries are in the store more than once")
    if strange := sum(not one["known"] for one in feedback):
        failed.append(f"{strange} feedback entries are about cards of which there is no audit record")
    audited = Counter(one["status"] for one in evaluations)
    missing = tally.calls - audited
    extra = audited - tally.calls
    if missing.total() > lost:
        failed.append(f"answered calls without an audit record, by status: {dict(missing)}")
    if extra.total() > tally.unanswered:
        failed.append(f"audit records without an answered call, by status: {dict(extra)}")
    return failed


def show(tally: Tally, memory: Sequence[Memory], seconds: int, workers: int, concurrency: int) -> None:
    """The table."""
    total = tally.answers.total()
    print(f"{seconds} s, {concurrency} connections, {workers} workers; the load shares the machine with the service")
    print(
        f"{total} requests, {total / seconds:.0f}/s; {len(tally.told)} feedback entries taken; "
        f"{tally.reopened} connections reopened"
    )
    groups: Counter[tuple[str, int]] = Counter()
    for (what, status), count in tally.answers.items():
        groups["hostile" if what.startswith("hostile") else what, status] += count
    for (what, status), count in sorted(groups.items()):
        print(f"  {what:24} {status or 'none'}  {count:8}")
    took = sorted(tally.took_ms)
    if took:
        print(f"  calls: median {median(took):.1f} ms, 99 of 100 within {took[int(len(took) * 0.99)]:.1f} ms")
    warm, last = phases(memory, seconds)
    for pid, now in last.items():
        print(f"  process {pid}: {warm.get(pid, 0) / 1024:.0f} MB when warm, {now / 1024:.0f} MB at the end")


def _watch(service: Service, seconds: int) -> Iterable[Memory]:
    """The memory, some times a second, for so many seconds."""
    began = time.monotonic()
    while (now := time.monotonic() - began) < seconds:
        yield Memory(now, service.resident_kb())
        time.sleep(0.5)


def _medians(samples: Sequence[dict[int, int]]) -> dict[int, int]:
    pids = {pid for one in samples for pid in one}
    return {pid: int(median(one[pid] for one in samples if pid in one)) for pid in sorted(pids)}


def _counts(service: Service) -> Counter[str]:
    """How the store fares, as whoever runs the service would see it.

    Raises:
        DoesNotServe: it does not tell.
    """
    time.sleep(COUNTED_EVERY)  # the processes other than the one that is asked
    got = Line(service.port).send(Sent("/metrics", {}, None))
    if got.status != OK:
        message = f"/metrics: {got.status}"
        raise DoesNotServe(message)
    values = dict(line.rsplit(" ", 1) for line in got.body.decode().splitlines() if not line.startswith("#"))
    return Counter({name: int(float(values[f"cds_audit_{name}_total"])) for name in COUNTED})


def _load_the_rest(service: Service) -> list[str]:
    """Start it once more if it left records in files, for as long as it needs to load them; what failed."""
    waiting = sum(path.read_bytes().count(b"\n") for path in service.left_over)
    if not waiting:
        return []
    print(f"  {waiting} records waited in files when it stopped; it is started once more")
    with served_again(service) as again:
        until = time.monotonic() + LOADED_WITHIN
        while again.left_over and time.monotonic() < until:
            time.sleep(0.1)
        again.stop()
    left = len(service.left_over)
    return [f"{left} files with records are not loaded {LOADED_WITHIN} s after the next start"] if left else []


def _exported(service: Service, what: str) -> list[Json]:
    """All of it that the store has."""
    lines = service.command("store", "export", what, "--format", "ndjson").splitlines()
    return [json.loads(line) for line in lines]


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
