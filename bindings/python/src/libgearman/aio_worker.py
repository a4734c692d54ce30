"""The worker for asyncio: several jobs at a time in one thread.

Must not: wait inside the library, except until a report about a job is sent.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, AsyncIterator, Awaitable, Callable, Iterable, TypeVar, Union, overload

from . import arguments
from ._native import ffi, lib
from .aio_handle import AsyncHandle
from .arguments import Data, Name, Seconds, Servers
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import ServerError, UsageError
from .job import Job
from .serializers import JSON, Serializer, checked, encode
from .tls import Ssl
from .worker import CallableDecorator, Worker, fail_job, offering

log = logging.getLogger("libgearman.worker")

#: An asynchronous worker's function: a coroutine function that returns the result, or
#: an asynchronous generator of its pieces.
AsyncFunction = Callable[[Job], Union[Awaitable[Union[Data, None]], AsyncIterator[Data]]]

_Call = TypeVar("_Call", bound=AsyncFunction)


class AsyncWorker(AsyncHandle, CallableDecorator):
    """Does jobs in an event loop, up to ``concurrency`` of them at a time.

    The other arguments are those of `Client`. Host names are looked up at once, which
    may block. It is an asynchronous context manager.
    """

    def __init__(
        self,
        servers: Servers | None = None,
        *,
        concurrency: int = 1,
        namespace: Name | None = None,
        identifier: Name | None = None,
        keepalive: int | None = None,
        ssl: Ssl = None,
        serializer: Serializer = JSON,
    ) -> None:
        self._serializer = checked(serializer)
        if isinstance(concurrency, bool) or not isinstance(concurrency, int):
            raise TypeError(f"concurrency must be an int, not {type(concurrency).__name__}")
        if concurrency < 1:
            raise ValueError(f"concurrency must be at least 1, not {concurrency}")
        self._concurrency = concurrency
        self._worker = Worker(
            servers, namespace=namespace, identifier=identifier, keepalive=keepalive, ssl=ssl
        )
        super().__init__(self._worker)
        lib.gearman_worker_add_options(self._worker._pointer, lib.GEARMAN_WORKER_NON_BLOCKING)
        self._servers = list(self._worker._servers)
        prefix = b"" if namespace is None else arguments.name(namespace, "namespace")
        self._prefix = arguments.shown(prefix)
        self._functions: dict[str, AsyncFunction] = {}
        self._jobs: set[asyncio.Task[None]] = set()
        # Jobs to return to their servers by closing the connections.
        self._returned: list[Job] = []
        # Pending while `run` is under way; its result ends `run`.
        self._running: asyncio.Future[None] | None = None
        # Seconds without a job after which `run` returns, and the timer for that.
        self._idle_limit: Seconds = None
        self._idle_timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """Closes the connections and frees everything. `run` must have ended."""
        if self._running is not None:
            raise UsageError(f"{self!r} is running: stop it first")
        super().close()

    @overload
    def function(self, name: _Call) -> _Call: ...

    @overload
    def function(
        self, name: Name | None = None, *, timeout: Seconds = None
    ) -> Callable[[_Call], _Call]: ...

    def function(
        self, name: Name | _Call | None = None, *, timeout: Seconds = None
    ) -> _Call | Callable[[_Call], _Call]:
        """Offers the decorated function, under its own name or another one."""
        return offering(self.add_function, name, timeout)

    def add_function(self, name: Name, call: AsyncFunction, *, timeout: Seconds = None) -> None:
        """Offers a function, as `Worker.add_function` does. It must be asynchronous."""
        encoded = arguments.name(name, "name")
        if not callable(call):
            raise TypeError(f"call must be callable, not {type(call).__name__}")
        if not inspect.iscoroutinefunction(call) and not inspect.isasyncgenfunction(call):
            raise TypeError(f"{call!r} is not asynchronous: use a Worker for it")
        text = arguments.shown(encoded)
        limit = 0 if timeout is None else arguments.milliseconds(timeout)
        with self._worker._use() as pointer:
            if text in self._functions:
                self._worker._check(lib.gearman_worker_unregister(pointer, encoded))
            self._worker._check(lib.gearman_worker_register(pointer, encoded, limit))
            self._functions[text] = call

    def add_callable(
        self, name: Name, call: Callable[[Any], Awaitable[Any]], *, timeout: Seconds = None
    ) -> None:
        """Offers a coroutine function of a value, as `Worker.add_callable` does."""
        if not inspect.iscoroutinefunction(call):
            raise TypeError(f"{call!r} is no coroutine function: use a Worker for it")
        serializer = self._serializer

        async def do(job: Job) -> bytes:
            return encode(serializer, await call(serializer.loads(job.workload)))

        self.add_function(name, do, timeout=timeout)

    def stop(self) -> None:
        """Makes `run` return when the current jobs are done.

        It does nothing if `run` is not under way. It is for the thread of the event
        loop; from another one use ``loop.call_soon_threadsafe(worker.stop)``.
        """
        if self._running is not None and not self._running.done():
            self._running.set_result(None)

    async def run(self, *, stop_on: Iterable[int] = (), stop_when_idle: Seconds = None) -> None:
        """Does jobs until `stop`, or until one of the signals ``stop_on`` arrives.

        With ``stop_when_idle`` it also returns when no job has come for so many seconds.

        If it is cancelled, the functions that run are cancelled too, and their jobs
        are given back to the servers.
        """
        if self._running is not None:
            raise UsageError(f"{self!r} is running already")
        self._loop = loop = asyncio.get_running_loop()
        signals = [int(number) for number in stop_on]
        if stop_when_idle is not None:
            # Refuses what is no time.
            arguments.milliseconds(stop_when_idle)
        self._running = loop.create_future()
        self._idle_limit = stop_when_idle
        self._begin_idle()
        try:
            for number in signals:
                loop.add_signal_handler(number, self.stop)
            self._go_on()
            await self._running
            self._rest()
            if self._jobs:
                await asyncio.wait(self._jobs)
        finally:
            for number in signals:
                loop.remove_signal_handler(number)
            self._rest()
            self._end_idle()
            await self._abandon_jobs()
            self._running = None
            if not self.closed:
                # A job that was received and not begun is given back.
                self._hang_up()

    async def _abandon_jobs(self) -> None:
        jobs = list(self._jobs)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)

    def _has_room(self) -> bool:
        # No new jobs while others wait to be given back.
        return len(self._jobs) < self._concurrency and not self._returned

    def _take_jobs(self) -> float | None:
        """Begins the jobs that have arrived. Returns the seconds until the next call."""
        if self._returned and not self._jobs:
            self._hang_up()
        code = ffi.new("gearman_return_t *")
        while self._has_room():
            with self._worker._use() as pointer:
                found = lib.gearman_worker_grab_job(pointer, ffi.NULL, code)
                raise_stashed()
                if found == ffi.NULL:
                    return self._pause_after(pointer, code[0])
                job = Job(self._worker, found)
            task = asyncio.get_running_loop().create_task(self._do(job))
            self._end_idle()
            self._jobs.add(task)
            task.add_done_callback(self._note_end)
        return None

    def _pause_after(self, pointer: Any, code: int) -> float | None:
        milliseconds = lib.gearman_worker_next_timeout(pointer)
        if code not in (ReturnCode.IO_WAIT, ReturnCode.NO_JOBS):
            error = self._worker._error_of(code)
            if isinstance(error, ServerError):
                log.warning("%s", error)
                return 0
            raise error
        detail = self._worker._error_text()
        if code == ReturnCode.NO_JOBS and detail:
            log.info("waiting for a job server: %s", detail)
        if lib.gearman_worker_has_buffered_work(pointer):
            return 0
        return milliseconds / 1000 if milliseconds >= 0 else None

    # The event loop.

    def _go_on(self) -> None:
        self._rest(watching=True)
        if self._running is None or self._running.done():
            return
        try:
            pause = self._take_jobs()
        except Exception as error:
            self._running.set_exception(error)
            return
        if pause == 0:
            self._come_soon()
        else:
            self._come_after(pause)
        room = self._has_room()
        self._watch(lib.gearman_worker_poll_fd(self._worker._pointer) if room else -1)

    def _note_end(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if self._running is not None:
            self._begin_idle()
            self._come_soon()

    def _begin_idle(self) -> None:
        """Stops the worker after its time without jobs, if it has such a limit."""
        self._end_idle()
        if self._idle_limit is not None and not self._jobs:
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_limit, self.stop)

    def _end_idle(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None

    async def _do(self, job: Job) -> None:
        """Does one job."""
        code = ReturnCode.WORK_ERROR
        try:
            call = self._functions[job.function[len(self._prefix) :]]
            result = call(job)
            if isinstance(result, AsyncIterator):
                async for piece in result:
                    job.send_data(piece)
                job.send_complete()
            else:
                value = await result
                job.send_complete(b"" if value is None else value)
            code = ReturnCode.SUCCESS
        except Exception as exception:
            code = fail_job(job, exception)
        finally:
            # Also if it was cancelled.
            if code == ReturnCode.SUCCESS:
                _free(job)
            else:
                self._returned.append(job)

    def _hang_up(self) -> None:
        """Closes the connections, so that servers give unfinished jobs to others."""
        returned, self._returned = self._returned, []
        for job in returned:
            _free(job)
        with self._worker._use():
            self._worker.remove_servers()
            self._worker._add_servers(self._servers)


def _free(job: Job) -> None:
    pointer, job._pointer = job._pointer, None
    with job._worker._use():
        lib.gearman_job_free(pointer)
