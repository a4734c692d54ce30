"""The client: submitting jobs and asking for their state.

Every job is a task of the library, also one that is waited for: only a task can be
continued after a signal has ended a wait.

Must not: wait in an event loop, which `aio_client` does, or run tasks, which `running` does.
"""

from __future__ import annotations

import time
from collections import deque
from datetime import datetime
from functools import partial
from typing import Any, Callable, Iterator

from . import arguments, callbacks
from ._native import ffi, lib
from .arguments import Data, Name, Seconds, Servers
from .callbacks import raise_stashed
from .codes import EventKind, Priority
from .errors import UsageError
from .retry import Retry
from .running import Running
from .serializers import JSON, Serializer, checked, encode
from .task import Event, EventFunction, JobStatus, Task
from .tls import Ssl


# The most that the library keeps.
_RESUBMISSIONS_MAX = 65535


class Client(Running):
    """Submits jobs.

    ``servers`` is ``"host:port,host,..."`` or a list; the last server is tried
    first, as in every language that uses the library. None is the environment
    variable ``GEARMAN_SERVERS``, or localhost. ``timeout`` is in seconds.

    With ``exceptions`` the servers are asked, before the first job, to forward the
    exceptions of workers. Without it, such a job raises `JobFailed`.

    With ``select_by_unique`` a job goes to the server of its unique id, so that equal
    ids meet at one server from all clients with the same servers. ``resubmissions`` is
    how often a job may be submitted again after its server was lost: a background job
    only with a unique id. The job may then be done more than once. None is the
    environment variable ``GEARMAN_RESUBMISSIONS``, or 0.

    ``keepalive`` is after how many seconds a server is given up whose host has vanished
    from the network, 0 for the system's hours. None is the environment variable
    ``GEARMAN_KEEPALIVE``, or 120.

    With ``ssl`` every TCP connection has TLS: True takes the files of the environment,
    and `SslSettings` or a dict with its fields tells them. Without it, servers that are
    written as ``tls://host`` have TLS, and all with ``GEARMAN_TLS=on`` in the environment.

    With a `Retry`, a call that submits one job does it again while no server accepts it: none
    can be reached, or the one that answers has no room or is about to end. A job that a server
    may have is not submitted again. ``serializer`` is that of `call`.

    Only one thread may use a client at a time. It is a context manager.
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
        if retry is not None and not isinstance(retry, Retry):
            raise TypeError(f"retry must be a Retry, as in Retry(attempts=5), not {retry!r}")
        self._tasks = {}
        self._unfreed = set()
        self._events = deque()
        self._iterating = False
        self._heard = 0.0
        self._retry = retry
        self._serializer = checked(serializer)
        super().__init__(servers, timeout, namespace, identifier, ssl)
        if keepalive is not None:
            self.keepalive = keepalive
        options = lib.GEARMAN_CLIENT_FREE_TASKS | lib.GEARMAN_CLIENT_STOP_WAIT_ON_SIGNAL
        lib.gearman_client_add_options(self._pointer, options)
        if select_by_unique:
            self.select_by_unique = True
        if resubmissions is not None:
            self.resubmissions = resubmissions
        if exceptions:
            self._check(lib.gearman_client_greet_with_option(self._pointer, b"exceptions", 10))

    @property
    def select_by_unique(self) -> bool:
        """Whether a job goes to the server of its unique id."""
        with self._use() as pointer:
            return bool(lib.gearman_client_server_selection_by_unique(pointer))

    @select_by_unique.setter
    def select_by_unique(self, enable: bool) -> None:
        with self._use() as pointer:
            lib.gearman_client_set_server_selection_by_unique(pointer, bool(enable))

    @property
    def resubmissions(self) -> int:
        """How often a job may be submitted again after its server was lost."""
        with self._use() as pointer:
            return int(lib.gearman_client_resubmissions(pointer))

    @resubmissions.setter
    def resubmissions(self, limit: int) -> None:
        if not 0 <= limit <= _RESUBMISSIONS_MAX:
            raise ValueError(f"resubmissions is {limit}, not 0 to {_RESUBMISSIONS_MAX}")
        with self._use() as pointer:
            lib.gearman_client_set_resubmissions(pointer, limit)

    # One job.

    def do(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        on_event: EventFunction | None = None,
        timeout: Seconds = None,
    ) -> bytes:
        """Submits a job, waits for it and returns its result.

        ``timeout`` is the limit of the whole call in seconds, however much the worker
        reports; the client's own is that of a silence, and holds too.

        Raises `JobFailed` or `JobException` if the job failed or raised an exception,
        `TimedOut` after the timeout, and another `GearmanError` if its outcome is not
        known. Then, and if the wait is interrupted, the job is ignored; a worker may
        still do it.
        """
        add = partial(
            self.add_task, function, workload, unique=unique, priority=priority, on_event=on_event
        )
        return self._submit(add, timeout).data

    def do_background(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        at: datetime | float | None = None,
        timeout: Seconds = None,
    ) -> str:
        """Submits a background job and returns its handle.

        ``at`` is the time before which the job does not start; the server keeps no
        priority for such a job. A `datetime` without a zone is local time. ``timeout``
        is as for `do`.
        """
        add = partial(
            self.add_background_task, function, workload, unique=unique, priority=priority, at=at
        )
        return self._submit(add, timeout).handle

    def call(self, function: Name, value: Any = None, **options: Any) -> Any:
        """Submits a job with a value, waits for it and returns the value of its result.

        The client's serializer turns both into bytes and back. The options are those of
        `do`, which it raises as.
        """
        return self._serializer.loads(
            self.do(function, encode(self._serializer, value), **options)
        )

    def call_background(self, function: Name, value: Any = None, **options: Any) -> str:
        """Submits a background job with a value; the options are those of `do_background`."""
        return self.do_background(function, encode(self._serializer, value), **options)

    def map_reduce(
        self,
        splitter: Name,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        timeout: Seconds = None,
    ) -> bytes:
        """Submits a job that is divided into others, waits for it and returns its result.

        A worker that offers ``splitter`` (`Worker.add_splitter`) divides the workload.
        Each part is a job of ``function``, and the splitter's worker combines their
        results. ``timeout`` and exceptions are those of `do`; if a part fails, the job fails.
        """
        splitting, name = arguments.name(splitter, "splitter"), arguments.name(function, "function")
        data, size = arguments.payload(workload, "workload")
        id_ = ffi.NULL if unique is None else arguments.name(unique, "unique")

        def add(pointer: Any, key: int) -> Any:
            return lib.add_partition_task(pointer, key, splitting, name, id_, data, size)

        def add_task() -> Task:
            task = Task(self, arguments.shown(splitting), ends_with=EventKind.COMPLETE)
            return self._execute(task, add)

        return self._submit(add_task, timeout).data

    # Many jobs at a time.

    def add_task(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        on_event: EventFunction | None = None,
        context: Any = None,
        keep_data: bool = True,
    ) -> Task:
        """Adds a job, to be submitted by `run_tasks`, `events` or the next call that waits.

        ``on_event`` is called with each `Event` of the task; an exception that it
        raises ends the call that waits. With ``keep_data=False`` the pieces of the
        result are not collected: they are only in the events.
        """
        name = arguments.name(function, "function")
        shown = arguments.shown(name)
        task = Task(self, shown, context=context, on_event=on_event, keep_data=keep_data)
        return self._add(task, name, workload, unique, priority, background=False)

    def add_background_task(
        self,
        function: Name,
        workload: Data = b"",
        *,
        unique: Name | None = None,
        priority: Priority = Priority.NORMAL,
        at: datetime | float | None = None,
        on_event: EventFunction | None = None,
        context: Any = None,
    ) -> Task:
        """Adds a background job: the task is done when it has a handle."""
        name = arguments.name(function, "function")
        task = Task(
            self,
            arguments.shown(name),
            context=context,
            on_event=on_event,
            ends_with=EventKind.CREATED,
        )
        if at is not None:
            return self._add_at(task, name, workload, unique, arguments.epoch(at))
        return self._add(task, name, workload, unique, priority, background=True)

    def add_status_task(
        self,
        handle: Name | None = None,
        *,
        unique: Name | None = None,
        on_event: EventFunction | None = None,
        context: Any = None,
    ) -> Task:
        """Adds a request for a job's state, by its handle or its unique id.

        The answer is `Task.status`.
        """
        if (handle is None) == (unique is None):
            raise TypeError("give either a job's handle or its unique id")
        subject = arguments.name(handle or unique or "", "the handle or unique id")
        task = Task(
            self,
            arguments.shown(subject),
            context=context,
            on_event=on_event,
            ends_with=EventKind.STATUS,
        )
        code = ffi.new("gearman_return_t *")
        with self._use() as pointer:
            key = self._announce(task)
            if unique is None:
                context_pointer = ffi.cast("void *", key)
                made = lib.gearman_client_add_task_status(
                    pointer, ffi.NULL, context_pointer, subject, code
                )
            else:
                made = lib.add_unique_status_task(pointer, key, subject, code)
            return self._added(task, made, code[0])

    def _add(
        self,
        task: Task,
        name: bytes,
        workload: Data,
        unique: Name | None,
        priority: Priority,
        *,
        background: bool,
    ) -> Task:
        data, size = arguments.payload(workload, "workload")
        id_ = ffi.NULL if unique is None else arguments.name(unique, "unique")
        code = ffi.new("gearman_return_t *")
        with self._use() as pointer:
            key, rank = self._announce(task), Priority(priority)
            made = lib.add_task(pointer, key, name, id_, data, size, rank, background, code)
            return self._added(task, made, code[0])

    def _add_at(
        self, task: Task, name: bytes, workload: Data, unique: Name | None, epoch: int
    ) -> Task:
        data, size = arguments.payload(workload, "workload")
        id_ = ffi.NULL if unique is None else arguments.name(unique, "unique")

        def add(pointer: Any, key: int) -> Any:
            return lib.add_epoch_task(pointer, key, name, id_, data, size, epoch)

        return self._execute(task, add)

    def _execute(self, task: Task, add: Callable[[Any, int], Any]) -> Task:
        """Adds a task by a call that would wait for it, without waiting."""
        with self._use() as pointer:
            lib.gearman_client_add_options(pointer, lib.GEARMAN_CLIENT_NON_BLOCKING)
            made = add(pointer, self._announce(task))
            lib.gearman_client_remove_options(pointer, lib.GEARMAN_CLIENT_NON_BLOCKING)
            self._added(task, made, lib.gearman_client_error_code(pointer))
            self._unfreed.add(task)
            return task

    def _announce(self, task: Task) -> int:
        """Makes a task known to the callbacks."""
        task._key = callbacks.new_key()
        callbacks.tasks[task._key] = self._tasks[task._key] = task
        return task._key

    def _added(self, task: Task, made: Any, code: int) -> Task:
        if made == ffi.NULL:
            self._forget(task)
            self._check(code)
            raise UsageError(f"{task!r} could not be added")
        task._pointer = made
        task.unique = arguments.text(lib.gearman_task_unique(made))
        raise_stashed()
        return task

    def run_tasks(self) -> None:
        """Runs all tasks until they are finished.

        Raises the exception of an ``on_event``, and a `GearmanError` if no server can
        be reached or answers in time; unfinished tasks are then kept for the next run.
        `Task.result` and `Task.error` tell how a task ended.
        """
        with self._use():
            start = time.monotonic()
            while not self._advance(start):
                pass

    def events(self) -> Iterator[Event]:
        """Runs all tasks and yields each event when it arrives.

        Tasks may be added meanwhile. An iteration that was left early is continued by
        the next one. Raises as `run_tasks` does.
        """
        if self._iterating:
            raise UsageError("events() is already under way")
        self._iterating = True
        try:
            start = time.monotonic()
            done = False
            while not done:
                while self._events:
                    yield self._events.popleft()
                # The consumer of the last events may have added tasks.
                done = self._step() and not self._events
                if not done and not self._events:
                    self._sleep(self._time_left(start))
        finally:
            self._iterating = False

    # Requests.

    def status(self, handle: Name) -> JobStatus:
        """What the server knows about a job, by its handle."""
        name = arguments.name(handle, "handle")
        known, running = ffi.new("bool *"), ffi.new("bool *")
        numerator, denominator = ffi.new("uint32_t *"), ffi.new("uint32_t *")
        self._ask(lib.gearman_client_job_status, name, known, running, numerator, denominator)
        return JobStatus(known[0], running[0], numerator[0], denominator[0])

    def unique_status(self, unique: Name) -> JobStatus:
        """What the server knows about a job, by its unique id."""
        name = arguments.name(unique, "unique")
        known, running = ffi.new("bool *"), ffi.new("bool *")
        numbers = ffi.new("uint32_t[3]")
        self._ask(lib.unique_status, name, known, running, numbers, numbers + 1, numbers + 2)
        return JobStatus(known[0], running[0], numbers[0], numbers[1], numbers[2])

    def cancel(self, handle: Name) -> None:
        """Cancels a background job, by its handle.

        Raises `ServerError` if no server knows the job.
        """
        self._ask(lib.gearman_client_cancel_job, arguments.name(handle, "handle"))
