"""Concurrent tasks: events, callbacks, iteration, errors."""

from __future__ import annotations

import threading
from typing import Callable

import pytest

from conftest import LONG, Server, free_port, working_on
from libgearman import (
    Client,
    ClosedError,
    ConnectionFailed,
    Event,
    EventKind,
    Job,
    JobException,
    JobFailed,
    ReturnCode,
    Task,
    TimedOut,
    UsageError,
)


def everything(job: Job) -> bytes:
    """Sends one report of each kind, then ends as the workload says."""
    job.send_data(b"data")
    job.send_warning(b"warning")
    job.send_status(1, 2)
    if job.workload == b"fail":
        raise JobFailed
    if job.workload == b"raise":
        raise LookupError("gone")
    return b"end"


def test_tasks_run_together_and_keep_their_results(
    server: Server, client: Client, name: str
) -> None:
    with working_on(server, {name: lambda job: job.workload * 2}):
        tasks = [client.add_task(name, b"%d" % n) for n in range(100)]
        assert not any(task.done for task in tasks)
        assert client.tasks == tasks
        client.run_tasks()
    assert [task.result() for task in tasks] == [b"%d%d" % (n, n) for n in range(100)]
    assert client.tasks == []


def test_each_event_comes_once_with_what_belongs_to_it(
    server: Server, client: Client, name: str
) -> None:
    events: dict[bytes, list[tuple[EventKind, bytes, int, int]]] = {}

    def note(event: Event) -> None:
        events.setdefault(event.task.context, []).append(
            (event.kind, event.data, event.numerator, event.denominator)
        )

    with working_on(server, {name: everything}):
        for ending in (b"end", b"fail", b"raise"):
            client.add_task(name, ending, context=ending, on_event=note)
        client.run_tasks()
    begin = [
        (EventKind.CREATED, b"", 0, 0),
        (EventKind.DATA, b"data", 0, 0),
        (EventKind.WARNING, b"warning", 0, 0),
        (EventKind.STATUS, b"", 1, 2),
    ]
    assert all(seen[:4] == begin for seen in events.values())
    assert events[b"end"][4:] == [(EventKind.COMPLETE, b"end", 1, 2)]
    assert events[b"fail"][4:] == [(EventKind.FAIL, b"", 1, 2)]
    ((kind, body, _, _),) = events[b"raise"][4:]
    assert kind is EventKind.EXCEPTION and b"LookupError" in body


def test_a_finished_task_tells_what_became_of_it(server: Server, client: Client, name: str) -> None:
    with working_on(server, {name: everything}):
        good, bad, raised = (client.add_task(name, how) for how in (b"", b"fail", b"raise"))
        client.run_tasks()
    assert good.code is ReturnCode.SUCCESS and good.error() is None
    assert good.result() == b"dataend" and good.warnings == [b"warning"]
    assert good.handle.startswith("H:") and len(good.unique) == 36
    assert not good.status.known and not good.status.running
    assert isinstance(bad.error(), JobFailed)
    with pytest.raises(JobFailed):
        bad.result()
    with pytest.raises(JobException, match="LookupError: gone"):
        raised.result()
    # The data before the end is kept.
    assert raised.data == b"data"


def test_an_unfinished_task_has_no_result(client: Client, name: str) -> None:
    task = client.add_task(name)
    with pytest.raises(UsageError, match="not finished"):
        task.result()


def test_events_can_be_iterated_over_as_they_come(
    server: Server, client: Client, name: str
) -> None:
    go_on = threading.Event()

    def slow(job: Job) -> bytes:
        job.send_data(b"first")
        # The second piece is sent only after the first has been seen.
        assert go_on.wait(LONG)
        return b"second"

    with working_on(server, {name: slow}):
        client.add_task(name)
        seen = []
        for event in client.events():
            seen.append((event.kind, event.data))
            if event.kind is EventKind.DATA:
                go_on.set()
    assert seen == [
        (EventKind.CREATED, b""),
        (EventKind.DATA, b"first"),
        (EventKind.COMPLETE, b"second"),
    ]


def test_tasks_may_be_added_while_events_are_taken(
    server: Server, client: Client, name: str
) -> None:
    with working_on(server, {name: lambda job: job.workload}):
        client.add_task(name, b"0")
        results = []
        for event in client.events():
            if event.kind is EventKind.COMPLETE:
                results.append(event.data)
                if len(results) < 5:
                    client.add_task(name, b"%d" % len(results))
    assert results == [b"0", b"1", b"2", b"3", b"4"]


