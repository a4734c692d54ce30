"""Signals, threads and the GIL while the library waits."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from conftest import LONG, Server, working_on
from libgearman import Client, Job, UsageError, Worker

# Runs in a separate process, since the signals would reach pytest. A thread sends the signal
# when the main thread waits inside this package.
PREAMBLE = """
import os, signal, sys, threading, time, warnings
import libgearman
from libgearman import Client, Worker
# The tests fork while another thread runs, on purpose.
warnings.simplefilter("ignore", DeprecationWarning)
address, name = sys.argv[1:]
# Tests that run in the background of a shell begin with Control-C ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
main, number = threading.main_thread().ident, threading.get_native_id()
package = os.path.dirname(libgearman.__file__)
def is_waiting():
    if not sys._current_frames()[main].f_code.co_filename.startswith(package):
        return False
    with open(f"/proc/self/task/{number}/stat") as file:
        return file.read().rpartition(")")[2].split()[0] == "S"
def when_waiting(act):
    def watch():
        # Several times in a row, so that it waits there.
        seen = 0
        while seen < 5:
            seen = seen + 1 if is_waiting() else 0
            time.sleep(0.01)
        act()
    threading.Thread(target=watch, daemon=True).start()
def kill_when_waiting(number):
    when_waiting(lambda: os.kill(os.getpid(), number))
"""


def run_script(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PREAMBLE + script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=LONG,
    )


WAITS = {
    "do": "client.do(name)",
    "run_tasks": "client.add_task(name); client.run_tasks()",
    "events": "client.add_task(name); list(client.events())",
    "work": "worker.work()",
    "work with a limit": "worker.timeout = 1000; worker.work()",
    "run": "worker.run()",
}


@pytest.mark.parametrize("wait", WAITS)
def test_control_c_interrupts_whatever_waits(server: Server, name: str, wait: str) -> None:
    script = f"""
client = Client(address, timeout=1000)
worker = Worker(address)
worker.add_function(name + "-never", lambda job: None)
kill_when_waiting(signal.SIGINT)
try:
    {WAITS[wait]}
except KeyboardInterrupt:
    # Both continue as before.
    client.discard_tasks()
    client.echo()
    worker.timeout = 0
    assert not worker.work()
    print("interrupted")
"""
    done = run_script(script, server.address, name)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_control_c_interrupts_a_wait_for_a_server_that_does_not_answer(name: str) -> None:
    script = """
import socket
listener = socket.create_server(("127.0.0.1", 0))
client = Client([("127.0.0.1", listener.getsockname()[1])])
kill_when_waiting(signal.SIGINT)
try:
    client.echo()
except KeyboardInterrupt:
    print("interrupted")
"""
    done = run_script(script, "-", name)
    assert (done.stdout, done.stderr, done.returncode) == ("interrupted\n", "", 0)


def test_a_signal_whose_handler_does_not_raise_disturbs_nothing(server: Server, name: str) -> None:
    script = """
handled = []
def handle(number, frame):
    handled.append(number)
    # The answer is sent after the signal.
    worker = Worker(address)
    worker.add_function(name, lambda job: b"answer")
    threading.Thread(target=worker.work).start()
signal.signal(signal.SIGUSR1, handle)
kill_when_waiting(signal.SIGUSR1)
client = Client(address)
print(client.do(name), len(handled), len(client.tasks))
"""
    done = run_script(script, server.address, name)
    assert (done.stdout, done.stderr, done.returncode) == ("b'answer' 1 0\n", "", 0)


def test_signals_do_not_put_a_time_limit_off(server: Server, name: str) -> None:
    script = """
signal.signal(signal.SIGALRM, lambda number, frame: None)
signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
client = Client(address, timeout=0.3)
try:
    client.do(name)
except TimeoutError:
    print("client")
