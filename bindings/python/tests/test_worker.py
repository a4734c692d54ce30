"""A worker: functions, their results and exceptions, stopping."""

from __future__ import annotations

import logging
import os
import threading
from typing import Callable, Iterator

import pytest

from conftest import LONG, Server, free_port, until, working_on
from libgearman import (
    Client,
    ClosedError,
    ConnectionFailed,
    EventKind,
    InvalidArgument,
    Job,
    JobException,
    JobFailed,
    RetryJob,
    ReturnCode,
    UsageError,
    Worker,
)


def test_functions_are_offered_by_decorators(server: Server, client: Client, name: str) -> None:
    with Worker(server.address, timeout=LONG) as worker:

        @worker.function
        def own_name(job: Job) -> bytes:
            return b"own"

        @worker.function(name)
        def another(job: Job) -> bytes:
            return b"given"

        @worker.function(timeout=30)
        def limited(job: Job) -> bytes:
            return b"limited"

        assert worker.functions == ["own_name", name, "limited"]
        # A decorated function can still be called.
        assert callable(own_name) and own_name.__name__ == "own_name"
        tasks = [client.add_background_task(function) for function in worker.functions]
        client.run_tasks()
        for _ in tasks:
            assert worker.work()


def test_a_job_tells_what_it_is(server: Server, client: Client, name: str) -> None:
    jobs: list[Job] = []
    task = client.add_task(name, b"w", unique="u")

    def note(job: Job) -> bytes:
        jobs.append(job)
        return job.workload

    with working_on(server, {name: note}):
        client.run_tasks()
    (job,) = jobs
    assert (job.function, job.unique, job.workload) == (name, "u", b"w")
    assert job.handle == task.handle and job.handle in repr(job)


def test_a_job_is_over_when_its_function_has_returned(
    server: Server, client: Client, name: str
) -> None:
    jobs: list[Job] = []
    with working_on(server, {name: lambda job: jobs.append(job)}):
        client.do(name, b"unread")
    for use in (jobs[0].send_fail, lambda: jobs[0].workload, lambda: jobs[0].send_data(b"x")):
        with pytest.raises(ClosedError, match="its function has returned"):
            use()


def test_a_generator_s_pieces_are_sent_as_they_come(
    server: Server, client: Client, name: str
) -> None:
    seen = threading.Event()

    def count(job: Job) -> Iterator[bytes]:
        yield b"1"
        assert seen.wait(LONG)
        yield b"2"

    with working_on(server, {name: count}):
        client.add_task(name)
        events = []
        for event in client.events():
            events.append((event.kind, event.data))
            if event.data == b"1":
                seen.set()
    assert events[1:] == [
        (EventKind.DATA, b"1"),
        (EventKind.DATA, b"2"),
        (EventKind.COMPLETE, b""),
    ]


def test_a_generator_that_raises_ends_the_job_with_the_exception(
    server: Server, client: Client, name: str
) -> None:
    def count(job: Job) -> Iterator[bytes]:
        yield b"1"
        raise OSError("broken")

    with working_on(server, {name: count}):
        with pytest.raises(JobException, match="OSError: broken"):
            client.do(name)


@pytest.mark.parametrize(
    ("result", "kind"), [("text", "str: encode it first"), (12, "int"), ([b"a"], "list")]
)
def test_a_result_that_is_no_bytes_is_an_exception(
    server: Server, client: Client, name: str, result: bytes, kind: str
) -> None:
    with working_on(server, {name: lambda job: result}):
        with pytest.raises(JobException, match="TypeError: result must be bytes, not " + kind):
            client.do(name)


def test_a_job_may_be_ended_before_its_function_returns(
    server: Server, client: Client, name: str
) -> None:
    def early(job: Job) -> bytes:
        if job.workload == b"fail":
            job.send_fail()
        elif job.workload == b"raise":
            job.send_exception(b"body")
        else:
            job.send_complete(b"early")
        job.send_data(b"dropped")
        return b"dropped"

    with working_on(server, {name: early}):
        assert client.do(name) == b"early"
        with pytest.raises(JobFailed):
            client.do(name, b"fail")
        with pytest.raises(JobException) as caught:
            client.do(name, b"raise")
        assert caught.value.body == b"body"


def test_reports_take_bytes_and_numbers_that_fit(server: Server, client: Client, name: str) -> None:
    errors: list[type[Exception]] = []

    def wrong(job: Job) -> None:
        attempts: list[Callable[[], None]] = [
            lambda: job.send_data("text"),  # type: ignore[arg-type]
            lambda: job.send_warning(None),  # type: ignore[arg-type]
            lambda: job.send_exception(b""),
            lambda: job.send_status(-1, 1),
            lambda: job.send_status(1, 2**32),
        ]
        for attempt in attempts:
            try:
                attempt()
            except Exception as error:
                errors.append(type(error))
        job.send_status(2**32 - 1, 2**32 - 1)

    with working_on(server, {name: wrong}):
        client.do(name)
    assert errors == [TypeError, TypeError, ValueError, OverflowError, OverflowError]


