"""The README's examples, run with the address of a test server."""

from __future__ import annotations

import pathlib
import re
import signal
import subprocess
import sys

import pytest

from conftest import LONG, Server, until
from libgearman import Client

README = pathlib.Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(python|text)\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
#: Each example, with what it prints.
EXAMPLES = [
    (code, BLOCKS[n + 1][1] if n + 1 < len(BLOCKS) and BLOCKS[n + 1][0] == "text" else "")
    for n, (kind, code) in enumerate(BLOCKS)
    if kind == "python"
]
WORKERS = [code for code, output in EXAMPLES if not output]
PROGRAMS = [(code, output) for code, output in EXAMPLES if output]


def start(code: str, server: Server, output: int) -> subprocess.Popen[str]:
    assert "localhost:4730" in code
    code = code.replace("localhost:4730", server.address)
    return subprocess.Popen([sys.executable, "-c", code], stdout=output, text=True)


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_an_example_prints_the_output_below_it(server: Server, number: int) -> None:
    workers = [start(code, server, subprocess.DEVNULL) for code in WORKERS]
    try:
        until(lambda: all(server.workers(function) for function in ("reverse", "shout")))
        code, expected = PROGRAMS[number]
        program = start(code, server, subprocess.PIPE)
        output, _ = program.communicate(timeout=LONG)
        assert (output, program.returncode) == (expected, 0)
    finally:
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        codes = [worker.wait(LONG) for worker in workers]
    # SIGTERM kills the first one; the second one handles it.
    assert codes == [-signal.SIGTERM, 0]


def test_there_are_examples_of_both_kinds() -> None:
    assert (len(WORKERS), len(PROGRAMS)) == (2, 7)


def test_the_worker_command_runs_as_documented(
    server: Server, client: Client, tmp_path: pathlib.Path
) -> None:
    section = README.read_text(encoding="utf-8").split("## The worker command")[1]
    command, module = re.findall(r"```(?:sh|py)\n(.*?)```", section, re.DOTALL)[:2]
    (tmp_path / "tasks.py").write_text(module)
    words = command.replace("localhost:4730", server.address).split()
    assert words.pop(0) == "python"
    worker = subprocess.Popen([sys.executable, *words], cwd=tmp_path)
    try:
        assert client.call("add", [1, 2]) == 3
        until(lambda: server.workers("add") == 4)
        # As its service does, except for the path of the program.
        (unit,) = re.findall(r"^ExecStart=\S+ (.*)$", section, re.MULTILINE)
        assert unit.split() == words[: words.index("--server")]
    finally:
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(LONG) == 0
