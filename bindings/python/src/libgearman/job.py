"""Jobs, as the function of a worker gets them.

Must not: end a job by itself; the worker does when its function has returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import arguments
from ._native import ffi, lib
from .arguments import Data
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import ClosedError

if TYPE_CHECKING:
    from .worker import Worker


class Job:
    """One job, which can be used until its function has returned."""

    def __init__(self, worker: Worker, pointer: Any) -> None:
        self._worker = worker
        self._pointer = pointer
        #: The name of the job's function as the server knows it, with the namespace.
        self.function = arguments.text(lib.gearman_job_function_name(pointer))
        #: The job's handle.
        self.handle = arguments.text(lib.gearman_job_handle(pointer))
        #: The job's unique id.
        self.unique = arguments.text(lib.gearman_job_unique(pointer))
        self._workload: bytes | None = None

    def __repr__(self) -> str:
        return f"<libgearman.Job {self.function!r} {self.handle}>"

    def _alive(self) -> Any:
        if self._pointer is None:
            raise ClosedError(f"{self!r} is over: its function has returned")
        return self._pointer

    @property
    def workload(self) -> bytes:
        """The bytes that the client sent."""
        if self._workload is None:
            pointer = self._alive()
            with self._worker._use():
                size = lib.gearman_job_workload_size(pointer)
                data = lib.gearman_job_workload(pointer)
                self._workload = ffi.buffer(data, size)[:] if size else b""
        return self._workload

    def send_data(self, data: Data) -> None:
        """Sends a piece of the result. The kernel has taken it when this returns."""
        self._send(lib.gearman_job_send_data, *arguments.payload(data, "data"))

    def send_warning(self, data: Data) -> None:
        """Sends a warning."""
        self._send(lib.gearman_job_send_warning, *arguments.payload(data, "data"))

    def send_status(self, numerator: int, denominator: int) -> None:
        """Sends the job's progress: two numbers from 0 to 2**32 - 1."""
        self._send(lib.gearman_job_send_status, numerator, denominator)

    def send_complete(self, result: Data = b"") -> None:
        """Ends the job with a result, before its function returns.

        Later reports and the result of the function are ignored.
        """
        self._send(lib.gearman_job_send_complete, *arguments.payload(result, "result"))

    def send_fail(self) -> None:
        """Ends the job as failed, before its function returns."""
        self._send(lib.gearman_job_send_fail)

    def send_exception(self, body: Data) -> None:
        """Ends the job with an exception of any form, before its function returns.

        An exception that the function raises is sent in the form of this package.
        """
        pointer, size = arguments.payload(body, "body")
        if not size:
            raise ValueError("body must not be empty")
        self._send(lib.gearman_job_send_exception, pointer, size)

    def _send(self, function: Any, *values: Any) -> None:
        pointer = self._alive()
        with self._worker._use():
            code = function(pointer, *values)
            raise_stashed()
            if code != ReturnCode.SUCCESS:
                raise self._worker._error_of(code)
