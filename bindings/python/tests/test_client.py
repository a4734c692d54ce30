"""A client's single jobs: results, failures, settings, requests."""

from __future__ import annotations

import os
import threading
from datetime import datetime, timedelta, timezone

import pytest

from conftest import LONG, Server, free_port, until, working_on
from libgearman import (
    Client,
    ClosedError,
    ConnectionFailed,
    EventKind,
    GearmanError,
    InvalidArgument,
    Job,
    JobException,
    JobFailed,
    Priority,
    ReturnCode,
    ServerError,
    TimedOut,
    UsageError,
)


def reverse(job: Job) -> bytes:
    return job.workload[::-1]


def test_a_job_s_result_is_bytes(server: Server, client: Client, name: str) -> None:
    with working_on(server, {name: reverse}):
        assert client.do(name, b"Hello World!") == b"!dlroW olleH"


@pytest.mark.parametrize("workload", [bytearray(b"abc"), memoryview(b"xabc")[1:]])
def test_whatever_holds_bytes_is_a_workload(
    server: Server, client: Client, name: str, workload: bytearray
) -> None:
    with working_on(server, {name: reverse}):
        assert client.do(name, workload) == b"cba"


def test_bytes_of_every_value_arrive_unchanged(server: Server, client: Client, name: str) -> None:
    workload = bytes(range(256)) * 8192
    with working_on(server, {name: lambda job: job.workload}):
        assert client.do(name, workload) == workload


def test_no_workload_and_no_result_are_empty_bytes(
    server: Server, client: Client, name: str
) -> None:
    seen: list[bytes] = []
    with working_on(server, {name: lambda job: seen.append(job.workload)}):
        assert client.do(name) == b""
    assert seen == [b""]


def test_a_job_that_fails_raises_job_failed(server: Server, client: Client, name: str) -> None:
    def fail(job: Job) -> bytes:
        raise JobFailed

    with working_on(server, {name: fail}):
        with pytest.raises(JobFailed) as caught:
            client.do(name)
    error = caught.value
    assert (error.code, error.reason) == (ReturnCode.WORK_FAIL, None)
    assert error.task is not None and error.task.done
    assert str(error) == f"the job {error.task.handle} of {name!r} failed"


@pytest.mark.parametrize("reason", ["not today", "schön \udcff", "{}"])
def test_the_reason_of_a_failed_job_reaches_its_client(
    server: Server, client: Client, name: str, reason: str
) -> None:
    def fail(job: Job) -> bytes:
        raise JobFailed(reason)

    sent = reason.encode("utf-8", "backslashreplace")
    with working_on(server, {name: fail}):
        with pytest.raises(JobFailed) as caught:
            client.do(name)
        assert str(caught.value) == caught.value.reason == sent.decode()
        # On the wire it is plain text, which every language can show.
        assert isinstance(caught.value, JobException) and caught.value.body == sent
        with Client(server.address, timeout=LONG, exceptions=False) as other:
            with pytest.raises(JobFailed) as caught:
                other.do(name)
            assert caught.value.reason is None


def test_an_error_may_be_the_reason(server: Server, client: Client, name: str) -> None:
    def fail(job: Job) -> bytes:
        raise JobFailed(ValueError("too large"))

    with working_on(server, {name: fail}):
        with pytest.raises(JobFailed, match="^too large$"):
            client.do(name)


