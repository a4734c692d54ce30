"""Memory and descriptors, and forked children."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import weakref

import pytest

from conftest import LONG, Server, until, working_on
from libgearman import Client, Job, JobException, Worker, callbacks


def run_script(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", script, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        timeout=4 * LONG,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    return done.stdout


def test_no_memory_is_gained_over_many_jobs(server: Server, name: str) -> None:
    """Results, failures, exceptions, streams and background jobs do not leak memory."""
    script = """
import gc, logging, os, sys, threading
from libgearman import *
logging.disable()
address, name = sys.argv[1:]
def act(job):
    if job.workload[:1] == b"f":
        raise JobFailed
    if job.workload[:1] == b"r":
        raise ValueError("x" * 1000)
    job.send_status(1, 2)
    job.send_warning(b"w" * 1000)
    yield job.workload
worker = Worker(address)
worker.add_function(name, act)
thread = threading.Thread(target=worker.run)
thread.start()
client = Client(address)
def round():
    for _ in range(100):
        client.do(name, b"d" * 100_000)
        client.do_background(name, b"b" * 1000)
        client.do_background(name, at=1)
    for kind in (b"d", b"f", b"r"):
        for _ in range(300):
            client.add_task(name, kind * 1000, on_event=lambda event: None)
        client.run_tasks()
        for _ in range(100):
            client.add_task(name, kind)
        for event in client.events():
            event.task.done and event.task.error()
    for _ in range(20):
        with Client(address) as other, Worker(address) as another:
            another.add_function(name, act)
            other.add_task(name)
            other.echo()
def size():
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
for _ in range(3):
    round()
before = size()
for _ in range(6):
    round()
print(size() - before)
worker.stop()
thread.join()
"""
    gained = int(run_script(script, server.address, name))
    # Less than a tenth of the 10,000 jobs of at least a kilobyte each.
    assert gained < 1 << 20


def test_nothing_is_kept_of_what_is_over(server: Server, client: Client, name: str) -> None:
    def act(job: Job) -> bytes:
        if job.workload:
            raise ValueError
        return b""

    with working_on(server, {name: act}):
        tasks = [client.add_task(name, workload) for workload in (b"", b"x")]
        client.run_tasks()
        with pytest.raises(JobException):
            client.do(name, b"x")
    references = [weakref.ref(task) for task in tasks]
    del tasks
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert len(callbacks.tasks) == 0


def test_a_forgotten_client_is_freed_with_its_tasks(server: Server, name: str) -> None:
    client = Client(server.address, identifier=f"forgotten-{os.getpid()}")
    client.add_task(name, on_event=lambda event: None)
    client.echo()
    assert f"forgotten-{os.getpid()}" in server.ask("workers")
    finalizer, reference = client._finalizer, weakref.ref(client)
    del client
    gc.collect()
    assert reference() is None and not finalizer.alive
    assert len(callbacks.tasks) == 0
    until(lambda: f"forgotten-{os.getpid()}" not in server.ask("workers"))


def test_a_forgotten_worker_is_freed_with_its_functions(server: Server, name: str) -> None:
    worker = Worker(server.address, timeout=0)
    worker.add_function(name, lambda job: None)
    worker.work()
    finalizer = worker._finalizer
    before = len(callbacks.functions)
    del worker
    gc.collect()
    assert not finalizer.alive
    assert len(callbacks.functions) == before - 1


def test_a_client_that_could_not_be_made_leaves_nothing(server: Server) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with pytest.raises(ValueError):
            Client(server.address, identifier="not printable \x01")
        with pytest.raises(ValueError):
            Worker(server.address, timeout=-1)
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


def test_descriptors_are_closed(server: Server) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        with Client(server.address) as client, Worker(server.address) as worker:
            client.echo()
            worker.echo()
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_program_may_end_with_everything_open(server: Server, name: str) -> None:
    """Also with a thread inside the library, for which nothing may be freed."""
    script = """
import sys, threading, time
from libgearman import *
address, name = sys.argv[1:]
client = Client(address)
client.add_task(name)
worker = Worker(address)
worker.add_function(name, lambda job: b"")
threading.Thread(target=worker.run, daemon=True).start()
print(Client(address).do(name))
"""
    assert run_script(script, server.address, name) == "b''\n"


def test_a_forked_child_has_connections_of_its_own(server: Server, name: str) -> None:
    script = """
import os, sys
from libgearman import *
address, name = sys.argv[1:]
with Worker(address) as worker, Client(address) as client:
    worker.add_function(name, lambda job: job.workload)
    client.do_background(name, b"before")
    worker.work()
    child = os.fork()
    if child == 0:
        # Both sides of the child are new to the server.
        client.do_background(name, b"child")
        worker.work()
        worker.stop()
        os._exit(0 if not worker.work() and worker.stopped else 1)
    print(os.waitpid(child, 0)[1])
    # The child's stop did not stop the parent, and its end closed none of its connections.
    client.do_background(name, b"after")
    print(worker.work(), worker.stopped)
"""
    assert run_script(script, server.address, name) == "0\nTrue False\n"


def test_workers_can_be_processes_of_multiprocessing(server: Server, name: str) -> None:
    script = """
import multiprocessing, signal, sys
from libgearman import *
address, name = sys.argv[1:]
context = multiprocessing.get_context("fork")
all_three = context.Barrier(3)
def serve(address, name):
    with Worker(address) as worker:
        @worker.function(name)
        def act(job):
            # The first three jobs can only be done together.
            if job.workload in (b"00", b"10", b"20"):
                all_three.wait()
            return job.workload
        worker.run(stop_on=[signal.SIGTERM])
children = [context.Process(target=serve, args=(address, name)) for _ in range(3)]
for child in children:
    child.start()
with Client(address) as client:
    tasks = [client.add_task(name, b"%d0" % n) for n in range(30)]
    client.run_tasks()
    print([task.result() for task in tasks] == [b"%d0" % n for n in range(30)])
for child in children:
    child.terminate()
for child in children:
    child.join()
print([child.exitcode for child in children])
"""
    assert run_script(script, server.address, name) == "True\n[0, 0, 0]\n"
