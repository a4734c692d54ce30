"""What the examples share: the options -h and -p, worker processes, waiting with a deadline.

Every example starts its own workers, so it needs nothing but a job server that runs.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import signal
import time
from typing import Callable, Iterator, Mapping

from libgearman import Job, Worker

#: Longer than anything here takes on a busy machine.
DEADLINE_SECONDS = 60

Functions = Mapping[str, Callable[[Job], "bytes | None"]]


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser of the command line. The first line of an example's text is its help."""
    parser = argparse.ArgumentParser(
        description=(description or "").partition("\n")[0], add_help=False
    )
    parser.add_argument("--help", action="help", help="show this help and exit")
    parser.add_argument("-h", "--host", default="localhost", help="job server [localhost]")
    parser.add_argument("-p", "--port", type=int, default=4730, help="its port [4730]")
    return parser


def address(arguments: argparse.Namespace) -> str:
    """The job server of the command line."""
    return f"{arguments.host}:{arguments.port}"


def work(server: str, functions: Functions) -> None:
    """Does jobs until SIGTERM or SIGINT."""
    with Worker(server) as worker:
        for name, function in functions.items():
            worker.add_function(name, function)
        worker.run(stop_on=[signal.SIGTERM, signal.SIGINT])


@contextlib.contextmanager
def workers(server: str, functions: Functions, processes: int) -> Iterator[None]:
    """Worker processes, which end after the block.

    A library handle belongs to the process that made it. So functions that submit jobs
    make their client when they are called.
    """
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=work, args=(server, functions)) for _ in range(processes)]
    for process in started:
        process.start()
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.join()


def until(condition: Callable[[], bool], what: str) -> None:
    """Waits until a condition holds that workers bring about."""
    end = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"{what}: not after {DEADLINE_SECONDS} s")
        time.sleep(0.02)
