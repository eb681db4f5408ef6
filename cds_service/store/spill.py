"""Where records wait that the database does not take: files that only grow, a line a record.

A process has its own file, and a lock on it that the kernel takes away when the process ends, however it ends. So
whoever gets the lock may load the file: its owner is gone, or is himself.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias
from uuid import uuid4

from cds_service.store.rows import Rows, UnreadableLine, from_line

MOST_BYTES: Final = 1 << 30
SUFFIX: Final = ".ndjson"
UNREAD: Final = ".unread"
_AT_ONCE: Final = 500

Write: TypeAlias = Callable[[list[Rows]], int]


class CannotSpill(Exception):
    """The records are not in the file."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of loading.

    Attributes:
        records: that are in the database now.
        unreadable: lines that are none of ours, or were torn when their process died.
    """

    records: int = 0
    unreadable: int = 0

    def __add__(self, other: "Loaded") -> "Loaded":
        """Both together."""
        return Loaded(self.records + other.records, self.unreadable + other.unreadable)


class Spill:
    """This process's file in a folder, which is made when it is first needed. Threads may share it."""

    def __init__(self, folder: Path, kind: str, *, durable: bool, most_bytes: int = MOST_BYTES) -> None:
        """Open nothing yet.

        Args:
            folder: for all processes and kinds.
            kind: the beginning of the file's name.
            durable: whether what was appended survives a machine that loses its power, not only the end of the process.
            most_bytes: how large a file grows; then it takes no more.
        """
        self._folder = folder
        self._kind = kind
        self._durable = durable
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._open: int | None = None

    def append(self, lines: Iterable[bytes]) -> None:
        """Keep these lines, all of them or none that counts.

        Raises:
            CannotSpill: the disk does not take them; loaded twice, they would be there once.
        """
        with self._lock:
            try:
                self._append(b"".join(lines))
            except OSError:
                raise CannotSpill from None

    def seal(self) -> None:
        """Let go of this process's file, so that it can be loaded; the next lines go to a new one."""
        with self._lock:
            if self._open is not None:
                os.close(self._open)
                self._open = None

    def _append(self, said: bytes) -> None:
        descriptor = self._descriptor()
        before = os.fstat(descriptor).st_size
        if before + len(said) > self._most_bytes:
            raise CannotSpill
        try:
            written = 0
            while written < len(said):
                written += os.write(descriptor, said[written:])
            if self._durable:
                os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, before)  # a line without its end would spoil the next one
            raise

    def _descriptor(self) -> int:
        if self._open is not None:
            return self._open
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{self._kind}-{uuid4().hex}{SUFFIX}"
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
            if take(descriptor) and os.fstat(descriptor).st_nlink:
                break
            os.close(descriptor)  # another process took it, between its making and its lock, for one to be loaded
        if self._durable:
            _sync_folder(self._folder)
        self._open = descriptor
        return descriptor


def load(folder: Path, write: Write) -> Loaded:
    """Load every file whose process is gone, and delete it once all it holds is written.

    What holds lines that are none of ours, a torn last one aside, is not deleted but renamed.

    Args:
        folder: of the spill files.
        write: writes records durably, leaves alone what is there already, and says how many it could not write
            because of what they say. What it raises ends the loading; the file is loaded again another time.

    Raises:
        OSError: a file cannot be read.
    """
    loaded = Loaded()
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else ():
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another process was faster
        try:
            if take(descriptor) and os.fstat(descriptor).st_nlink:
                loaded += _load(path, write)
        finally:
            os.close(descriptor)
    return loaded


def take(descriptor: int) -> bool:
    """Whether the lock of an open file is ours now; not while its process lives, or another one reads it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _load(path: Path, write: Write) -> Loaded:
    reading = _Reading(path)
    records = reading.records()
    count = refused = 0
    while batch := list(islice(records, _AT_ONCE)):
        refused += write(batch)
        count += len(batch)
    if reading.foreign or refused:
        path.rename(path.with_suffix(UNREAD))
    else:
        path.unlink()
    return Loaded(count - refused, reading.foreign + reading.torn + refused)


class _Reading:
    """The records of one file, and how many of its lines are none.

    Attributes:
        foreign: whole lines that cannot be read.
        torn: 1 when the last line has no end.
    """

    def __init__(self, path: Path) -> None:
        self.foreign = 0
        self.torn = 0
        self._path = path

    def records(self) -> Iterator[Rows]:
        """Those that can be read."""
        with self._path.open("rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    self.torn += 1
                    return
                try:
                    yield from_line(line)
                except UnreadableLine:
                    self.foreign += 1


def _sync_folder(folder: Path) -> None:
    """The name of a new file is durable only when its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
