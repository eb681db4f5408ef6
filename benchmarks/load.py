"""Load from wrk on something that answers, with a token of its own for each request."""

import json
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from benchmarks.ehr import Ehr

CONNECTIONS: Final = 8
SECONDS: Final = 3
TOKENS: Final = 16_000
FIRST: Final = 4_000  # of them are for the second that warms up
LIFE: Final = 3600  # of a token, in seconds: the most that the service can be told to accept

# The whole request is put together here, for wrk would do so more slowly; one table of tokens serves all its requests.
LUA: Final = """
local tokens = {}
for token in io.lines("{tokens}") do tokens[#tokens + 1] = token end
local file = io.open("{body}", "rb")
local body = file:read("*a")
file:close()
local head = table.concat({
    "POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", "Content-Length: " .. #body,
    "Authorization: Bearer "
}, "\\r\\n")
local used
function init(args) used = tonumber(args[1]) end
function request()
    used = used % #tokens + 1
    return head .. tokens[used] .. "\\r\\n\\r\\n" .. body
end
"""


class Refused(Exception):
    """Not every request was answered; the text is what wrk says."""


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that differ in nothing but their tokens."""

    path: str
    script: Path

    @staticmethod
    def is_possible() -> bool:
        """Whether there is wrk."""
        return shutil.which("wrk") is not None

    @classmethod
    def of(cls, folder: Path, body: dict[str, Any], path: str, tokens: Path) -> Self:
        """The load of one body, in a folder of its own.

        Args:
            folder: an empty one, or none yet.
            body: of every request.
            path: where they go.
            tokens: a file as `sign` writes it.
        """
        folder.mkdir(exist_ok=True)
        sent, script = folder / "body.json", folder / "load.lua"
        sent.write_text(json.dumps(body), encoding="utf-8")
        lua = LUA.replace("{tokens}", str(tokens)).replace("{body}", str(sent)).replace("{path}", path)
        script.write_text(lua, encoding="utf-8")
        return cls(path, script)

    def rate(self, port: int) -> float:
        """Requests a second that are answered, after a second to warm up.

        Raises:
            Refused: an answer was none of 2xx, as when a token came for the second time.
        """
        self._run(port, seconds=1, first=0)
        done = self._run(port, seconds=SECONDS, first=FIRST)
        return float(next(line for line in done.splitlines() if "Requests/sec" in line).split()[1])

    def _run(self, port: int, *, seconds: int, first: int) -> str:
        options = ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}", "-s", str(self.script)]
        command = ["wrk", *options, f"http://127.0.0.1:{port}{self.path}", "--", str(first)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
            raise Refused(done.stdout)
        return done.stdout


def sign(ehr: Ehr, path: str, file: Path) -> None:
    """Write tokens for one address, one a line. A service that has never seen them takes each of them once."""
    now = int(time.time())
    tokens = (ehr.token(path, iat=now, exp=now + LIFE) for _ in range(TOKENS))
    file.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
