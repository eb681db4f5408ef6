"""The command line in a pipe whose reader has seen enough, such as `head`: it ends without a word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUEST = ROOT / "fixtures" / "dantrolene-ordered-beside-baclofen-without-liver-tests" / "request.r4.json"


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", REQUEST),
        ("explain", REQUEST),
        ("explain", "--json", REQUEST),
        ("cards", "list"),
        ("cards", "try", "dantrolene-baclofen"),
    ],
    ids=["check", "explain", "explain as JSON", "cards list", "cards try"],
)
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["printed at the end", "printed line by line"])
def test_a_command_whose_reader_has_seen_enough_ends_quietly(arguments, unbuffered):
    command = [sys.executable, "-m", "cds_service", *map(str, arguments)]
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        os.close(reading)  # before anything is printed: whatever is printed is too much
        environment = os.environ | {"PYTHONUNBUFFERED": unbuffered, "CDS_CARDS": "", "CDS_DISCOVERY": ""}
        done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, cwd=ROOT, env=environment, check=False)  # noqa: S603 - our own
    assert (done.returncode, done.stderr) == (141, b"")
