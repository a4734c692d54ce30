"""Tasks: one job each, as a client sees it.

A task of Python outlives the library's: what it knows is copied when it happens.

Must not: run anything; a client does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import exception_body
from ._native import lib
from .arguments import text
from .codes import EventKind, ReturnCode
from .errors import ClosedError, GearmanError, JobFailed, UsageError, error_of, return_code

if TYPE_CHECKING:
    from .client import Client


class Event(NamedTuple):
    """Something that happened to a task."""

    kind: EventKind
    task: Task
    #: What came with it: a piece of the result, a warning, an exception's body.
    data: bytes = b""
    #: How far the job is, out of `denominator`, as of this event.
    numerator: int = 0
    denominator: int = 0


class JobStatus(NamedTuple):
    """What a server knows about a job."""

    #: Whether the server knows the job at all. A job that is done it forgets.
    known: bool
    #: Whether a worker has it.
    running: bool
    #: How far it is, out of `denominator`, as its worker last said.
    numerator: int
    denominator: int
    #: How many clients wait for it; None when it was asked for by its handle.
    clients: int | None = None


#: Called with each event of a task.
EventFunction = Callable[[Event], object]

_LAST = (EventKind.COMPLETE, EventKind.EXCEPTION, EventKind.FAIL)


class Task:
    """One job. A client's `add_task` and its like make tasks."""

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
        #: The name of the job's function, or what a status request asks about.
        self.function = function
        #: Whatever the program wants to keep with the task.
        self.context = context
        #: The job's unique id, as it was sent.
        self.unique = ""
        #: The job's handle; "" before the server has given one.
        self.handle = ""
        #: What the server or the worker last said about the job.
        self.status = JobStatus(False, False, 0, 0)
        #: The warnings that came.
        self.warnings: list[bytes] = []
        self._client = client
        self._on_event = on_event
        self._keep_data = keep_data
        self._ends_with = ends_with
        self._pieces: list[bytes] = []
        self._exception: bytes = b""
        self._error_text = ""
        self._code: ReturnCode | None = None
        # The library's task, while there is one, and the number it knows this by.
        self._pointer: Any = None
        self._key = 0
        self._discarded = False
        # The event at hand has been told: when it is offered again, it is not news.
        self._told = False
        self._ends_run = False

    def __repr__(self) -> str:
        state = "unfinished" if self._code is None else self._code.name
        return f"<libgearman.Task {self.function!r} {self.handle or '-'} {state}>"

    @property
    def done(self) -> bool:
        """Whether nothing more will come. A background task is done with its handle."""
        return self._code is not None

    @property
    def code(self) -> ReturnCode | None:
        """The library's code for how the task ended; None before that."""
        return self._code

    @property
    def data(self) -> bytes:
        """What has come of the result so far. Empty with ``keep_data=False``."""
        if len(self._pieces) > 1:
            self._pieces = [b"".join(self._pieces)]
        return self._pieces[0] if self._pieces else b""

    def error(self) -> GearmanError | None:
        """What is wrong with the finished task; None when it ended well.

        A failed job is a `JobFailed`, one that raised a `JobException`.
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
            return JobFailed(f"the job {self.handle} of {self.function!r} failed", self)
        detail = self._error_text or f"GEARMAN_{self._code.name}"
        return error_of(self._code, detail, self._client._addresses(), self._client._timeout)

    def result(self) -> bytes:
        """The job's result, or its error raised."""
        error = self.error()
        if error is not None:
            raise error
        return self.data

    def discard(self) -> None:
        """Gives the task up: what still comes for it is ignored. The job goes on."""
        self._client._discard(self)

    # What the library tells, by way of `callbacks`.

    def take_event(self, number: int, pointer: Any, data: bytes) -> int:
        """The library has something for the task. Returns the code for it."""
        if self._told:
            # It ended the run when it came.
            self._told = False
            return ReturnCode.SUCCESS
        kind = EventKind(number)
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
        elif data and self._keep_data:
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
        """The library's task is about to be freed."""
        self._pointer = None
        self._client._forget(self)
        if self._code is None and not self._discarded:
            self._code = return_code(lib.gearman_task_return(pointer))
            self._error_text = self._client._error_text()
            if self._code is ReturnCode.SUCCESS and self._ends_with is not None:
                # A task without callbacks: what it has is asked for now.
                self._note(self._ends_with, pointer, b"")
                self._tell(self._ends_with, b"")
            else:
                self._tell(EventKind.ERROR, b"")


def _status(pointer: Any) -> JobStatus:
    return JobStatus(
        lib.gearman_task_is_known(pointer),
        lib.gearman_task_is_running(pointer),
        lib.gearman_task_numerator(pointer),
        lib.gearman_task_denominator(pointer),
    )
