"""The client for asyncio, which uses no threads and waits only in the event loop.

The library gives the descriptor to watch, whether packets are buffered already, and
the time until its next deadline.

Must not: call a function that waits inside the library.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from functools import partial
from typing import Any, AsyncIterator, Callable, Union

from . import arguments
from ._native import lib
from .aio_handle import AsyncHandle
from .arguments import Data, Name, Seconds, Servers
from .client import Client
from .codes import EventKind, Priority
from .errors import ClosedError, GearmanError, UsageError
from .retry import Call, Retry
from .serializers import JSON, Serializer, encode
from .task import Event, JobStatus, Task
from .tls import Ssl

# What the waiter for a task gets: its events, or the reason for their end.
_News = Union[Event, Exception]
_Listener = Callable[[_News], object]

_LAST = (EventKind.COMPLETE, EventKind.EXCEPTION, EventKind.FAIL, EventKind.ERROR)


class AsyncClient(AsyncHandle):
    """Submits jobs from an event loop, any number of them at a time.

    The arguments are those of `Client`. Host names are looked up at once, which may
    block. A client belongs to one event loop. It is an asynchronous context manager.

    If one of its calls is cancelled, the job is ignored; a worker may still do it.
    """

    def __init__(
        self,
        servers: Servers | None = None,
        *,
        timeout: Seconds = None,
        namespace: Name | None = None,
        identifier: Name | None = None,
        exceptions: bool = True,
        select_by_unique: bool = False,
        resubmissions: int | None = None,
        keepalive: int | None = None,
        ssl: Ssl = None,
        retry: Retry | None = None,
        serializer: Serializer = JSON,
    ) -> None:
        self._serializer = serializer
        self._retry = retry
        self._client = Client(
            servers,
            timeout=timeout,
            namespace=namespace,
            identifier=identifier,
            exceptions=exceptions,
            select_by_unique=select_by_unique,
            resubmissions=resubmissions,
            keepalive=keepalive,
            ssl=ssl,
            retry=retry,
            serializer=serializer,
        )
        super().__init__(self._client)
        self._listeners: dict[Task, _Listener] = {}
        # The time of the last event, from which the timeout counts.
        self._began = 0.0

    def close(self) -> None:
        """Closes the connections. Calls that wait for a job raise a `ClosedError`."""
        super().close()
        self._give_up(ClosedError(f"{self!r} was closed"))

    async def do(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        timeout: Seconds = None,
    ) -> bytes:
        """Submits a job, waits for it and returns its result; see `Client.do`."""
        add = partial(self._client.add_task, function, workload, unique=unique, priority=priority)
        return (await self._submit_one(add, timeout)).data

    async def do_background(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        at: datetime | float | None = None,
        timeout: Seconds = None,
    ) -> str:
        """Submits a background job and returns its handle; see `Client.do_background`."""
        background = self._client.add_background_task
        add = partial(background, function, workload, unique=unique, priority=priority, at=at)
        return (await self._submit_one(add, timeout)).handle

    async def call(self, function: Name, value: Any = None, **options: Any) -> Any:
        """Submits a job with a value and returns that of its result; see `Client.call`."""
        result = await self.do(function, encode(self._serializer, value), **options)
        return self._serializer.loads(result)

    async def call_background(self, function: Name, value: Any = None, **options: Any) -> str:
        """Submits a background job with a value; see `Client.call_background`."""
        return await self.do_background(function, encode(self._serializer, value), **options)

    async def stream(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
    ) -> AsyncIterator[Event]:
        """Submits a job and yields its events as they arrive, including the last one.

        Pieces of the result are in the events only. A job that failed is an event as
        well: ``event.task.error()`` is its exception.
        """
        news: asyncio.Queue[_News] = asyncio.Queue()
        task = self._submit(
            lambda: self._client.add_task(
                function, workload, unique=unique, priority=priority, keep_data=False
            ),
            news.put_nowait,
        )
        try:
            while True:
                one = await news.get()
                if isinstance(one, Exception):
                    raise one
                yield one
                if one.kind in _LAST:
                    return
        finally:
            self._let_go(task)

    async def status(self, handle: Name) -> JobStatus:
        """What the server knows about a job, by its handle."""
        task = await self._finish(lambda: self._client.add_status_task(handle))
        task.result()
        return task.status

    async def unique_status(self, unique: Name) -> JobStatus:
        """What the server knows about a job, by its unique id. It does not count clients."""
        task = await self._finish(lambda: self._client.add_status_task(unique=unique))
        task.result()
        return task.status

    # Tasks and their waiters.

    async def _submit_one(self, add: Callable[[], Task], timeout: Seconds) -> Task:
        """Adds a task and waits for it, again while no server accepts it and the client may."""
        call = Call(timeout, self._retry)
        while True:
            # Each attempt is a task of its own.
            added: list[Task] = []
            try:
                left = call.left()
                # With no time at all, asyncio would not begin the wait, which adds the task.
                limit = None if left is None else max(left, 0.001)
                await asyncio.wait_for(self._finish(lambda: _kept(add(), added)), limit)
                added[0].result()
                return added[0]
            except GearmanError as error:
                if added and added[0].handle:
                    raise
                wait = call.wait_after(error)
            except asyncio.TimeoutError:
                raise added[0].late(call.timeout) from None
            await asyncio.sleep(wait)

    async def _finish(self, add: Callable[[], Task]) -> Task:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def listen(news: _News) -> None:
            if done.done():
                return
            if isinstance(news, Exception):
                done.set_exception(news)
            elif news.task.done:
                done.set_result(None)

        task = self._submit(add, listen)
        try:
            await done
        finally:
            self._let_go(task)
        return task

    def _submit(self, add: Callable[[], Task], listener: _Listener) -> Task:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            if self._listeners:
                raise UsageError(f"{self!r} is in use by another event loop")
            # Callbacks that were scheduled in another loop ended with it.
            self._rest()
            self._loop = loop
        if not self._listeners:
            self._began = time.monotonic()
        task = add()
        task._on_event = listener
        self._listeners[task] = listener
        # All jobs that are added in this iteration of the loop are sent together.
        self._come_soon()
        return task

    def _let_go(self, task: Task) -> None:
        self._listeners.pop(task, None)
        if not self._client.closed:
            task.discard()

    def _give_up(self, reason: Exception) -> None:
        listeners, self._listeners = self._listeners, {}
        for task, listener in listeners.items():
            if not self._client.closed:
                task.discard()
            if not task.done:
                listener(reason)

    # The event loop.

    def _go_on(self) -> None:
        self._rest(watching=True)
        if self._client.closed:
            return
        try:
            done = self._client._step()
            left = None if done else self._client._time_left(self._began)
        except Exception as error:
            # Every waiter gets the exception, of whatever kind.
            self._rest()
            self._give_up(error)
            return
        if done:
            # The loss of a server without requests is noticed by the next request.
            self._rest()
            return
        pointer = self._client._pointer
        if lib.gearman_client_has_buffered_work(pointer):
            self._come_soon()
            return
        self._watch(lib.gearman_client_poll_fd(pointer))
        limits = (lib.gearman_client_next_timeout(pointer), arguments.milliseconds(left))
        wait = min((one for one in limits if one >= 0), default=None)
        self._come_after(None if wait is None else wait / 1000)


def _kept(task: Task, tasks: list[Task]) -> Task:
    tasks.append(task)
    return task
