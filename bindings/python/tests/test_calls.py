"""Single calls: their time limit, their repetition, and values instead of bytes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from typing import Any, Callable

import pytest

from conftest import LONG, Server, free_port, until, working_on
from libgearman import (
    JSON,
    TEXT,
    AsyncClient,
    AsyncWorker,
    Client,
    ConnectionFailed,
    GearmanError,
    Job,
    JobException,
    JobFailed,
    ReturnCode,
    Retry,
    TimedOut,
    Worker,
)


class Listener:
    """A server that accepts connections and never answers. Its address is the context's value."""

    def __enter__(self) -> str:
        self._socket = socket.create_server(("127.0.0.1", 0))
        return f"127.0.0.1:{self._socket.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._socket.close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits between attempts, which take no time."""
    waited: list[float] = []
    monkeypatch.setattr("libgearman.running.sleep", waited.append)
    return waited


# The time limit of a call.


def test_a_call_ends_after_its_own_timeout(server: Server, client: Client, name: str) -> None:
    with pytest.raises(TimedOut) as caught:
        client.do(name, timeout=0.2)
    assert caught.value.code is ReturnCode.TIMEOUT
    handle = str(caught.value).split()[2]
    assert str(caught.value) == f"the job {handle} of {name!r} did not end within 0.2 seconds"
    assert client.timeout == LONG
    # The client goes on, and the late result is not taken for another job's.
    with working_on(server, {name: lambda job: job.workload}):
        assert client.do(name, b"next", timeout=LONG) == b"next"


def test_a_worker_that_reports_does_not_prolong_a_call(
    server: Server, client: Client, name: str
) -> None:
    over = threading.Event()

    def report(job: Job) -> None:
        while not over.is_set():
            job.send_status(1, 2)
            time.sleep(0.01)

    with working_on(server, {name: report}):
        with pytest.raises(TimedOut, match="did not end within"):
            client.do(name, timeout=0.3)
        over.set()


def test_a_call_that_no_server_takes_says_so(name: str) -> None:
    with Listener() as address, Client(address) as client:
        for call in (client.do, client.do_background, client.call):
            with pytest.raises(TimedOut) as caught:
                call(name, timeout=0.1)
            expected = f"no job server took the job of {name!r} ({address}) within 0.1 seconds"
            assert str(caught.value) == expected


def test_the_silence_of_a_server_counts_in_a_call_with_a_timeout(name: str) -> None:
    with Listener() as address, Client(address, timeout=0.1) as client:
        with pytest.raises(TimedOut, match="no job server answered within 0.1 seconds"):
            client.do(name, timeout=LONG)


def test_a_signal_s_handler_runs_in_a_call_with_a_timeout(
    server: Server, client: Client, name: str
) -> None:
    def interrupt(job: Job) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)

    def handle(*_: object) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        with working_on(server, {name: interrupt, f"{name}-never": lambda job: None}):
            with pytest.raises(InterruptedError):
                client.do(name, timeout=LONG)
                until(lambda: False)
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("timeout", [-1, "1", True])
def test_a_timeout_that_is_no_time_is_refused(client: Client, name: str, timeout: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="timeout must be"):
        client.do(name, timeout=timeout)


def test_an_asynchronous_call_has_a_timeout_too(server: Server, name: str) -> None:
    async def run() -> None:
        async with AsyncClient(server.address) as client:
            with pytest.raises(TimedOut, match="did not end within 0.2 seconds"):
                await client.do(name, timeout=0.2)
            with pytest.raises(TimedOut, match="within 0 seconds"):
                await client.do(name, timeout=0)
            assert await client.do_background(name, timeout=LONG)

    asyncio.run(run())


# Repetition.


