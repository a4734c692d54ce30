"""Job servers and workers for the tests.

GEARMAND names the server's program, a list with ":" between for several: every
test that needs one then runs on each. Without it, gearmand of the PATH is used.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator, Sequence

import pytest

from libgearman import Client, Worker
from libgearman.worker import WorkerFunction

PROGRAMS = os.environ.get("GEARMAND", "gearmand").split(":")
#: Longer than anything here takes on a busy machine; nothing waits for it to pass.
LONG = 60


class Server:
    """A job server on a free port of the loopback address."""

    def __init__(
        self, program: str, port: int, directory: Path, arguments: Sequence[str] = ()
    ) -> None:
        self.address = f"127.0.0.1:{port}"
        self.port = port
        log = directory / f"gearmand-{port}.log"
        command = [program, "--listen=127.0.0.1", f"--port={port}", f"--log-file={log}"]
        command.append(f"--pid-file={directory / f'gearmand-{port}.pid'}")
        self.process = subprocess.Popen([*command, *arguments])
        try:
            self._await()
        except BaseException:
            self.stop()
            raise

    def _await(self) -> None:
        # Asks until the server answers, which it does as soon as it listens.
        while True:
            try:
                self.ask("version")
                return
            except OSError:
                assert self.process.poll() is None, "gearmand has ended"

    def ask(self, command: str) -> str:
        """The answer of the server to a text command."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=LONG) as connection:
            connection.sendall(command.encode() + b"\n")
            answer = b""
            while not answer.endswith(b"\n") or (
                command in ("status", "workers") and not answer.endswith(b".\n")
            ):
                piece = connection.recv(4096)
                if not piece:
                    raise ConnectionError("the server closed the connection")
                answer += piece
            return answer.decode(errors="surrogateescape")

    def count(self, function: str, column: int) -> int:
        """A number in the server's status: 0 for jobs, 1 for running ones, 2 for workers."""
        for line in self.ask("status").splitlines():
            name, _, rest = line.partition("\t")
            if name == function:
                return int(rest.split("\t")[column])
        return 0

    def queued(self, function: str) -> int:
        """The number of jobs of a function at the server."""
        return self.count(function, 0)

    def running(self, function: str) -> int:
        """The number of jobs of a function that workers have."""
        return self.count(function, 1)

    def workers(self, function: str) -> int:
        """The number of workers that offer a function."""
        return self.count(function, 2)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def until(condition: Callable[[], bool]) -> None:
    """Waits until a condition holds that another process brings about."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.005)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="session", params=PROGRAMS, ids=[str(n) for n in range(len(PROGRAMS))])
def shared_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    server = Server(request.param, free_port(), tmp_path_factory.mktemp("gearmand"))
    yield server
    server.stop()


@pytest.fixture
def server(shared_server: Server) -> Server:
    """A server that all tests share, with function names that differ per test."""
    return shared_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that the test may stop."""
    started: list[Server] = []

    def start(port: int | None = None, arguments: Sequence[str] = ()) -> Server:
        chosen = free_port() if port is None else port
        started.append(Server(PROGRAMS[0], chosen, tmp_path, arguments))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    with Client(server.address, timeout=LONG) as one:
        yield one


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A function name for this test alone."""
    return f"{request.node.name}-{os.getpid()}".replace(" ", "_")


@contextlib.contextmanager
def working_on(
    server: Server,
    functions: dict[str, WorkerFunction],
    *,
    prepare: Callable[[Worker], None] = lambda worker: None,
    **settings: Any,
) -> Iterator[Worker]:
    with Worker(server.address, **settings) as worker:
        prepare(worker)
        for name, call in functions.items():
            worker.add_function(name, call)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield worker
        finally:
            worker.stop()
            thread.join(LONG)
            assert not thread.is_alive(), "the worker does not stop"