def test_what_a_worker_raises_arrives_with_type_message_and_traceback(
    server: Server, client: Client, name: str
) -> None:
    def divide(job: Job) -> bytes:
        return b"%d" % (1 // len(job.workload))

    with working_on(server, {name: divide}):
        with pytest.raises(JobException) as caught:
            client.do(name)
    error = caught.value
    assert error.type == "ZeroDivisionError"
    assert error.message == "integer division or modulo by zero"
    assert error.traceback is not None
    assert error.traceback.startswith("Traceback (most recent call last):")
    assert 'return b"%d" % (1 // len(job.workload))' in error.traceback
    assert str(error) == "ZeroDivisionError: integer division or modulo by zero"
    assert error.code is ReturnCode.WORK_EXCEPTION


def test_without_exceptions_a_worker_s_exception_is_a_failure(server: Server, name: str) -> None:
    with Client(server.address, timeout=LONG, exceptions=False) as client:
        with working_on(server, {name: lambda job: b"" + 1}):  # type: ignore[operator]
            with pytest.raises(JobFailed):
                client.do(name)


def test_an_exception_body_of_another_program_is_kept_as_bytes(
    server: Server, client: Client, name: str
) -> None:
    def raise_it(job: Job) -> None:
        job.send_exception(b"\xffbad")

    with working_on(server, {name: raise_it}):
        with pytest.raises(JobException) as caught:
            client.do(name)
    assert caught.value.body == b"\xffbad"
    assert caught.value.type is caught.value.message is caught.value.traceback is None
    assert str(caught.value) == "\\xffbad"


def test_the_client_goes_on_after_a_failed_job(server: Server, client: Client, name: str) -> None:
    def sometimes(job: Job) -> bytes:
        if job.workload == b"bad":
            raise ValueError(job.workload)
        return job.workload

    with working_on(server, {name: sometimes}):
        with pytest.raises(JobException):
            client.do(name, b"bad")
        assert client.do(name, b"good") == b"good"


def test_pieces_are_joined_to_the_result_and_warnings_are_not(
    server: Server, client: Client, name: str
) -> None:
    def piecemeal(job: Job) -> bytes:
        job.send_data(b"one ")
        job.send_warning(b"careful")
        job.send_status(1, 2)
        job.send_data(b"two ")
        return b"three"

    kinds: list[EventKind] = []
    with working_on(server, {name: piecemeal}):
        result = client.do(name, on_event=lambda event: kinds.append(event.kind))
    assert result == b"one two three"
    assert kinds == [
        EventKind.CREATED,
        EventKind.DATA,
        EventKind.WARNING,
        EventKind.STATUS,
        EventKind.DATA,
        EventKind.COMPLETE,
    ]


def test_a_background_job_has_a_handle_and_is_done_later(
    server: Server, client: Client, name: str
) -> None:
    handle = client.do_background(name, b"later")
    assert handle.startswith("H:")
    done = threading.Event()
    seen: list[tuple[str, bytes]] = []

    def note(job: Job) -> None:
        seen.append((job.handle, job.workload))
        done.set()

    with working_on(server, {name: note}):
        assert done.wait(LONG)
    assert seen == [(handle, b"later")]


def test_jobs_of_higher_priority_are_done_first(server: Server, client: Client, name: str) -> None:
    for priority in (Priority.LOW, Priority.NORMAL, Priority.HIGH):
        client.do_background(name, priority.name.encode(), priority=priority)
    order: list[bytes] = []
    done = threading.Event()

    def note(job: Job) -> None:
        order.append(job.workload)
        if len(order) == 3:
            done.set()

    with working_on(server, {name: note}):
        assert done.wait(LONG)
    assert order == [b"HIGH", b"NORMAL", b"LOW"]


@pytest.mark.parametrize("priority", list(Priority))
def test_a_job_of_each_priority_is_waited_for(
    server: Server, client: Client, name: str, priority: Priority
) -> None:
    with working_on(server, {name: reverse}):
        assert client.do(name, b"ab", priority=priority) == b"ba"


def test_a_job_for_the_past_can_be_done_now(server: Server, client: Client, name: str) -> None:
    done = threading.Event()
    with working_on(server, {name: lambda job: done.set()}):
        client.do_background(name, at=datetime.now(timezone.utc) - timedelta(hours=1))
        # A server that wakes no worker for it gives the job to a worker that connects.
        client.do_background(name)
        assert done.wait(LONG)


def test_a_job_for_the_future_is_not_begun(server: Server, client: Client, name: str) -> None:
    handle = client.do_background(name, b"tomorrow", at=datetime.now() + timedelta(days=1))
    seen: list[bytes] = []
    done = threading.Event()

    def note(job: Job) -> None:
        seen.append(job.workload)
        done.set()

    with working_on(server, {name: note}):
        client.do_background(name, b"now")
        assert done.wait(LONG)
    assert seen == [b"now"]
    assert client.status(handle)[:2] == (True, False)


def test_a_job_s_state_is_asked_for_by_its_handle(
    server: Server, client: Client, name: str
) -> None:
    handle = client.do_background(name)
    assert client.status(handle) == (True, False, 0, 0, None)
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def slow(job: Job) -> None:
        job.send_status(3, 4)
        begun.set()
        assert go_on.wait(LONG)
        job.send_complete()
        done.set()

    with working_on(server, {name: slow}):
        assert begun.wait(LONG)
        until(lambda: client.status(handle) == (True, True, 3, 4, None))
        go_on.set()
        assert done.wait(LONG)
        until(lambda: client.status(handle) == (False, False, 0, 0, None))


def test_a_job_s_state_is_asked_for_by_its_unique_id(client: Client, name: str) -> None:
    client.do_background(name, unique=name)
    status = client.unique_status(name)
    assert status.known and not status.running and status.clients is not None
    assert not client.unique_status(f"not-{name}").known


def test_jobs_of_one_unique_id_are_one_job(server: Server, client: Client, name: str) -> None:
    first = client.do_background(name, b"first", unique="u")
    second = client.do_background(name, b"second", unique="u")
    assert first == second
    assert server.queued(name) == 1


def test_a_worker_sees_the_unique_id(server: Server, client: Client, name: str) -> None:
    with working_on(server, {name: lambda job: job.unique.encode()}):
        assert client.do(name, unique="an-id") == b"an-id"


def test_a_waiting_job_can_be_cancelled(server: Server, client: Client, name: str) -> None:
    handle = client.do_background(name, b"cancelled")
    client.cancel(handle)
    client.do_background(name, b"kept")
    seen: list[bytes] = []
    done = threading.Event()

    def note(job: Job) -> None:
        seen.append(job.workload)
        done.set()

    with working_on(server, {name: note}):
        assert done.wait(LONG)
    assert seen == [b"kept"]


def test_cancelling_an_unknown_job_is_a_server_error(client: Client) -> None:
    with pytest.raises(ServerError) as caught:
        client.cancel("H:unknown:1")
    assert caught.value.code is ReturnCode.JOB_NOT_FOUND


def test_an_echo_comes_back_from_every_server(client: Client) -> None:
    client.echo()
    client.echo(b"\0\xff" * 1000)


def test_an_echo_says_which_error_a_server_that_is_down_is() -> None:
    with Client([("127.0.0.1", free_port())]) as client:
        with pytest.raises(ConnectionFailed) as caught:
            client.echo()
    assert caught.value.code is ReturnCode.COULD_NOT_CONNECT


def test_a_server_option_is_accepted_or_refused(client: Client) -> None:
    client.set_server_option("exceptions")
    with pytest.raises(GearmanError) as caught:
        client.set_server_option("no-such-option")
    assert caught.value.code in (ReturnCode.UNKNOWN_OPTION, ReturnCode.INVALID_SERVER_OPTION)


def test_a_namespace_goes_before_every_function(server: Server, name: str) -> None:
    with Client(server.address, timeout=LONG, namespace="ns-") as client:
        with working_on(server, {f"ns-{name}": lambda job: job.function.encode()}):
            assert client.do(name) == f"ns-{name}".encode()
        client.set_namespace(None)
        client.do_background(name)
        assert server.queued(name) == 1


def test_an_identifier_shows_in_the_server_s_list(server: Server, name: str) -> None:
    with Client(server.address, identifier="tester-1") as client:
        client.do_background(name)
        assert " tester-1 " in server.ask("workers")


def test_function_names_are_text_in_utf_8(server: Server, client: Client, name: str) -> None:
    function = f"{name}-größe"
    with working_on(server, {function: lambda job: job.function.encode()}):
        assert client.do(function) == function.encode()
        assert client.do(function.encode()) == function.encode()


def test_names_that_are_not_utf_8_survive_being_text(
    server: Server, client: Client, name: str
) -> None:
    function = name.encode() + b"\xff"
    task = client.add_background_task(function)
    client.run_tasks()
    with working_on(server, {task.function: lambda job: None}):
        assert client.do(task.function) == b""


# Arguments.


def test_text_is_no_workload(client: Client) -> None:
    with pytest.raises(TypeError, match="workload must be bytes, not str: encode it first"):
        client.do("f", "text")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="workload must be bytes, not int"):
        client.do("f", 12)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        ("", ValueError, "function must not be empty"),
        ("a\0b", ValueError, "function must not contain a NUL"),
        (None, TypeError, "function must be str or bytes, not NoneType"),
        ("x" * 513, InvalidArgument, "the function name is longer than 512 bytes"),
    ],
)
def test_what_is_no_function_name_is_refused(
    client: Client, function: str, error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        client.do_background(function)
    assert client.tasks == []


def test_a_unique_id_has_a_limit(client: Client) -> None:
    with pytest.raises(InvalidArgument):
        client.do_background("f", unique="x" * 65)


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_time_limit_is_not_negative(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be None, zero or more seconds"):
        Client("127.0.0.1", timeout=timeout)
    with pytest.raises(TypeError, match="timeout must be a number of seconds, not str"):
        Client("127.0.0.1", timeout="1")  # type: ignore[arg-type]


def test_a_priority_is_one_of_three(client: Client) -> None:
    with pytest.raises(ValueError):
        client.do("f", priority=7)  # type: ignore[arg-type]


def test_a_moment_is_a_datetime_or_seconds(client: Client) -> None:
    with pytest.raises(TypeError, match="at must be a datetime or seconds"):
        client.do_background("f", at="tomorrow")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at must be a moment since 1970"):
        client.do_background("f", at=-1)


# Timeouts.


def test_no_server_is_a_connection_failure_and_the_job_is_given_up(name: str) -> None:
    with Client([("127.0.0.1", free_port())]) as client:
        with pytest.raises(ConnectionError):
            client.do(name)
        assert client.tasks == []


def test_a_silent_server_is_a_timeout(client: Client, name: str) -> None:
    client.timeout = 0.05
    with pytest.raises(TimedOut) as caught:
        client.do(name)
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.code is ReturnCode.TIMEOUT
    assert client.tasks == []
    client.timeout = None
    client.echo()
    assert client.timeout is None


# Closing.


def test_a_closed_client_says_so(server: Server) -> None:
    client = Client(server.address)
    assert not client.closed
    client.close()
    client.close()
    assert client.closed and "closed" in repr(client)
    for use in (
        client.echo,
        client.run_tasks,
        lambda: client.do("f"),
        lambda: list(client.events()),
    ):
        with pytest.raises(ClosedError, match="closed"):
            use()


def test_a_client_is_closed_by_its_block(server: Server, name: str) -> None:
    with Client(server.address, identifier=f"id-{os.getpid()}") as client:
        client.do_background(name)
    with pytest.raises(ClosedError):
        client.do_background(name)


def test_a_second_thread_is_refused_and_not_let_in(
    server: Server, client: Client, name: str
) -> None:
    errors: list[BaseException] = []

    def intrude() -> None:
        for use in (client.echo, client.close):
            try:
                use()
            except UsageError as error:
                errors.append(error)

    def on_event(event: object) -> None:
        thread = threading.Thread(target=intrude)
        thread.start()
        thread.join()

    client.add_background_task(name, on_event=on_event)
    client.run_tasks()
    assert [str(error) for error in errors] == [f"{client!r} is in use by another thread"] * 2
    client.echo()


def test_threads_may_use_a_client_in_turn(server: Server, client: Client) -> None:
    thread = threading.Thread(target=client.echo)
    thread.start()
    thread.join()
    client.echo()