worker = Worker(address, timeout=0.3)
worker.add_function(name + "-never", lambda job: None)
print("worker", worker.work())
signal.setitimer(signal.ITIMER_REAL, 0)
"""
    done = run_script(script, server.address, name)
    assert (done.stdout, done.stderr, done.returncode) == ("client\nworker False\n", "", 0)


def test_control_c_in_a_function_gives_its_job_back(server: Server, name: str) -> None:
    script = """
worker = Worker(address)
attempts = []
def act(job):
    attempts.append(job.handle)
    if len(attempts) == 1:
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            time.sleep(1)
worker.add_function(name, act)
Client(address).do_background(name)
try:
    worker.work()
except KeyboardInterrupt:
    worker.work()
print(len(attempts), len(set(attempts)))
"""
    done = run_script(script, server.address, name)
    assert (done.stdout, done.stderr, done.returncode) == ("2 1\n", "", 0)


@pytest.mark.parametrize("when", ["waiting", "working"])
def test_a_stop_signal_ends_run_after_the_job_at_hand(server: Server, name: str, when: str) -> None:
    script = f"""
worker = Worker(address)
finished = []
def act(job):
    if "{when}" == "working":
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.01)
    finished.append(job.handle)
worker.add_function(name, act)
Client(address).do_background(name)
if "{when}" == "waiting":
    kill_when_waiting(signal.SIGTERM)
worker.run(stop_on=[signal.SIGTERM, signal.SIGINT])
print(len(finished), worker.stopped, flush=True)
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
"""
    done = run_script(script, server.address, name)
    # The signal has its old handler again.
    assert (done.stdout, done.stderr, done.returncode) == ("1 True\n", "", -signal.SIGTERM)


def test_a_stop_signal_to_a_forked_child_ends_the_child_alone(server: Server, name: str) -> None:
    script = """
worker = Worker(address)
def act(job):
    child = os.fork()
    if child == 0:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)
        os._exit(0)
    return b"%d" % os.WTERMSIG(os.waitpid(child, 0)[1])
worker.add_function(name, act)
result = []
def ask():
    client = Client(address)
    result.append(client.do(name))
    # The worker still runs.
    result.append(client.do(name))
    worker.stop()
threading.Thread(target=ask).start()
worker.run(stop_on=[signal.SIGTERM])
print(result)
"""
    done = run_script(script, server.address, name)
    assert (done.stdout, done.stderr, done.returncode) == ("[b'15', b'15']\n", "", 0)


def test_one_worker_at_a_time_is_stopped_by_signals(server: Server, name: str) -> None:
    with Worker(server.address) as worker, Worker(server.address) as other:

        @worker.function(name)
        def act(job: Job) -> None:
            worker.stop()
            with pytest.raises(UsageError, match="another worker of this process"):
                other.run(stop_on=[signal.SIGUSR1])

        with Client(server.address) as client:
            client.do_background(name)
        worker.run(stop_on=[signal.SIGUSR1])
        with pytest.raises(OSError, match="signal 9"):
            other.run(stop_on=[signal.SIGKILL])


def test_other_threads_go_on_while_the_library_waits(
    server: Server, client: Client, name: str
) -> None:
    """The worker's thread can only run if the client waits without the GIL."""
    turns = 0

    def play(job: Job) -> bytes:
        nonlocal turns
        for _ in range(1000):
            turns += 1
            time.sleep(0)
        return b"played"

    with working_on(server, {name: play}):
        assert client.do(name) == b"played"
    assert turns == 1000


def test_clients_of_many_threads_work_side_by_side(server: Server, name: str) -> None:
    results: list[bytes] = []

    def ask(n: int) -> None:
        with Client(server.address, timeout=LONG) as client:
            for m in range(20):
                results.append(client.do(name, b"%d.%d" % (n, m)))

    with working_on(server, {name: lambda job: job.workload}):
        threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(results) == sorted(b"%d.%d" % (n, m) for n in range(8) for m in range(20))
