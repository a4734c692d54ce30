"""The asynchronous client and worker, in one thread and one loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from typing import Any, AsyncIterator, Awaitable, Callable, TypeVar

import pytest

from conftest import LONG, Server, free_port, working_on
from libgearman import (
    AsyncClient,
    AsyncWorker,
    Client,
    ClosedError,
    ConnectionFailed,
    EventKind,
    Job,
    JobException,
    JobFailed,
    Priority,
    RetryJob,
    TimedOut,
    UsageError,
)
from libgearman.aio_worker import AsyncFunction

T = TypeVar("T")


def run(main: Awaitable[T]) -> T:
    """Runs a test with a timeout."""

    async def limited() -> T:
        return await asyncio.wait_for(main, LONG)

    return asyncio.run(limited())


@contextlib.asynccontextmanager
async def working(
    server: Server, functions: dict[str, AsyncFunction], **settings: Any
) -> AsyncIterator[AsyncWorker]:
    """An asynchronous worker that runs until the block ends."""
    async with AsyncWorker(server.address, **settings) as worker:
        for name, call in functions.items():
            worker.add_function(name, call)
        task = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            await task


async def reverse(job: Job) -> bytes:
    return job.workload[::-1]


def test_client_and_worker_share_a_loop(server: Server, name: str) -> None:
    async def main() -> bytes:
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                return await client.do(name, b"Hello World!")

    assert run(main()) == b"!dlroW olleH"


def test_jobs_are_waited_for_together(server: Server, name: str) -> None:
    async def main() -> list[bytes]:
        async with AsyncClient(server.address, timeout=LONG) as client:
            return await asyncio.gather(*(client.do(name, b"%d" % n) for n in range(200)))

    with working_on(server, {name: lambda job: job.workload}):
        assert run(main()) == [b"%d" % n for n in range(200)]


def test_there_is_no_thread_but_the_loop_s(server: Server, name: str) -> None:
    async def main() -> int:
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address) as client:
                await client.do(name, b"x")
                return threading.active_count()

    before = threading.active_count()
    assert run(main()) == before


def test_the_loop_turns_while_a_job_is_waited_for(server: Server, name: str) -> None:
    async def main() -> bytes:
        go_on = asyncio.Event()

        async def wait(job: Job) -> bytes:
            await go_on.wait()
            return b"went on"

        async with working(server, {name: wait}):
            async with AsyncClient(server.address) as client:
                job = asyncio.create_task(client.do(name))
                # Runs only if neither side blocks the loop.
                await asyncio.sleep(0)
                go_on.set()
                return await job

    assert run(main()) == b"went on"


def test_background_jobs_states_and_priorities(server: Server, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(server.address, timeout=LONG) as client:
            handle = await client.do_background(name, unique=name, priority=Priority.HIGH)
            later = await client.do_background(name, at=datetime.now() + timedelta(days=1))
            assert handle != later
            for status in (await client.status(handle), await client.unique_status(name)):
                assert status.known and not status.running
            assert (await client.status(later)).known
            assert not (await client.status("H:unknown:1")).known

    run(main())
    assert server.queued(name) >= 1


def test_failures_are_raised(server: Server, name: str) -> None:
    async def act(job: Job) -> bytes:
        await asyncio.sleep(0)
        if job.workload == b"fail":
            raise JobFailed
        raise LookupError("async")

    async def main() -> None:
        async with working(server, {name: act}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                with pytest.raises(JobFailed):
                    await client.do(name, b"fail")
                with pytest.raises(JobException, match="LookupError: async"):
                    await client.do(name)

    run(main())


def test_a_stream_gives_events_as_they_come(server: Server, name: str) -> None:
    async def main() -> list[tuple[EventKind, bytes]]:
        seen = asyncio.Event()

        async def pieces(job: Job) -> AsyncIterator[bytes]:
            yield b"1"
            await seen.wait()
            job.send_status(1, 2)
            yield b"2"

        events = []
        async with working(server, {name: pieces}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                async for event in client.stream(name):
                    events.append((event.kind, event.data))
                    if event.data == b"1":
                        seen.set()
        return events

    assert run(main()) == [
        (EventKind.CREATED, b""),
        (EventKind.DATA, b"1"),
        (EventKind.STATUS, b""),
        (EventKind.DATA, b"2"),
        (EventKind.COMPLETE, b""),
    ]


def test_a_stream_that_is_left_gives_its_job_up(server: Server, name: str) -> None:
    async def main() -> None:
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                stream = client.stream(name)
                async for _ in stream:
                    break
                await stream.aclose()  # type: ignore[attr-defined]
                assert client._client.tasks == []
                assert await client.do(name, b"ab") == b"ba"

    run(main())


def test_a_cancelled_call_gives_its_job_up(server: Server, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(server.address, timeout=LONG) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.do(name), 0.05)
            assert client._client.tasks == []
            async with working(server, {f"{name}-2": reverse}):
                assert await client.do(f"{name}-2", b"ab") == b"ba"

    run(main())


def test_no_server_is_a_connection_failure_for_all_who_wait(name: str) -> None:
    async def main() -> None:
        async with AsyncClient([("127.0.0.1", free_port())]) as client:
            outcomes = await asyncio.gather(
                client.do(name), client.do_background(name), return_exceptions=True
            )
            assert [type(outcome) for outcome in outcomes] == [ConnectionFailed] * 2

    run(main())


def test_a_lost_server_ends_the_jobs_that_it_had(
    own_server: Callable[..., Server], name: str
) -> None:
    async def main() -> None:
        server = own_server()
        async with AsyncClient(server.address, timeout=LONG) as client:
            with pytest.raises(ConnectionFailed):
                async for event in client.stream(name):
                    if event.kind is EventKind.CREATED:
                        server.stop()
                    elif event.kind is EventKind.ERROR:
                        event.task.result()
            own_server(server.port)
            await client.do_background(name)

    run(main())


def test_silence_is_a_timeout(server: Server, name: str) -> None:
    async def main() -> None:
        async with AsyncClient(server.address, timeout=0.05) as client:
            with pytest.raises(TimedOut):
                await client.do(name)

    run(main())


def test_connecting_does_not_keep_the_loop(name: str) -> None:
    """A server whose queue of connections is full does not answer."""

    async def main() -> None:
        with socket.socket() as listener, contextlib.ExitStack() as stack:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            for _ in range(4):
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex(listener.getsockname())
            async with AsyncClient([listener.getsockname()]) as client:
                job = asyncio.create_task(client.do(name))
                for _ in range(10):
                    await asyncio.sleep(0.01)
                assert not job.done()
                job.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await job

    run(main())


def test_closing_ends_the_calls_that_wait(server: Server, name: str) -> None:
    async def main() -> None:
        client = AsyncClient(server.address)
        job = asyncio.create_task(client.do(name))
        while server.queued(name) == 0:
            await asyncio.sleep(0.01)
        client.close()
        with pytest.raises(ClosedError):
            await job
        with pytest.raises(ClosedError):
            await client.do(name)
        assert client.closed

    run(main())


def test_a_client_can_be_used_by_one_loop_after_another(server: Server, name: str) -> None:
    client = AsyncClient(server.address, timeout=LONG)
    with working_on(server, {name: lambda job: job.workload}):
        for _ in range(3):
            assert run(client.do(name, b"x")) == b"x"
    client.close()


def test_a_large_workload_goes_there_and_back(server: Server, name: str) -> None:
    async def main() -> None:
        workload = os.urandom(1 << 20) * 16
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                assert await client.do(name, workload) == workload[::-1]

    run(main())


def test_as_many_jobs_as_wanted_are_done_at_a_time(server: Server, name: str) -> None:
    async def main() -> int:
        most = now = 0
        full = asyncio.Event()

        async def count(job: Job) -> None:
            nonlocal most, now
            now += 1
            most = max(most, now)
            if now == 3:
                full.set()
            # The first three can only continue together.
            await full.wait()
            now -= 1

        async with working(server, {name: count}, concurrency=3):
            async with AsyncClient(server.address, timeout=LONG) as client:
                await asyncio.gather(*(client.do(name) for _ in range(10)))
        return most

    assert run(main()) == 3


def test_a_worker_with_a_namespace_finds_its_functions(server: Server, name: str) -> None:
    async def main() -> bytes:
        async with working(server, {name: reverse}, namespace="ns-", identifier="async-1"):
            async with AsyncClient(server.address, namespace="ns-", timeout=LONG) as client:
                return await client.do(name, b"ab")

    assert run(main()) == b"ba"


def test_a_job_is_given_back_when_the_others_are_done(server: Server, name: str) -> None:
    attempts: list[str] = []

    async def hesitant(job: Job) -> bytes:
        attempts.append(job.handle)
        if len(attempts) < 3:
            raise RetryJob
        return b"at last"

    async def main() -> bytes:
        async with working(server, {name: hesitant}, concurrency=2):
            async with AsyncClient(server.address, timeout=LONG) as client:
                return await client.do(name)

    assert run(main()) == b"at last"
    assert len(attempts) == 3 and len(set(attempts)) == 1


def test_a_cancelled_worker_gives_its_jobs_back(server: Server, client: Client, name: str) -> None:
    handle = client.do_background(name)

    async def main() -> None:
        begun = asyncio.Event()

        async def stuck(job: Job) -> None:
            begun.set()
            await asyncio.Event().wait()

        async with AsyncWorker(server.address) as worker:
            worker.add_function(name, stuck)
            task = asyncio.create_task(worker.run())
            await begun.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    run(main())
    seen: list[str] = []
    done = threading.Event()

    def note(job: Job) -> None:
        seen.append(job.handle)
        done.set()

    with working_on(server, {name: note}):
        assert done.wait(LONG)
    assert seen == [handle]


def test_stop_lets_the_jobs_at_hand_be_done_and_run_begin_again(server: Server, name: str) -> None:
    async def main() -> None:
        async with AsyncWorker(server.address) as worker:

            @worker.function(name)
            async def last(job: Job) -> bytes:
                worker.stop()
                await asyncio.sleep(0)
                return job.workload

            async with AsyncClient(server.address, timeout=LONG) as client:
                for n in range(3):
                    job = asyncio.create_task(client.do(name, b"%d" % n))
                    await worker.run()
                    assert await job == b"%d" % n

    run(main())


def test_a_worker_goes_on_when_its_server_comes_back(
    own_server: Callable[..., Server], name: str
) -> None:
    async def main() -> None:
        server = own_server()
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                assert await client.do(name, b"ab") == b"ba"
                server.stop()
                own_server(server.port)
            async with AsyncClient(server.address, timeout=LONG) as client:
                assert await client.do(name, b"ab") == b"ba"

    run(main())


def test_an_idle_worker_stops_when_it_was_told_to(server: Server, name: str) -> None:
    async def main() -> list[bytes]:
        done = []
        async with AsyncWorker(server.address) as worker:

            @worker.function(name)
            async def act(job: Job) -> None:
                # Longer than the limit: a running job is no idleness.
                await asyncio.sleep(0.4)
                done.append(job.workload)

            async with AsyncClient(server.address) as client:
                await client.do_background(name, b"a")
                await client.do_background(name, b"b")
            await worker.run(stop_when_idle=0.2)
        return done

    assert run(main()) == [b"a", b"b"]


def test_a_stop_signal_ends_run(server: Server, name: str) -> None:
    script = """
