"""``python -m libgearman worker``: its processes, signals and errors."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable, Iterator

import pytest

from conftest import LONG, Server, until
from libgearman import Client

MODULE = """
import os, time

def version(job):
    return b"1"

def process(job):
    return str(os.getpid()).encode()

def slow(job):
    # Until the test makes the file that the job names.
    while not os.path.exists(job.workload):
        time.sleep(0.01)
    return b"done"

def add(numbers):
    return sum(numbers)

class Group:
    @staticmethod
    def inner(job):
        return b"inner"

async def later(job):
    pass

constant = 7
"""


class Command:
    """The running command, whose module is in its directory."""

    def __init__(self, directory: Path, server: Server | None, arguments: tuple[str, ...]) -> None:
        self.module = directory / "tasks.py"
        self.write(MODULE)
        self.log = directory / "log"
        command = [sys.executable, "-m", "libgearman", "worker", *arguments]
        command += [] if server is None else ["--server", server.address]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=directory, stderr=log)

    def write(self, text: str) -> None:
        # As a new file, so that no import finds a half of it.
        new = self.module.with_suffix(".new")
        new.write_text(textwrap.dedent(text))
        new.replace(self.module)

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def has_logged(self, pattern: str) -> bool:
        return re.search(pattern, self.log.read_text()) is not None

    def end(self) -> int:
        return self.process.wait(LONG)


@pytest.fixture
def start(tmp_path: Path, server: Server) -> Iterator[Callable[..., Command]]:
    """Starts the command with functions of the module and other arguments."""
    started: list[Command] = []

    def begin(*arguments: str, server: Server | None = server) -> Command:
        started.append(Command(tmp_path, server, arguments))
        return started[-1]

    yield begin
    for command in started:
        command.process.kill()
        command.process.wait()


def pids_of(client: Client, function: str) -> set[int]:
    return {int(client.do(function)) for _ in range(5)}


def test_processes_do_jobs_at_the_same_time(
    start: Callable[..., Command], server: Server, client: Client, name: str, tmp_path: Path
) -> None:
    command = start(f"{name}=tasks:slow", "--processes", "3")
    tasks = [client.add_task(name, str(tmp_path / "go").encode()) for _ in range(3)]
    for _ in client.events():
        # Each one runs before any has ended.
        if all(task.handle for task in tasks):
            break
    until(lambda: server.running(name) == 3)
    (tmp_path / "go").touch()
    client.run_tasks()
    assert [task.result() for task in tasks] == [b"done"] * 3
    command.signal(signal.SIGINT)
    assert command.end() == 0


def test_a_function_is_offered_under_its_own_name_or_another(
    start: Callable[..., Command], server: Server, name: str
) -> None:
    arguments = ("tasks:version", "tasks:Group.inner", "other=tasks:version")
    start(*arguments, "--namespace", name)
    with Client(server.address, timeout=LONG, namespace=name) as client:
        assert [client.do(one) for one in ("version", "inner", "other")] == [b"1", b"inner", b"1"]


def test_functions_of_values_get_json(
    start: Callable[..., Command], client: Client, name: str
) -> None:
    start(f"{name}=tasks:add", "--values", "json")
    assert client.call(name, [1, 2.5]) == 3.5


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_the_job_at_hand_be_done(
    start: Callable[..., Command],
    server: Server,
    client: Client,
    name: str,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    command = start(f"{name}=tasks:slow")
    task = client.add_task(name, str(tmp_path / "go").encode())
    next(client.events())
    until(lambda: server.running(name) == 1)
    command.signal(number)
    until(lambda: command.has_logged("finishing the running jobs"))
    (tmp_path / "go").touch()
    client.run_tasks()
    assert task.result() == b"done"
    assert command.end() == 0


def test_a_second_signal_gives_the_job_back_at_once(
    start: Callable[..., Command], server: Server, client: Client, name: str, tmp_path: Path
) -> None:
    command = start(f"{name}=tasks:slow")
    client.do_background(name, str(tmp_path / "never").encode())
    until(lambda: server.running(name) == 1)
    command.signal(signal.SIGTERM)
    until(lambda: command.has_logged("a second signal ends them"))
    command.signal(signal.SIGTERM)
    assert command.end() == 1
    until(lambda: (server.running(name), server.queued(name)) == (0, 1))


def test_sighup_replaces_the_code_when_the_job_at_hand_is_done(
    start: Callable[..., Command], server: Server, client: Client, name: str, tmp_path: Path
) -> None:
    command = start(f"{name}=tasks:slow", f"{name}-version=tasks:version")
    task = client.add_task(name, str(tmp_path / "go").encode())
    next(client.events())
    until(lambda: server.running(name) == 1)
    command.write(MODULE.replace('b"1"', 'b"the second"'))
    command.signal(signal.SIGHUP)
    # The new process works beside the old one, which has a job.
    assert client.do(f"{name}-version") == b"the second"
    (tmp_path / "go").touch()
    client.run_tasks()
    assert task.result() == b"done"
    until(lambda: command.has_logged("process [0-9]+ has ended"))
    until(lambda: server.workers(name) == 1)
    command.signal(signal.SIGTERM)
    assert command.end() == 0


def test_code_that_cannot_be_loaded_does_not_replace_what_works(
    start: Callable[..., Command], client: Client, name: str
) -> None:
    command = start(f"{name}=tasks:version", f"{name}-process=tasks:process")
    before = pids_of(client, f"{name}-process")
    command.write("def version(:")
    command.signal(signal.SIGHUP)
    until(lambda: command.has_logged("at its start: the old one goes on"))
    assert command.has_logged("SyntaxError")
    assert pids_of(client, f"{name}-process") == before
    # It is mended, and loaded.
    command.write(MODULE.replace('b"1"', 'b"mended"'))
    command.signal(signal.SIGHUP)
    until(lambda: client.do(name) == b"mended")


def test_a_process_that_ends_by_itself_is_started_again(
    start: Callable[..., Command], client: Client, name: str
) -> None:
    command = start(f"{name}=tasks:process")
    (first,) = pids_of(client, name)
    os.kill(first, signal.SIGKILL)
    until(lambda: command.has_logged(f"process {first} was ended by signal 9; another one"))
    assert first not in pids_of(client, name)


def test_processes_end_with_the_one_that_started_them(
    start: Callable[..., Command], server: Server, client: Client, name: str
) -> None:
    command = start(f"{name}=tasks:version", "--processes", "2")
    until(lambda: server.workers(name) == 2)
    command.process.kill()
    until(lambda: server.workers(name) == 0)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nothing:version", "nothing:version: there is no module 'nothing'"),
        ("tasks.sub:version", "tasks.sub:version: there is no module 'tasks.sub'"),
        ("tasks:nothing", "tasks:nothing: the module has no 'nothing'"),
        ("tasks:constant", "tasks:constant: it is no function: 7"),
        ("tasks:later", "use an AsyncWorker for it"),
    ],
)
def test_what_cannot_be_offered_ends_the_start_with_a_reason(
    start: Callable[..., Command], target: str, reason: str
) -> None:
    command = start(target, "--processes", "2")
    assert command.end() == 1
    assert command.has_logged(re.escape(reason))


def test_a_module_that_imports_what_is_missing_shows_where(
    start: Callable[..., Command], tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text("import not_installed")
    command = start("broken:version")
    assert command.end() == 1
    assert command.has_logged("broken.py.*line 1") and command.has_logged("not_installed")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["tasks"], "must be [NAME=]MODULE:FUNCTION, not 'tasks'"),
        (["tasks:version", "-p", "0"], "must be a number from 1 on, not '0'"),
        ([], "required"),
    ],
)
def test_a_wrong_command_line_ends_with_2_and_says_why(arguments: list[str], reason: str) -> None:
    command = [sys.executable, "-m", "libgearman", "worker", *arguments]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=LONG)
    assert done.returncode == 2 and reason in done.stderr


def test_a_server_that_is_written_wrongly_ends_the_start(start: Callable[..., Command]) -> None:
    command = start("tasks:version", "--server", "localhost:high", server=None)
    assert command.end() == 1
    assert command.has_logged("a server must be .*, not 'localhost:high'")