def test_what_a_function_raises_goes_to_the_log_and_the_worker_goes_on(
    server: Server, client: Client, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    def bad(job: Job) -> bytes:
        raise ValueError("seen in the log")

    with working_on(server, {name: bad}):
        for _ in range(2):
            with pytest.raises(JobException):
                client.do(name)
    records = [record for record in caplog.records if record.name == "libgearman.worker"]
    assert len(records) == 2 and all(record.levelno == logging.ERROR for record in records)
    assert records[0].exc_info is not None and "seen in the log" in str(records[0].exc_info[1])


def test_a_job_can_be_given_back_and_is_done_again(
    server: Server, client: Client, name: str
) -> None:
    attempts: list[str] = []

    def hesitant(job: Job) -> bytes:
        attempts.append(job.handle)
        if len(attempts) < 3:
            raise RetryJob
        return b"at last"

    with working_on(server, {name: hesitant}):
        assert client.do(name) == b"at last"
    assert len(attempts) == 3 and len(set(attempts)) == 1


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_of_a_function_comes_out_and_its_job_goes_back(
    server: Server, client: Client, name: str, interruption: type[BaseException]
) -> None:
    handle = client.do_background(name)

    def interrupted(job: Job) -> None:
        raise interruption

    with Worker(server.address, timeout=LONG) as worker:
        worker.add_function(name, interrupted)
        with pytest.raises(interruption):
            worker.work()
        # The server has the job again, for the next worker.
        seen: list[str] = []
        worker.add_function(name, lambda job: seen.append(job.handle))
        assert worker.work()
    assert seen == [handle]


def test_a_function_of_the_same_name_is_replaced(server: Server, client: Client, name: str) -> None:
    with Worker(server.address) as worker:
        worker.add_function(name, lambda job: b"old")
        worker.add_function(name, lambda job: b"new")
        task = client.add_task(name)
        thread = threading.Thread(target=worker.work)
        thread.start()
        client.run_tasks()
        thread.join()
        assert task.result() == b"new"
        assert server.workers(name) == 1


def test_a_function_can_be_taken_back(server: Server, name: str) -> None:
    with Worker(server.address, timeout=0.01) as worker:
        worker.add_function(name, lambda job: None)
        worker.add_function(f"{name}-other", lambda job: None)
        assert not worker.work()
        until(lambda: server.workers(name) == 1)
        worker.remove_function(name)
        assert not worker.work()
        until(lambda: server.workers(name) == 0)
        assert server.workers(f"{name}-other") == 1
        with pytest.raises(KeyError):
            worker.remove_function(name)


def test_work_says_whether_there_was_a_job(server: Server, client: Client, name: str) -> None:
    with Worker(server.address, timeout=0.01) as worker:
        worker.add_function(name, lambda job: None)
        assert not worker.work()
        assert not worker.stopped
        worker.timeout = LONG
        client.do_background(name)
        assert worker.work()


def test_a_timeout_is_no_error_in_the_log(
    server: Server, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Worker(server.address, timeout=0.01) as worker:
        worker.add_function(name, lambda job: None)
        assert not worker.work()
    assert [record for record in caplog.records if record.levelno > logging.DEBUG] == []


def test_a_worker_without_functions_has_nothing_to_do(server: Server) -> None:
    with Worker(server.address) as worker, pytest.raises(InvalidArgument) as caught:
        worker.work()
    assert caught.value.code is ReturnCode.NO_REGISTERED_FUNCTIONS


def test_an_asynchronous_function_is_refused(server: Server) -> None:
    async def later(job: Job) -> bytes:
        return b""

    with Worker(server.address) as worker:
        with pytest.raises(TypeError, match="use an AsyncWorker"):
            worker.add_function("f", later)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="call must be callable"):
            worker.add_function("f", b"")  # type: ignore[arg-type]


def test_no_server_is_an_error_of_work_and_in_the_log(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Worker([("127.0.0.1", free_port())]) as worker:
        worker.add_function(name, lambda job: None)
        with pytest.raises(ConnectionFailed):
            worker.work()
    assert "GEARMAN_COULD_NOT_CONNECT" in caplog.text or "Connection refused" in caplog.text


def test_run_goes_on_when_its_server_comes_back(
    own_server: Callable[..., Server], name: str
) -> None:
    server = own_server()
    with working_on(server, {name: lambda job: job.workload}):
        with Client(server.address, timeout=LONG) as client:
            assert client.do(name, b"1") == b"1"
        server.stop()
        server = own_server(server.port)
        with Client(server.address, timeout=LONG) as client:
            assert client.do(name, b"2") == b"2"


def test_an_idle_worker_stops_when_it_was_told_to(
    server: Server, client: Client, name: str
) -> None:
    for text in (b"a", b"b"):
        client.do_background(name, text)
    done = []
    with Worker(server.address) as worker:
        worker.add_function(name, lambda job: done.append(job.workload))
        worker.run(stop_when_idle=0.2)
        assert not worker.stopped
    assert done == [b"a", b"b"]
    assert server.queued(name) == 0


def test_an_idle_worker_without_a_server_says_so(name: str) -> None:
    with Worker([("127.0.0.1", free_port())]) as worker:
        worker.add_function(name, lambda job: None)
        with pytest.raises(ConnectionFailed):
            worker.run(stop_when_idle=0.2)
        with pytest.raises(ValueError):
            worker.run(stop_when_idle=-1)


def test_stop_lets_the_job_at_hand_be_done(server: Server, client: Client, name: str) -> None:
    with Worker(server.address) as worker:

        @worker.function(name)
        def last(job: Job) -> bytes:
            worker.stop()
            return b"done"

        thread = threading.Thread(target=worker.run)
        thread.start()
        assert client.do(name) == b"done"
        thread.join(LONG)
        assert not thread.is_alive()
        assert worker.stopped
        # The worker stays stopped.
        assert not worker.work()
    worker.stop()


def test_a_second_thread_may_only_stop_a_worker(server: Server, name: str) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(job: Job) -> None:
        begun.set()
        assert go_on.wait(LONG)

    with Client(server.address) as client:
        client.do_background(name)
    with working_on(server, {name: slow}) as worker:
        assert begun.wait(LONG)
        for use in (worker.work, worker.close, worker.echo):
            with pytest.raises(UsageError, match="in use by another thread"):
                use()
        worker.stop()
        go_on.set()


def test_a_worker_may_be_used_inside_its_function(
    server: Server, client: Client, name: str
) -> None:
    client.do_background(f"{name}-inner")
    with Worker(server.address, timeout=LONG) as worker:
        inner: list[bytes] = []
        worker.add_function(f"{name}-inner", lambda job: inner.append(job.workload))

        @worker.function(name)
        def outer(job: Job) -> bytes:
            worker.work()
            return b"%d" % len(inner)

        worker.remove_function(f"{name}-inner")
        client.do_background(name)
        worker.add_function(f"{name}-inner", lambda job: inner.append(job.workload))
        assert worker.work()
        assert len(inner) == 1


def test_a_worker_closed_in_its_function_gives_the_job_back(
    server: Server, client: Client, name: str
) -> None:
    client.do_background(name, b"again")
    worker = Worker(server.address, timeout=LONG)
    worker.add_function(name, lambda job: worker.close())
    assert worker.work()
    assert worker.closed
    with pytest.raises(ClosedError):
        worker.work()
    seen: list[bytes] = []
    with Worker(server.address, timeout=LONG) as other:
        other.add_function(name, lambda job: seen.append(job.workload))
        assert other.work()
    assert seen == [b"again"]


def test_run_ends_when_a_function_closes_its_worker(
    server: Server, client: Client, name: str
) -> None:
    client.do_background(name)
    with Worker(server.address) as worker:
        worker.add_function(name, lambda job: worker.close())
        worker.run()
        assert worker.closed and not worker.stopped


def test_a_job_whose_server_is_lost_is_a_connection_failure(
    own_server: Callable[..., Server], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    server = own_server()
    with Client(server.address) as client:
        client.do_background(name)
    with Worker(server.address) as worker:

        @worker.function(name)
        def outlive(job: Job) -> bytes:
            server.stop()
            # Until the connection's end has arrived, reports can be sent.
            while True:
                job.send_status(1, 2)

        with pytest.raises(ConnectionFailed):
            worker.work()
    assert "could not be sent" in caplog.text


def test_namespace_and_identifier(server: Server, name: str) -> None:
    identifier = f"worker-{os.getpid()}"
    with Client(server.address, timeout=LONG, namespace="ns-") as client:
        functions = {name: lambda job: job.function.encode()}
        with working_on(server, functions, namespace="ns-", identifier=identifier):
            assert client.do(name) == f"ns-{name}".encode()
            assert f" {identifier} : ns-{name}" in server.ask("workers")


def test_a_job_that_takes_too_long_goes_to_another_worker(
    server: Server, client: Client, name: str
) -> None:
    first, go_on = threading.Event(), threading.Event()

    def stuck(job: Job) -> None:
        first.set()
        go_on.wait(LONG)

    with Worker(server.address) as slow:
        slow.add_function(name, stuck, timeout=1)
        thread = threading.Thread(target=slow.run)
        thread.start()
        try:
            task = client.add_task(name)
            for _ in client.events():
                break
            assert first.wait(LONG)
            until(lambda: server.running(name) == 0)
            with working_on(server, {name: lambda job: b"the other"}):
                client.run_tasks()
            assert task.result() == b"the other"
        finally:
            slow.stop()
            go_on.set()
            thread.join(LONG)
