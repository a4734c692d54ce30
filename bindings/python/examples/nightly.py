"""A nightly job: a background job with a time, which submits itself for the next night.

    python3 nightly.py [-h HOST] [-p PORT] [--nights N] [--day SECONDS] [DIRECTORY]

Each night, the *.log files that were last written before it are compressed, and the oldest
archives go. The unique id of a night's job is made from its number: it is one job, however many
programs submit it.

Without arguments a day lasts a second, and three nights pass in a temporary directory. With
--day 86400 and DIRECTORY, the first night is at 3 o'clock, and so are those that follow.

(gearmand 1.1.20 of the original does not wake a sleeping worker when the time has come: the
job waits there until the worker asks for another reason.)
"""

from __future__ import annotations

import datetime
import gzip
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import demo
from libgearman import Client, Job

DAY_SECONDS = 86400
#: Archives that are kept.
KEPT = 2


def submit(client: Client, night: int, at: float, day: float, directory: str) -> str:
    """Submits the job of a night."""
    workload = {"night": night, "at": at, "day": day, "directory": directory}
    unique = f"nightly-{night}"
    return client.do_background("nightly", json.dumps(workload).encode(), unique=unique, at=at)


def archive(directory: Path, order: dict[str, Any]) -> dict[str, int]:
    """Compresses the logs that ended before the night, and removes old archives."""
    lines = removed = 0
    for log in sorted(directory.glob("*.log")):
        if log.stat().st_mtime >= order["at"]:
            continue
        text = log.read_bytes()
        lines += text.count(b"\n")
        unfinished = directory / f".{log.name}.gz"
        unfinished.write_bytes(gzip.compress(text))
        unfinished.rename(directory / f"{log.name}.gz")
        log.unlink()
    for old in sorted(directory.glob("*.log.gz"))[:-KEPT]:
        old.unlink()
        removed += 1
    return {"night": order["night"], "lines": lines, "removed": removed}


def nightly(server: str, job: Job) -> None:
    """The worker's function."""
    order = json.loads(job.workload)
    directory = Path(order["directory"])
    report = archive(directory, order)
    # The next night is in the future, also when the worker was away for many of them.
    at = order["at"] + order["day"]
    while at <= time.time() and order["day"] >= DAY_SECONDS:
        at += order["day"]
    with Client(server, timeout=demo.DEADLINE_SECONDS) as client:
        submit(client, order["night"] + 1, at, order["day"], order["directory"])
    with open(directory / "reports", "a", encoding="utf-8") as reports:
        print(json.dumps(report), file=reports)


def first_night(day: float) -> float:
    """The first night, in seconds since 1970."""
    if day < DAY_SECONDS:
        return time.time() + day
    now = datetime.datetime.now()
    at = now.replace(hour=3, minute=0, second=0, microsecond=0)
    return (at if at > now else at + datetime.timedelta(days=1)).timestamp()


def reports_of(directory: Path) -> dict[int, dict[str, int]]:
    """The report of each night."""
    reports = directory / "reports"
    text = reports.read_text(encoding="utf-8") if reports.exists() else ""
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return {report["night"]: report for report in lines}


def make_logs(directory: Path, nights: int, first: float, day: float) -> None:
    """Writes a log for the day before each night."""
    for night in range(1, nights + 1):
        log = directory / f"access-{night:03}.log"
        log.write_text("a request\n" * night * 10, encoding="utf-8")
        noon = first + (night - 1.5) * day
        os.utime(log, (noon, noon))


def run(server: str, directory: Path, nights: int, day: float, at: float) -> None:
    with Client(server, timeout=demo.DEADLINE_SECONDS) as client:
        handles = {submit(client, 1, at, day, str(directory)) for _ in range(2)}
    print("submitted twice:", "one job" if len(handles) == 1 else "two jobs")
    for night in range(1, nights + 1):
        while night not in (reports := reports_of(directory)):
            time.sleep(min(0.05, day))
        print(
            f"night {night}: {reports[night]['lines']} lines archived,"
            f" {reports[night]['removed']} old archives removed"
        )


def main() -> None:
    parser = demo.options(__doc__)
    parser.add_argument("--nights", type=int, default=3, help="nights to wait for [3]")
    parser.add_argument("--day", type=float, default=1, help="seconds of a day [1]")
    parser.add_argument("directory", nargs="?", type=Path, help="[a temporary one]")
    arguments = parser.parse_args()
    server = demo.address(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        directory = (arguments.directory or Path(temporary)).resolve()
        at = first_night(arguments.day)
        if not arguments.directory:
            make_logs(directory, arguments.nights, at, arguments.day)
        functions = {"nightly": lambda job: nightly(server, job)}
        with demo.workers(server, functions, processes=1):
            run(server, directory, arguments.nights, arguments.day, at)
        kept = sorted(path.name for path in directory.glob("*.log.gz"))
        print("kept:", *kept)


if __name__ == "__main__":
    main()