def test_an_iteration_may_be_left_and_taken_up(server: Server, client: Client, name: str) -> None:
    with working_on(server, {name: everything}):
        task = client.add_task(name)
        for event in client.events():
            break
        assert event.kind is EventKind.CREATED
        assert [event.kind for event in client.events()][-1] is EventKind.COMPLETE
    assert task.result() == b"dataend"


def test_events_without_tasks_are_none(client: Client) -> None:
    assert list(client.events()) == []


def test_data_need_not_be_kept(server: Server, client: Client, name: str) -> None:
    pieces: list[bytes] = []
    with working_on(server, {name: everything}):
        task = client.add_task(
            name, keep_data=False, on_event=lambda event: pieces.append(event.data)
        )
        client.run_tasks()
    assert task.result() == b""
    assert b"".join(pieces) == b"datawarningend"


def test_background_tasks_are_done_with_their_handles(client: Client, name: str) -> None:
    events: list[EventKind] = []
    tasks = [
        client.add_background_task(name, on_event=lambda event: events.append(event.kind)),
        client.add_background_task(
            name, at=2**40, on_event=lambda event: events.append(event.kind)
        ),
    ]
    client.run_tasks()
    assert all(task.done and task.handle.startswith("H:") for task in tasks)
    assert events == [EventKind.CREATED] * 2
    assert client.tasks == []


def test_states_are_asked_for_together(client: Client, name: str) -> None:
    handle = client.do_background(name, unique=name)
    by_handle = client.add_status_task(handle)
    by_unique = client.add_status_task(unique=name)
    unknown = client.add_status_task("H:unknown:1")
    client.run_tasks()
    assert by_handle.status.known and by_unique.status.known
    assert not unknown.status.known and unknown.result() == b""
    with pytest.raises(TypeError):
        client.add_status_task(handle, unique=name)


def test_a_callback_that_raises_ends_the_run_and_the_exception_comes_out(
    server: Server, client: Client, name: str
) -> None:
    def refuse(event: Event) -> None:
        if event.kind is EventKind.DATA:
            raise KeyError("mine")

    with working_on(server, {name: everything}):
        task = client.add_task(name, on_event=refuse)
        with pytest.raises(KeyError, match="mine") as caught:
            client.run_tasks()
        # The traceback includes the line that raised it.
        assert caught.traceback[-1].name == "refuse"
        assert not task.done
        # The event counts as delivered; the task continues.
        client.run_tasks()
    assert task.result() == b"dataend"


@pytest.mark.parametrize("kind", [EventKind.CREATED, EventKind.STATUS, EventKind.COMPLETE])
def test_each_event_is_told_once_though_its_callback_raises(
    server: Server, client: Client, name: str, kind: EventKind
) -> None:
    seen: list[EventKind] = []

    def note(event: Event) -> None:
        seen.append(event.kind)
        if event.kind is kind:
            raise RuntimeError

    with working_on(server, {name: everything}):
        task = client.add_task(name, on_event=note)
        with pytest.raises(RuntimeError):
            client.run_tasks()
        client.run_tasks()
    assert len(seen) == len(set(seen)) == 5
    assert task.result() == b"dataend" and client.tasks == []


def test_a_callback_that_raises_under_do_gives_the_job_up(
    server: Server, client: Client, name: str
) -> None:
    def refuse(event: Event) -> None:
        raise ValueError("no")

    with working_on(server, {name: everything}):
        with pytest.raises(ValueError, match="no"):
            client.do(name, on_event=refuse)
        assert client.tasks == []
        assert client.do(name) == b"dataend"


def test_do_leaves_other_tasks_to_their_own_run(server: Server, client: Client, name: str) -> None:
    other = client.add_task(f"{name}-never")
    with working_on(server, {name: everything}):
        assert client.do(name) == b"dataend"
    assert client.tasks == [other]


def test_jobs_may_be_submitted_inside_a_callback(server: Server, client: Client, name: str) -> None:
    inner: list[bytes] = []

    def nest(event: Event) -> None:
        if event.kind is EventKind.DATA:
            inner.append(client.do(name, b"inner"))

    with working_on(server, {name: everything}):
        assert client.do(name, on_event=nest) == b"dataend"
    assert inner == [b"dataend"]


