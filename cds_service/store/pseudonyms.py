"""Who saw a card about whom, so that the same can be found again and nobody can tell who it was.

A pseudonym is an HMAC under a key that is made from a secret and the day: what was kept on one day cannot be joined
with what was kept on another, nor with anything else, without the secret. To look somebody up is to make the
pseudonyms of all days, and of all secrets, that still matter.
"""

import hmac
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Self

import orjson

LEAST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class PseudonymKeys:
    """The secrets, newest first; the first makes new pseudonyms, the others still find old ones."""

    secrets: tuple[bytes, ...] = field(repr=False)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read the secrets from the file of this name, one a line.

        Raises:
            ValueError: when there is no such file, or a secret is shorter than 32 bytes; none is repeated.
        """
        try:
            lines = Path(text).read_bytes().splitlines()
        except OSError:
            message = "must be a file that can be read"
            raise ValueError(message) from None
        secrets = tuple(line.strip() for line in lines if line.strip())
        if not secrets or any(len(secret) < LEAST_BYTES for secret in secrets):
            message = f"must be a file with one secret a line, the current one first, of at least {LEAST_BYTES} bytes"
            raise ValueError(message)
        return cls(secrets)

    def today(self, at: datetime) -> "DayKey":
        """The key for what is kept now."""
        return DayKey.of(self.secrets[0], at.astimezone(UTC).date())

    def since(self, start: datetime, at: datetime) -> tuple["DayKey", ...]:
        """The keys of everything that was kept from `start` to `at`, newest first."""
        last, first = at.astimezone(UTC).date(), start.astimezone(UTC).date()
        days = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        return tuple(DayKey.of(secret, day) for day in days for secret in self.secrets)


@dataclass(frozen=True, slots=True)
class DayKey:
    """The key of one day (UTC)."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, secret: bytes, day: date) -> Self:
        """Derived: who has it does not have the secret, nor the key of another day."""
        return cls(_digest(secret, f"cds-service pseudonyms {day.isoformat()}".encode()))

    def pseudonym(self, *names: str | None) -> bytes:
        """Of somebody who is said by several names; 32 bytes."""
        return _digest(self.key, b"who" + orjson.dumps(names))  # JSON keeps ("a", "bc") and ("ab", "c") apart

    def of_facts(self, facts: bytes) -> bytes:
        """What is kept of clinical values; 32 bytes."""
        return _digest(self.key, b"facts" + facts)

    def is_of_facts(self, digest: bytes, facts: bytes) -> bool:
        """Whether these are the facts."""
        return hmac.compare_digest(digest, self.of_facts(facts))


def _digest(key: bytes, said: bytes) -> bytes:
    return hmac.digest(key, said, "sha256")
