"""A log pipeline: from a web server's log, line by line, to a summary.

    python3 log_summary.py [-h HOST] [-p PORT] [worker|show]

    worker   counts the lines that a web server sends; Apache's configuration has
                 CustomLog "|gearman -n -f logger" common
    show     prints the summary so far
    (none)   does all of it: a worker, a small web server whose log goes into
             `gearman -n -f logger`, requests to it, and the summary

The environment variable GEARMAN names the command-line tool [gearman]. One process counts: the
counts are in its memory. (Several would each count a part, and store it in a database.)
"""

from __future__ import annotations

import http.server
import json
import os
import re
import subprocess
import threading
import urllib.error
import urllib.request
from collections import Counter
from typing import IO, Any

import demo
from libgearman import Client, Job, JobFailed

#: The common log format: host, identity, user, time, request, status, size.
LINE = re.compile(rb'(\S+) \S+ \S+ \[[^]]*\] "(\S+) (\S+)[^"]*" (\d{3}) (\d+|-)\s*')
#: Requests of the demonstration: path, number, size of the body.
REQUESTS = [("/", 6, 1200), ("/news", 3, 800), ("/missing", 2, 0), ("/picture.png", 1, 40000)]


class Summary:
    """The counts, and the functions of the worker."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.paths: Counter[str] = Counter()
        self.bytes = 0

    def logger(self, job: Job) -> None:
        """Counts one line."""
        match = LINE.fullmatch(job.workload)
        if match is None:
            raise JobFailed("not a line of the common log format")
        _, _, path, status, size = match.groups()
        self.statuses[status.decode()] += 1
        self.paths[path.decode(errors="replace")] += 1
        self.bytes += 0 if size == b"-" else int(size)

    def log_summary(self, job: Job) -> bytes:
        """The counts as JSON."""
        summary = {"statuses": self.statuses, "paths": self.paths, "bytes": self.bytes}
        return json.dumps(summary).encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves bodies of the sizes in REQUESTS, and logs as Apache does with "common"."""

    pipe: IO[bytes]

    def do_GET(self) -> None:
        size = {path: size for path, _, size in REQUESTS}[self.path]
        self.send_response(200 if size else 404)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(b"x" * size)
        status = 200 if size else 404
        stamp = self.log_date_time_string()
        line = f'127.0.0.1 - - [{stamp}] "{self.requestline}" {status} {size or "-"}\n'
        self.pipe.write(line.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """The log goes into the pipe."""


def serve_requests(pipe: IO[bytes]) -> int:
    """Answers all of REQUESTS, and returns their number."""
    Handler.pipe = pipe
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        for path, number, _ in REQUESTS:
            for _ in range(number):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{site.server_port}{path}").read()
                except urllib.error.HTTPError as error:
                    error.close()
        site.shutdown()
        thread.join()
    return sum(number for _, number, _ in REQUESTS)


def show(server: str) -> None:
    with Client(server, timeout=demo.DEADLINE_SECONDS) as client:
        summary = json.loads(client.do("log_summary"))
    for path, number in sorted(summary["paths"].items(), key=lambda one: (-one[1], one[0])):
        print(f"{number:>6}  {path}")
    statuses = ", ".join(f"{n} x {status}" for status, n in sorted(summary["statuses"].items()))
    print(f"{sum(summary['paths'].values())} requests: {statuses}; {summary['bytes']} bytes")


def demonstrate(server: str, arguments: Any) -> None:
    summary = Summary()
    functions = {"logger": summary.logger, "log_summary": summary.log_summary}
    with demo.workers(server, functions, processes=1):
        tool = os.environ.get("GEARMAN", "gearman")
        command = [tool, "-h", arguments.host, "-p", str(arguments.port), "-n", "-f", "logger"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, bufsize=0) as pipe:
            assert pipe.stdin is not None
            sent = serve_requests(pipe.stdin)
            # The tool ends when the worker has done every line.
            pipe.stdin.close()
            if pipe.wait(demo.DEADLINE_SECONDS) != 0:
                raise SystemExit(f"{tool} ended with code {pipe.returncode}")
        print(f"{sent} lines went through {os.path.basename(tool)} -n -f logger")
        show(server)


def main() -> None:
    parser = demo.options(__doc__)
    parser.add_argument("role", nargs="?", choices=["worker", "show"], help="[all of it]")
    arguments = parser.parse_args()
    server = demo.address(arguments)
    if arguments.role == "worker":
        summary = Summary()
        demo.work(server, {"logger": summary.logger, "log_summary": summary.log_summary})
    elif arguments.role == "show":
        show(server)
    else:
        demonstrate(server, arguments)


if __name__ == "__main__":
    main()