def test_what_no_server_accepts_is_submitted_again_as_often_as_allowed(
    name: str, waits: list[float]
) -> None:
    retry = Retry(attempts=4, first=1, factor=3, longest=5)
    with Client(("127.0.0.1", free_port()), retry=retry) as client:
        for call in (client.do, client.do_background):
            with pytest.raises(ConnectionFailed, match="no job server can be reached"):
                call(name)
    assert len(waits) == 6
    for wait, most in zip(waits, [1, 3, 5] * 2):
        assert most / 2 <= wait <= most


def test_a_server_that_comes_back_gets_the_job(
    own_server: Callable[..., Server], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    started: list[Server] = []

    def start_at_the_second_wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 2:
            started.append(own_server(port))

    waited: list[float] = []
    monkeypatch.setattr("libgearman.running.sleep", start_at_the_second_wait)
    with Client(("127.0.0.1", port), retry=Retry()) as client:
        client.do_background(name)
    assert len(waited) == 2 and started[0].queued(name) == 1


def test_without_a_retry_a_call_is_made_once(name: str, waits: list[float]) -> None:
    with Client(("127.0.0.1", free_port())) as client:
        with pytest.raises(ConnectionFailed):
            client.do(name)
    assert waits == []


def test_a_full_queue_is_tried_again(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def make_room(seconds: float) -> None:
        waited.append(seconds)
        server.ask(f"maxqueue {name}")

    monkeypatch.setattr("libgearman.running.sleep", make_room)
    with Client(server.address, retry=Retry(), timeout=LONG) as client:
        client.do_background(name)
        server.ask(f"maxqueue {name} 1")
        client.do_background(name)
    assert len(waited) == 1 and server.queued(name) == 2


def test_a_server_that_drains_is_tried_again(
    own_server: Callable[..., Server], name: str, waits: list[float]
) -> None:
    server = own_server()
    with Client(server.address, retry=Retry(attempts=3)) as client, Client(
        server.address, timeout=LONG
    ) as waiting:
        client.echo()
        # A job that runs keeps the draining server.
        begun, over = threading.Event(), threading.Event()

        def hold(job: Job) -> None:
            begun.set()
            over.wait(LONG)

        with working_on(server, {name: hold}):
            thread = threading.Thread(target=lambda: waiting.do(name))
            thread.start()
            assert begun.wait(LONG)
            server.process.send_signal(signal.SIGUSR1)
            try:
                with pytest.raises(GearmanError):
                    # Until the signal has taken effect.
                    while True:
                        client.do_background(f"{name}-other")
            finally:
                over.set()
                thread.join()
        assert len(waits) == 2


def test_a_job_that_a_server_may_have_is_not_submitted_again(
    own_server: Callable[..., Server], name: str, waits: list[float]
) -> None:
    server = own_server()
    runs: list[bytes] = []

    def end_the_server(job: Job) -> None:
        runs.append(job.workload)
        server.stop()

    with working_on(server, {name: end_the_server}):
        with Client(server.address, retry=Retry(), timeout=LONG) as client:
            with pytest.raises(GearmanError):
                client.do(name)
    assert (waits, len(runs)) == ([], 1)


def test_a_failed_job_is_not_submitted_again(
    server: Server, name: str, waits: list[float]
) -> None:
    runs: list[bytes] = []

    def fail(job: Job) -> None:
        runs.append(job.workload)
        raise JobFailed("SHUTDOWN")

    with working_on(server, {name: fail}):
        with Client(server.address, retry=Retry(), timeout=LONG) as client:
            with pytest.raises(JobFailed):
                client.do(name)
    assert (waits, len(runs)) == ([], 1)


def test_no_wait_goes_beyond_the_timeout_of_the_call(name: str, waits: list[float]) -> None:
    retry = Retry(attempts=100, first=LONG, longest=LONG)
    with Client(("127.0.0.1", free_port()), retry=retry) as client:
        with pytest.raises(ConnectionFailed):
            client.do(name, timeout=1)
    assert waits == []


def test_asynchronous_calls_are_made_again_each_as_often_as_allowed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    async def note(seconds: float) -> None:
        waited.append(seconds)

    async def run() -> None:
        async with AsyncClient(("127.0.0.1", free_port()), retry=Retry(attempts=3)) as client:
            monkeypatch.setattr("libgearman.aio_client.asyncio.sleep", note)
            calls = [client.do(name) for _ in range(4)]
            ends = await asyncio.gather(*calls, return_exceptions=True)
            assert [type(end) for end in ends] == [ConnectionFailed] * 4

    asyncio.run(run())
    assert len(waited) == 2 * 4


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"attempts": 0}, "attempts must be at least 1, not 0"),
        ({"attempts": 1.5}, "attempts must be an int, not float"),
        ({"first": -1}, "first must be None, zero or more seconds"),
        ({"longest": "1"}, "longest must be a number of seconds, not str"),
        ({"factor": 0.5}, "factor must be at least 1, not 0.5"),
    ],
)
def test_a_retry_that_makes_no_sense_is_refused(settings: dict[str, Any], text: str) -> None:
    with pytest.raises((TypeError, ValueError), match=text):
        Retry(**settings)
    with pytest.raises(TypeError, match=r"retry must be a Retry, as in Retry\(attempts=5\), not 3"):
        Client(retry=3)  # type: ignore[arg-type]


