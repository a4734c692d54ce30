"""Callbacks and functions that are suspended in greenlets.

A greenlet that is suspended has its part of the stack copied away, and others run
there: what the library finds on the stack says nothing about its calls.
"""

from __future__ import annotations

import threading
from typing import Any, Callable, Iterator

import pytest
from conftest import LONG, Server, until, working_on
from libgearman import Client, Event, EventKind, Job, Worker

greenlet = pytest.importorskip("greenlet")


@pytest.fixture
def reverse(server: Server, name: str) -> Iterator[str]:
    """A function of a worker in another thread."""
    with working_on(server, {name: lambda job: job.workload[::-1]}):
        yield name


def suspend(*values: Any) -> Any:
    """Switches to the parent of the current greenlet."""
    return greenlet.getcurrent().parent.switch(*values)


def deeper(depth: int, call: Callable[[], Any]) -> Any:
    """Calls a function further down the stack."""
    return deeper(depth - 1, call) if depth else call()


def recorder(events: list[EventKind], at: EventKind) -> Callable[[Event], None]:
    """An event function that suspends its greenlet at the first event of a kind."""

    def record(event: Event) -> None:
        suspends = event.kind == at and at not in events
        events.append(event.kind)
        if suspends:
            suspend()

    return record


@pytest.mark.parametrize("depth", [0, 30])
@pytest.mark.parametrize("at", [EventKind.CREATED, EventKind.COMPLETE])
def test_a_client_is_used_while_a_callback_is_suspended(
    client: Client, reverse: str, at: EventKind, depth: int
) -> None:
    events: list[EventKind] = []
    task = client.add_task(reverse, b"abc", on_event=recorder(events, at))
    run = greenlet.greenlet(lambda: deeper(30 - depth, client.run_tasks))
    run.switch()
    assert events[-1] == at
    seen = list(events)
    assert deeper(depth, lambda: client.do(reverse, b"def")) == b"fed"
    other = client.add_task(reverse, b"ghi")
    deeper(depth, client.run_tasks)
    assert other.result() == b"ihg"
    assert events == seen and not run.dead
    run.switch()
    assert run.dead
    assert task.result() == b"cba"
    assert events == [EventKind.CREATED, EventKind.COMPLETE]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_several_greenlets_run_one_client(
    client: Client, reverse: str, order: tuple[int, ...]
) -> None:
    tasks, runs = [], []
    for number in range(3):
        record = recorder([], EventKind.COMPLETE)
        tasks.append(client.add_task(reverse, b"task %d" % number, on_event=record))
        runs.append(greenlet.greenlet(client.run_tasks))
        runs[number].switch()
    for number in order:
        runs[number].switch()
        assert runs[number].dead
    assert [task.result() for task in tasks] == [b"0 ksat", b"1 ksat", b"2 ksat"]


def test_a_do_whose_callbacks_are_suspended_has_its_result(client: Client, reverse: str) -> None:
    results: list[bytes] = []

    def do() -> None:
        record = recorder([], EventKind.CREATED)
        results.append(client.do(reverse, b"abc", on_event=record))

    run = greenlet.greenlet(do)
    run.switch()
    client.echo()
    assert client.do(reverse, b"def") == b"fed"
    run.switch()
    assert run.dead and results == [b"cba"]


def test_a_client_closed_meanwhile_is_freed_when_the_callback_has_returned(
    server: Server, reverse: str
) -> None:
    client = Client(server.address, timeout=LONG)
    client.add_task(reverse, b"abc", on_event=recorder([], EventKind.CREATED))
    ended: list[BaseException] = []

    def run_tasks() -> None:
        try:
            client.run_tasks()
        except Exception as exception:
            ended.append(exception)

    run = greenlet.greenlet(run_tasks)
    run.switch()
    client.close()
    assert client.closed and not run.dead
    run.switch()
    assert run.dead
    assert client._pointer is None


def test_a_greenlet_that_is_destroyed_ends_its_run(client: Client, reverse: str) -> None:
    client.add_task(reverse, b"abc", on_event=recorder([], EventKind.CREATED))
    run = greenlet.greenlet(client.run_tasks)
    run.switch()
    del run
    assert client.do(reverse, b"def") == b"fed"


def test_a_worker_is_used_while_its_function_is_suspended(
    server: Server, client: Client, name: str
) -> None:
    suspended: list[Job] = []

    def function(job: Job) -> bytes:
        if job.workload != b"at once":
            suspended.append(job)
            suspend()
        return job.workload.upper()

    results: dict[bytes, bytes] = {}

    def ask(workload: bytes) -> threading.Thread:
        def do() -> None:
            with Client(server.address, timeout=LONG) as one:
                results[workload] = one.do(name, workload)

        thread = threading.Thread(target=do)
        thread.start()
        return thread

    with Worker(server.address, timeout=LONG) as worker:
        worker.add_function(name, function)
        threads = [ask(b"first")]
        runs = [greenlet.greenlet(worker.work)]
        runs[0].switch()
        suspended[0].send_status(1, 2)
        threads.append(ask(b"second"))
        runs.append(greenlet.greenlet(worker.work))
        runs[1].switch()
        worker.echo()
        threads.append(ask(b"at once"))
        assert deeper(20, worker.work)
        suspended[0].send_status(2, 2)
        for run in runs:
            assert run.switch() is True
        for thread in threads:
            thread.join(LONG)
    assert results == {b"first": b"FIRST", b"second": b"SECOND", b"at once": b"AT ONCE"}


def test_greenlets_of_gevent_take_turns_in_callbacks(server: Server, reverse: str) -> None:
    gevent = pytest.importorskip("gevent")
    order: list[int] = []

    def one(number: int) -> bytes:
        def turn(event: Event) -> None:
            order.append(number)
            gevent.sleep(0)

        with Client(server.address, timeout=LONG) as client:
            task = client.add_task(reverse, b"task %d" % number, on_event=turn)
            client.run_tasks()
            return task.result()

    with gevent.Timeout(LONG):
        jobs = [gevent.spawn(one, number) for number in range(4)]
        gevent.joinall(jobs, raise_error=True)
    assert [job.value for job in jobs] == [b"%d ksat" % number for number in range(4)]
    # Each greenlet had its first event before any had its second.
    assert set(order[:4]) == set(range(4))


def test_greenlets_of_gevent_share_a_worker(server: Server, client: Client, name: str) -> None:
    gevent = pytest.importorskip("gevent")
    gevent_event = pytest.importorskip("gevent.event")
    told = gevent_event.Event()
    started: list[Job] = []

    def function(job: Job) -> bytes:
        started.append(job)
        told.wait()
        return job.workload.upper()

    with Worker(server.address, timeout=LONG) as worker:
        worker.add_function(name, function)
        handles = [client.do_background(name, b"job") for _ in range(3)]
        with gevent.Timeout(LONG):
            works = [gevent.spawn(worker.work) for _ in handles]
            while len(started) < len(handles):
                gevent.sleep(0)
            for job in started:
                job.send_status(1, 2)
            told.set()
            gevent.joinall(works, raise_error=True)
        assert [work.value for work in works] == [True] * 3
        # A server with several threads may handle the results after this.
        until(lambda: server.queued(name) == 0)