def test_a_task_can_be_discarded(server: Server, client: Client, name: str) -> None:
    task = client.add_task(name)
    task.discard()
    task.discard()
    assert client.tasks == [] and not task.done
    with pytest.raises(ClosedError):
        task.result()
    client.add_task(name)
    client.discard_tasks()
    client.run_tasks()
    assert server.queued(name) == 0


def test_a_task_may_discard_itself(server: Server, client: Client, name: str) -> None:
    with working_on(server, {name: everything}):
        tasks = [
            client.add_task(name, on_event=lambda event: event.task.discard()) for _ in range(3)
        ]
        client.run_tasks()
    assert client.tasks == [] and not any(task.done for task in tasks)


def test_a_task_discarded_under_do_is_waited_for_no_more(
    server: Server, client: Client, name: str
) -> None:
    with working_on(server, {name: everything}):
        with pytest.raises(ClosedError, match="was discarded"):
            client.do(name, on_event=lambda event: event.task.discard())
        assert client.do(name) == b"dataend"


def test_events_can_be_taken_inside_a_callback(server: Server, client: Client, name: str) -> None:
    inner: list[EventKind] = []

    def nest(event: Event) -> None:
        if event.kind is EventKind.DATA:
            client.add_task(name)
            inner.extend(one.kind for one in client.events())

    with working_on(server, {name: everything}):
        assert client.do(name, on_event=nest) == b"dataend"
    assert inner[0] is EventKind.CREATED and inner[-1] is EventKind.COMPLETE


def test_a_client_may_be_closed_inside_a_callback(
    server: Server, client: Client, name: str
) -> None:
    with working_on(server, {name: everything}):
        tasks = [client.add_task(name, on_event=lambda event: client.close()) for _ in range(3)]
        with pytest.raises(ClosedError):
            client.run_tasks()
    assert client.closed and not any(task.done for task in tasks)


def test_tasks_of_a_closed_client_say_so(server: Server, name: str) -> None:
    with Client(server.address) as client:
        task = client.add_task(name)
    with pytest.raises(ClosedError):
        task.result()
    task.discard()


def test_tasks_stay_for_another_run_when_no_server_can_be_reached(
    own_server: Callable[..., Server], name: str
) -> None:
    port = free_port()
    with Client([("127.0.0.1", port)], timeout=LONG) as client:
        task = client.add_background_task(name)
        for attempt in (client.run_tasks, lambda: list(client.events())):
            with pytest.raises(ConnectionFailed):
                attempt()
        assert client.tasks == [task]
        own_server(port)
        client.run_tasks()
    assert task.handle.startswith("H:")


def test_a_task_whose_server_is_lost_ends_with_an_error_event(
    own_server: Callable[..., Server], name: str
) -> None:
    server = own_server()
    seen: list[Event] = []

    def note(event: Event) -> None:
        seen.append(event)
        if event.kind is EventKind.CREATED:
            server.stop()

    with Client(server.address, timeout=LONG) as client:
        task = client.add_task(name, on_event=note)
        client.run_tasks()
        assert [event.kind for event in seen] == [EventKind.CREATED, EventKind.ERROR]
        assert task.code is ReturnCode.LOST_CONNECTION
        with pytest.raises(ConnectionFailed):
            task.result()


def test_what_a_callback_raises_at_such_an_end_comes_out_too(
    own_server: Callable[..., Server], name: str
) -> None:
    server = own_server()

    def note(event: Event) -> None:
        if event.kind is EventKind.CREATED:
            server.stop()
        else:
            raise KeyError(event.kind)

    with Client(server.address, timeout=LONG) as client:
        task = client.add_task(name, on_event=note)
        with pytest.raises(KeyError):
            client.run_tasks()
        assert task.done and client.tasks == []


@pytest.mark.parametrize("run", [Client.run_tasks, lambda client: list(client.events())])
def test_silence_ends_a_run_and_not_its_tasks(
    server: Server, client: Client, name: str, run: Callable[[Client], object]
) -> None:
    client.timeout = 0.05
    task = client.add_task(name)
    with pytest.raises(TimedOut):
        run(client)
    assert client.tasks == [task]
    client.timeout = LONG
    with working_on(server, {name: everything}):
        run(client)
    assert task.result() == b"dataend"


def test_a_task_outlives_its_client(server: Server, name: str) -> None:
    def make() -> Task:
        with Client(server.address, timeout=LONG) as client:
            task = client.add_task(name, b"x")
            client.run_tasks()
            return task

    with working_on(server, {name: everything}):
        assert make().result() == b"dataend"
