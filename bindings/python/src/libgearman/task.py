"""Tasks, which are jobs as their client sees them.

A Task outlives the library's task: its data is copied with each event.

Must not: run a task; a client does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import exception_body
from ._native import ffi, lib
from .arguments import Seconds, text
from .codes import EventKind, ReturnCode
from .errors import (
    ClosedError,
    GearmanError,
    JobFailed,
    TimedOut,
    UsageError,
    error_of,
    return_code,
)

if TYPE_CHECKING:
    from .client import Client


class Event(NamedTuple):
    """An event of a task."""

    kind: EventKind
    task: Task
    #: The data of the event: a piece of the result, a warning, or an exception's body.
    data: bytes = b""
    #: The progress of the job at this event, out of `denominator`.
    numerator: int = 0
    denominator: int = 0


class JobStatus(NamedTuple):
    """The state of a job at its server."""

    #: Whether the server knows the job. It does not know jobs that have ended.
    known: bool
    #: Whether a worker has the job.
    running: bool
    #: The progress that the worker last reported, out of `denominator`.
    numerator: int
    denominator: int
    #: The number of clients that wait; None if the request was by handle.
    clients: int | None = None


#: A callback for the events of a task.
EventFunction = Callable[[Event], object]

_LAST = (EventKind.COMPLETE, EventKind.EXCEPTION, EventKind.FAIL)


class Task:
    """One job or status request, made by `Client.add_task` and similar methods."""

    def __init__(
        self,
        client: Client,
        function: str,
        *,
        context: Any = None,
        on_event: EventFunction | None = None,
        keep_data: bool = True,
        ends_with: EventKind | None = None,
    ) -> None:
        #: The name of the job's function, or the handle or unique id of a status request.
        self.function = function
        #: An object of the program.
        self.context = context
        #: The job's unique id, as it was sent.
        self.unique = ""
        #: The job's handle; "" before the server has given one.
        self.handle = ""
        #: The state of the job that the server or worker last reported.
        self.status = JobStatus(False, False, 0, 0)
        #: The warnings that have arrived.
        self.warnings: list[bytes] = []
        self._client = client
        self._on_event = on_event
        self._keep_data = keep_data
        self._ends_with = ends_with
        self._pieces: list[bytes] = []
        self._exception: bytes = b""
        self._error_text = ""
        self._code: ReturnCode | None = None
        # The library's task, until it is freed, and the number that the library passes.
        self._pointer: Any = None
        self._key = 0
        self._discarded = False
        # Whether the current event was delivered: the library may call again for it.
        self._told = False
        self._ends_run = False

    def __repr__(self) -> str:
        state = "unfinished" if self._code is None else self._code.name
        return f"<libgearman.Task {self.function!r} {self.handle or '-'} {state}>"

    @property
    def done(self) -> bool:
        """Whether the task is finished. A background task is when it has its handle."""
        return self._code is not None

    @property
    def code(self) -> ReturnCode | None:
        """The library's code for how the task ended; None before that."""
        return self._code

    @property
    def data(self) -> bytes:
        """The part of the result that has arrived. Empty with ``keep_data=False``."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def error(self) -> GearmanError | None:
        """The exception for a finished task; None if its job is complete.

        It is a `JobFailed` for a job that failed, a `JobException` for one that raised
        an exception.
        """
        if self._code is None:
            if self._discarded:
                return ClosedError(f"{self!r} was discarded, or its client closed")
            raise UsageError(f"{self!r} is not finished")
        if self._code == ReturnCode.SUCCESS:
            return None
        if self._code == ReturnCode.WORK_EXCEPTION:
            return exception_body.decode(self._exception, self)
        if self._code == ReturnCode.WORK_FAIL:
            return JobFailed(task=self)
        detail = self._error_text or f"GEARMAN_{self._code.name}"
        return error_of(self._code, detail, self._client._addresses(), self._client._timeout)

    def late(self, timeout: Seconds) -> TimedOut:
        """The exception for a task that is not finished after the time of its call."""
        what = f"the job {self.handle} of {self.function!r} did not end"
        if not self.handle:
            addresses = self._client._addresses()
            what = f"no job server took the job of {self.function!r} ({addresses})"
        return TimedOut(f"{what} within {timeout:g} seconds", ReturnCode.TIMEOUT)

    def result(self) -> bytes:
        """The job's result. Raises the exception of `error`, if any."""
        error = self.error()
        if error is not None:
            raise error
        return self.data

    def discard(self) -> None:
        """Discards the task: what arrives for it later is ignored. The job is not stopped."""
        self._client._discard(self)

    # Called by `callbacks`.

    def take_event(self, number: int, pointer: Any, data: bytes) -> int:
        """Takes an event of the library. Returns the callback's code."""
        if self._told:
            # It ended the run when it was delivered.
            self._told = False
            return ReturnCode.SUCCESS
        kind = EventKind(number)
        if kind is EventKind.FAIL:
            code = return_code(lib.gearman_task_return(pointer))
            if code is not ReturnCode.WORK_FAIL:
                # The server was lost, not the job: `take_end` tells it, unless the run has
                # to end with this task.
                if not self._ends_run:
                    return ReturnCode.SUCCESS
                kind, self._code = EventKind.ERROR, code
                self._error_text = self._client._error_text()
        self._note(kind, pointer, data)
        self._told = True
        self._tell(kind, data)
        if self._client.closed or (self._ends_run and self.done):
            return ReturnCode.PAUSE
        self._told = False
        return ReturnCode.SUCCESS

    def _note(self, kind: EventKind, pointer: Any, data: bytes) -> None:
        if kind is EventKind.CREATED:
            self.handle = text(lib.gearman_task_job_handle(pointer))
            self.status = self.status._replace(known=True)
        elif kind is EventKind.STATUS:
            self.status = _status(pointer)
        elif kind is EventKind.WARNING:
            self.warnings.append(data)
        elif kind is EventKind.EXCEPTION:
            self._exception = data
            self._code = ReturnCode.WORK_EXCEPTION
        elif kind is EventKind.FAIL:
            self._code = ReturnCode.WORK_FAIL
        elif data and self._keep_data and kind is not EventKind.ERROR:
            self._pieces.append(data)
        if kind is EventKind.COMPLETE or kind is self._ends_with:
            self._code = ReturnCode.SUCCESS
        if kind in _LAST:
            self.status = self.status._replace(known=False, running=False)

    def _tell(self, kind: EventKind, data: bytes) -> None:
        event = Event(kind, self, data, self.status.numerator, self.status.denominator)
        self._client._take_event(event)
        if self._on_event is not None:
            self._on_event(event)

    def take_end(self, pointer: Any) -> None:
        """Takes the end of the library's task, before it is freed."""
        self._pointer = None
        self._client._forget(self)
        if self._code is None and not self._discarded:
            self._code = return_code(lib.gearman_task_return(pointer))
            self._error_text = self._client._error_text()
            self._exception = _exception(pointer)
            if self._code is ReturnCode.SUCCESS and self._ends_with is not None:
                # A task without callbacks: its state is read now.
                data = _result(pointer) if self._ends_with is EventKind.COMPLETE else b""
                self._note(self._ends_with, pointer, data)
                self._tell(self._ends_with, data)
            else:
                self._tell(EventKind.ERROR, b"")


def _result(pointer: Any) -> bytes:
    result = lib.gearman_task_result(pointer)
    size = 0 if result == ffi.NULL else lib.gearman_result_size(result)
    return ffi.buffer(lib.gearman_result_value(result), size)[:] if size else b""


def _exception(pointer: Any) -> bytes:
    size = ffi.new("size_t *")
    data = lib.task_exception(pointer, size)
    return ffi.buffer(data, size[0])[:] if size[0] else b""


def _status(pointer: Any) -> JobStatus:
    return JobStatus(
        lib.gearman_task_is_known(pointer),
        lib.gearman_task_is_running(pointer),
        lib.gearman_task_numerator(pointer),
        lib.gearman_task_denominator(pointer),
    )
