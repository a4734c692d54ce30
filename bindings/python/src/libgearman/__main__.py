"""``python -m libgearman``: the worker command.

Must not: do a job; a `Worker` in a child does.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import logging
import operator
import os
import signal
import sys
import threading
from typing import Any, Callable, Sequence

from .processes import Supervisor
from .serializers import JSON, TEXT
from .worker import Worker

_DESCRIPTION = """\
Offers functions of Python modules as a Gearman worker, in one or more processes.

SIGTERM and SIGINT let every process finish its job; a second one ends them at once, and
the servers give their jobs to other workers. SIGHUP replaces the processes by new ones,
which import the modules again: an old one stops, after its job, when its successor is
ready, and stays if that cannot start. A process that ends by itself is started again."""

_VALUES = {"json": JSON, "text": TEXT}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m libgearman")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    worker = commands.add_parser(
        "worker",
        help="offers functions of Python modules",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    worker.add_argument(
        "functions",
        nargs="+",
        metavar="[NAME=]MODULE:FUNCTION",
        type=_target,
        help="a function, and the name to offer it by [its own]",
    )
    worker.add_argument(
        "-s",
        "--server",
        action="append",
        metavar="HOST:PORT",
        help="a job server; may be repeated [GEARMAN_SERVERS, or localhost]",
    )
    worker.add_argument(
        "-p",
        "--processes",
        type=_count,
        default=1,
        metavar="N",
        help="jobs at a time, each in a process of its own [1]",
    )
    worker.add_argument("--namespace", metavar="TEXT", help="the prefix of the functions' names")
    worker.add_argument(
        "--values",
        choices=_VALUES,
        help="the functions take and return values in this form, instead of a job and bytes",
    )
    worker.add_argument(
        "--log-level",
        choices=["DEBUG", "INFO", "WARNING", "ERROR"],
        default="INFO",
        help="what goes to standard error [INFO]",
    )
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not {text!r}")
    return int(text)


def _target(text: str) -> tuple[str, str, str]:
    """The name, module and function of an argument."""
    name, _, target = text.rpartition("=")
    module, colon, function = target.partition(":")
    if not (module and colon and function):
        raise argparse.ArgumentTypeError(f"must be [NAME=]MODULE:FUNCTION, not {text!r}")
    return name or function.rpartition(".")[2], module, function


def _load(module: str, function: str) -> Callable[..., Any]:
    """The function of a module. Ends the process with a reason if there is none."""
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            # Another module that this one imports: the traceback tells which.
            raise
        raise SystemExit(f"{module}:{function}: there is no module {error.name!r}") from None
    try:
        call = operator.attrgetter(function)(found)
    except AttributeError:
        raise SystemExit(f"{module}:{function}: the module has no {function!r}") from None
    if not callable(call):
        raise SystemExit(f"{module}:{function}: it is no function: {call!r}")
    return call  # type: ignore[no-any-return]


def _work(options: argparse.Namespace, ready: int, life: int) -> None:
    """What a child does until it is told to stop."""
    functions = [(name, _load(module, call)) for name, module, call in options.functions]
    serializer = _VALUES.get(options.values, JSON)
    with Worker(options.server, namespace=options.namespace, serializer=serializer) as worker:
        add = worker.add_callable if options.values else worker.add_function
        for name, call in functions:
            add(name, call)

        def watch() -> None:
            # It ends when the parent does, which then can stop nothing any more.
            os.read(life, 1)
            worker.stop()

        threading.Thread(target=watch, daemon=True).start()
        os.write(ready, b"r")
        os.close(ready)
        worker.run(stop_on=[signal.SIGTERM])


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Returns the exit code."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=options.log_level,
        format="%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s",
    )
    return Supervisor(functools.partial(_work, options), options.processes).run()


if __name__ == "__main__":
    sys.exit(main())
