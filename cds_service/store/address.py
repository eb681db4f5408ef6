"""Where the store is: the URL of its database, whose password shows itself to nobody."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

_SQLITE: Final = re.compile(r"sqlite:///(?P<file>[^?]+)(\?.*)?")
_POSTGRESQL: Final = re.compile(r"postgres(ql)?(\+psycopg)?://(?P<rest>.*)", re.DOTALL)
_PASSWORD: Final = re.compile(r"(//[^/@:]*):.*@")  # up to the last @: an @ in a password is often left unescaped
SPILL: Final = "cds-service-spill"


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a database.

    Attributes:
        url: as SQLAlchemy reads it, with the password; not part of what is printed.
        shown: without the password and without parameters.
    """

    url: str = field(repr=False)
    shown: str

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the URL of a database.

        Raises:
            ValueError: when it is neither of SQLite nor of PostgreSQL; the URL is not repeated.
        """
        sqlite, postgresql = _SQLITE.fullmatch(text), _POSTGRESQL.fullmatch(text)
        if sqlite and ":memory:" not in text:
            return cls(text, f"sqlite:///{sqlite['file']}")
        if postgresql and not any(letter.isspace() for letter in text):
            url = f"postgresql+psycopg://{postgresql['rest']}"
            return cls(url, _PASSWORD.sub(r"\1@", f"postgresql://{postgresql['rest']}".split("?", 1)[0]))
        message = "must be `sqlite:///file` or `postgresql://user@host/database`"
        raise ValueError(message)

    @classmethod
    def read_file(cls, text: str) -> Self:
        """Read the URL of a database from the file of this name.

        Raises:
            ValueError: when there is no such file, or no such URL in it.
        """
        try:
            return cls.read(Path(text).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError):
            message = "must be a file that can be read, with the URL of the database in it"
            raise ValueError(message) from None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file of SQLite; a server otherwise."""
        return self.url.startswith("sqlite")

    @property
    def file(self) -> Path | None:
        """The file of SQLite; None for a server, and for a `file:` URI, which says itself how it is opened."""
        found = _SQLITE.fullmatch(self.url)
        return Path(found["file"]) if found and not found["file"].startswith("file:") else None

    @property
    def spill(self) -> Path:
        """The folder for what the database does not take: beside its file, else in the working folder."""
        return (self.file.parent if self.file else Path()) / SPILL

    def __str__(self) -> str:
        """Without the password."""
        return self.shown


DEFAULT: Final = Address.read("sqlite:///cds-service.sqlite3")