# Values.


def test_a_function_of_values_gets_and_returns_them(
    server: Server, client: Client, name: str
) -> None:
    with Worker(server.address) as worker:

        @worker.callable
        def plus(numbers: list[int]) -> dict[str, Any]:
            return {"sum": sum(numbers), "ü": None}

        worker.add_callable(name, plus)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            assert client.call(name, [1, 2], unique="u") == {"sum": 3, "ü": None}
            # Other languages send and get JSON.
            assert client.do(name, b"[4]") == '{"sum":4,"ü":null}'.encode()
            with pytest.raises(JobException) as caught:
                client.do(name, b"no JSON")
            assert caught.value.type == "json.decoder.JSONDecodeError"
        finally:
            worker.stop()
            thread.join(LONG)


@pytest.mark.parametrize(
    ("serializer", "value", "wire"),
    [
        (JSON, {"a": [1, None]}, b'{"a":[1,null]}'),
        (TEXT, "ü", b"\xc3\xbc"),
        (json, "ü", b'"\\u00fc"'),
    ],
)
def test_a_serializer_makes_bytes_of_values(
    server: Server, name: str, serializer: Any, value: Any, wire: bytes
) -> None:
    seen: list[bytes] = []

    def note(job: Job) -> bytes:
        seen.append(job.workload)
        return job.workload

    with working_on(server, {name: note}):
        with Client(server.address, timeout=LONG, serializer=serializer) as client:
            assert client.call(name, value) == value
            client.call_background(name, value)
            until(lambda: len(seen) == 2)
    assert seen == [wire, wire]


@pytest.mark.parametrize("value", [object(), {1, 2}, b"bytes", float("nan")])
def test_what_the_serializer_cannot_hold_is_not_sent(
    server: Server, client: Client, name: str, value: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        client.call_background(name, value)
    assert server.queued(name) == 0


@pytest.mark.parametrize("kind", [Client, Worker, AsyncClient, AsyncWorker])
def test_what_is_no_serializer_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="has dumps and loads, as libgearman.JSON has; 'json' has"):
        kind("127.0.0.1", serializer="json")


def test_asynchronous_values(server: Server, name: str) -> None:
    async def run() -> None:
        async with AsyncWorker(server.address) as worker, AsyncClient(server.address) as client:

            @worker.callable(name)
            async def double(number: int) -> int:
                return 2 * number

            with pytest.raises(TypeError, match="use a Worker for it"):
                worker.add_callable(name, len)  # type: ignore[arg-type]
            working = asyncio.create_task(worker.run())
            assert await client.call(name, 4) == 8
            assert await client.call_background(name, 4)
            worker.stop()
            await working

    asyncio.run(run())
