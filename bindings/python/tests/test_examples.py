"""The programs of `examples`, each run by one command against a test server."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
from typing import Callable

import pytest

from conftest import LONG, Server

EXAMPLES = pathlib.Path(__file__).parent.parent / "examples"
TOOL = os.environ.get("GEARMAN", "gearman")

#: What each example prints, whichever server it has.
PRINTED = {
    "crawl": """\
/          200  171 bytes  4 links  Front page
/about     200  140 bytes  1 links  About this site
/archive   200  194 bytes  4 links  Archive
/news      200  169 bytes  4 links  News
/news/1    200  117 bytes  2 links  A server was started
/news/2    200  155 bytes  3 links  A worker was added
/news/3    200  117 bytes  2 links  A job was done
/picture   404    0 bytes  0 links
8 pages stored, 1 of them missing at the site
""",
    "log_summary": """\
12 lines went through gearman -n -f logger
     6  /
     3  /news
     2  /missing
     1  /picture.png
12 requests: 10 x 200, 2 x 404; 49600 bytes
""",
    "resize": """\
row 12 of 60, 20%
row 24 of 60, 40%
row 36 of 60, 60%
row 48 of 60, 80%
row 60 of 60, 100%
640x480 became 80x60, CRC-32 e477830d
""",
    "merge_sort": """\
map: 6 pieces sorted
reduce: 6 pieces merged to 3
reduce: 3 pieces merged to 2
reduce: 2 pieces merged to 1
20000 numbers from 120 to 999782 are in order
""",
}
#: Needs a server that wakes a sleeping worker for a job that is due.
NIGHTLY = """\
submitted twice: one job
night 1: 10 lines archived, 0 old archives removed
night 2: 20 lines archived, 0 old archives removed
night 3: 30 lines archived, 1 old archives removed
kept: access-002.log.gz access-003.log.gz
"""


def run(name: str, server: Server) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "-h", "127.0.0.1"]
    command += ["-p", str(server.port)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONG * 2)


def assert_prints(name: str, server: Server, expected: str) -> None:
    done = run(name, server)
    assert (done.stdout, done.stderr, done.returncode) == (expected, "", 0)


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_prints_what_it_did(server: Server, name: str) -> None:
    if name == "log_summary" and shutil.which(TOOL) is None:
        pytest.skip(f"{TOOL} is missing")
    assert_prints(name, server, PRINTED[name])


def test_a_nightly_job_submits_itself_for_the_next_night(own_server: Callable[[], Server]) -> None:
    assert_prints("nightly", own_server(), NIGHTLY)


def test_every_example_is_run() -> None:
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {*PRINTED, "nightly", "demo"}