import asyncio, os, signal, sys
from libgearman import AsyncClient, AsyncWorker
async def main():
    async with AsyncWorker(sys.argv[1]) as worker:
        @worker.function(sys.argv[2])
        async def act(job):
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(0.01)
            print("done", flush=True)
        async with AsyncClient(sys.argv[1]) as client:
            await client.do_background(sys.argv[2])
        await worker.run(stop_on=[signal.SIGTERM])
        print("stopped")
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script, server.address, name],
        stdout=subprocess.PIPE,
        text=True,
        timeout=LONG,
    )
    assert (done.stdout, done.returncode) == ("done\nstopped\n", 0)


def test_an_idle_worker_sleeps(server: Server, name: str) -> None:
    """An idle worker makes few iterations of the loop, which are counted."""

    async def main() -> int:
        async with working(server, {name: reverse}):
            async with AsyncClient(server.address, timeout=LONG) as client:
                await client.do(name, b"x")
            loop: Any = asyncio.get_running_loop()
            turns = 0
            select = loop._selector.select

            def count(timeout: float | None = None) -> Any:
                nonlocal turns
                turns += 1
                return select(timeout)

            loop._selector.select = count
            await asyncio.sleep(0.2)
            return turns

    assert run(main()) < 20


def test_wrong_uses_are_refused(server: Server) -> None:
    async def main() -> None:
        async with AsyncWorker(server.address) as worker:
            with pytest.raises(TypeError, match="is not asynchronous: use a Worker"):
                worker.add_function("f", lambda job: b"")  # type: ignore[arg-type, return-value]
            worker.add_function("never", reverse)
            task = asyncio.create_task(worker.run())
            await asyncio.sleep(0)
            with pytest.raises(UsageError, match="running already"):
                await worker.run()
            with pytest.raises(UsageError, match="stop it first"):
                worker.close()
            worker.stop()
            await task
        with pytest.raises(ClosedError):
            await worker.run()

    run(main())
    with pytest.raises(ValueError, match="concurrency must be at least 1"):
        AsyncWorker(server.address, concurrency=0)
    with pytest.raises(TypeError, match="concurrency must be an int"):
        AsyncWorker(server.address, concurrency=1.5)  # type: ignore[arg-type]
