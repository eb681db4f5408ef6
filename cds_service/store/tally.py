"""How many records a process has in its hands, kept where its end does not take it away.

A record is handed over and, a moment later, settled: it is in the database or in a spill file, or is counted as lost.
Killed in between, the process cannot say what it had; so both numbers stand in a small file that is mapped into its
memory. Writing to it costs no call of the system, and what was written is the kernel's, however the process ends. The
file has its process's lock, as a spill file has: whoever gets the lock reads what a dead process left.
"""

import mmap
import os
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from cds_service.store.database import Breaker
from cds_service.store.spill import take

SUFFIX: Final = ".tally"
_NUMBERS: Final = struct.Struct("@2Q")  # handed over, settled


class CannotTally(Exception):
    """There is no file for the numbers."""


class Tally:
    """The two numbers of this process. Threads may share it; nothing in it raises."""

    def __init__(self, folder: Path) -> None:
        """Make no file yet: that is done with the first record."""
        self._folder = folder
        self._lock = threading.Lock()
        self._handed = 0
        self._settled = 0
        self._file: _Mapped | None = None
        self._failed = Breaker()
        self._is_closing = False

    def hand_over(self) -> None:
        """One more record is on its way."""
        with self._lock:
            self._handed += 1
            if self._file is not None:
                self._file.numbers[0] = self._handed
            elif not self._is_closing and not self._failed.is_open:
                self._open()

    def settle(self, count: int) -> None:
        """So many of those handed over are in the database or in a file, or are counted as lost."""
        with self._lock:
            self._settled += count
            if self._file is not None:
                self._file.numbers[1] = self._settled
                self._end_if_settled()

    def close(self) -> None:
        """Remove the file; where something is still on its way, as soon as it is settled."""
        with self._lock:
            self._is_closing = True
            self._end_if_settled()

    def _open(self) -> None:
        try:
            self._file = _Mapped(self._folder)
        except (OSError, CannotTally):
            self._failed.trip()  # where no file can be made, what is lost with the process is not counted
        else:
            self._file.numbers[0], self._file.numbers[1] = self._handed, self._settled

    def _end_if_settled(self) -> None:
        if self._is_closing and self._file is not None and self._settled >= self._handed:
            self._file.remove()
            self._file = None


class _Mapped:
    """A file of this process, with its lock, mapped into memory.

    Attributes:
        numbers: what stands in it.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            self._path = folder / f"records-{uuid4().hex}{SUFFIX}"
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                if take(self._descriptor) and os.fstat(self._descriptor).st_nlink:
                    # Written, and not only made that long: a page that the disk has no room for ends the process.
                    os.write(self._descriptor, bytes(_NUMBERS.size))
                    self._memory = mmap.mmap(self._descriptor, _NUMBERS.size)
                    break
            except (OSError, ValueError):  # ValueError: the disk took some bytes of it
                self._path.unlink(missing_ok=True)
                os.close(self._descriptor)
                raise CannotTally from None
            os.close(self._descriptor)  # another process took it, between its making and its lock, for a dead one's
        self.numbers = memoryview(self._memory).cast("Q")

    def remove(self) -> None:
        with suppress(OSError):  # it says that all is settled: who finds it counts nothing
            self._path.unlink()
        self.numbers.release()
        self._memory.close()
        os.close(self._descriptor)


def lost_with(folder: Path) -> int:
    """How many records were lost with processes that are gone; each is said once, to whoever asks first.

    Killed between writing some to the database and saying so, a process had those in its hands by its own numbers: so
    this may be a few more than are missing, and is never less.
    """
    lost = 0
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            lost += _lost_with(path)
    return lost


def _lost_with(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if not take(descriptor) or not os.fstat(descriptor).st_nlink:
            return 0  # its process lives, or another one was faster
        said = os.read(descriptor, _NUMBERS.size)
        path.unlink()  # before it is counted: a folder that can only be read is not counted again and again
    finally:
        os.close(descriptor)
    if len(said) < _NUMBERS.size:
        return 0  # its process was killed before its first record
    handed, settled = _NUMBERS.unpack(said)
    return int(max(0, handed - settled))
