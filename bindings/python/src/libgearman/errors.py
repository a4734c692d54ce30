"""The exceptions that this package raises, and which code of the library makes which.

Must not: call the library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .codes import ReturnCode

if TYPE_CHECKING:
    from .task import Task


class GearmanError(Exception):
    """What the library, a job server or a job reports.

    ``code`` is the library's code for it.
    """

    def __init__(self, text: str, code: ReturnCode = ReturnCode.UNKNOWN_STATE) -> None:
        super().__init__(text)
        self.code = code


class ConnectionFailed(GearmanError, ConnectionError):
    """No job server can be reached, or the connection to one was lost."""


class TimedOut(GearmanError, TimeoutError):
    """Nothing came from a server for longer than the time limit."""


class InvalidArgument(GearmanError, ValueError):
    """The library does not take an argument as it is."""


class ServerError(GearmanError):
    """A job server refused a request."""


class UsageError(GearmanError, RuntimeError):
    """An object was used in a way that cannot work, such as from two threads at once."""


class ClosedError(UsageError):
    """A client, a worker or a job was used after its end."""


class JobError(GearmanError):
    """A job did not end well. ``task`` is the client's task for it."""

    def __init__(self, text: str, code: ReturnCode, task: Task | None = None) -> None:
        super().__init__(text, code)
        self.task = task


class JobFailed(JobError):
    """The job failed.

    A worker's function raises it to let its job fail without an exception.
    """

    def __init__(self, text: str = "the job failed", task: Task | None = None) -> None:
        super().__init__(text, ReturnCode.WORK_FAIL, task)


class JobException(JobError):
    """The worker's function raised an exception.

    ``body`` is what the worker sent. If it came from this package, or another
    program that uses the same encoding (see the README), ``type``, ``message``
    and ``traceback`` are the exception's; otherwise they are None.
    """

    def __init__(
        self,
        body: bytes,
        type: str | None = None,
        message: str | None = None,
        traceback: str | None = None,
        task: Task | None = None,
    ) -> None:
        if type is None:
            text = body.decode("utf-8", "backslashreplace")
        else:
            text = f"{type}: {message}" if message else type
        super().__init__(text, ReturnCode.WORK_EXCEPTION, task)
        self.body = body
        self.type = type
        self.message = message
        self.traceback = traceback


class RetryJob(Exception):
    """Raised by a worker's function to give its job back: the server lets it run again."""


_CLASSES: dict[ReturnCode, type[GearmanError]] = {
    ReturnCode.TIMEOUT: TimedOut,
    **dict.fromkeys(
        (
            ReturnCode.COULD_NOT_CONNECT,
            ReturnCode.ERRNO,
            ReturnCode.GETADDRINFO,
            ReturnCode.LOST_CONNECTION,
            ReturnCode.NO_ACTIVE_FDS,
            ReturnCode.NO_SERVERS,
            ReturnCode.NOT_CONNECTED,
        ),
        ConnectionFailed,
    ),
    **dict.fromkeys(
        (
            ReturnCode.ARGUMENT_TOO_LARGE,
            ReturnCode.DATA_TOO_LARGE,
            ReturnCode.INVALID_ARGUMENT,
            ReturnCode.INVALID_FUNCTION_NAME,
            ReturnCode.INVALID_SERVER_OPTION,
            ReturnCode.NO_REGISTERED_FUNCTION,
            ReturnCode.NO_REGISTERED_FUNCTIONS,
            ReturnCode.TOO_MANY_ARGS,
        ),
        InvalidArgument,
    ),
    **dict.fromkeys(
        (
            ReturnCode.ECHO_DATA_CORRUPTION,
            ReturnCode.INVALID_COMMAND,
            ReturnCode.INVALID_MAGIC,
            ReturnCode.INVALID_PACKET,
            ReturnCode.JOB_NOT_FOUND,
            ReturnCode.JOB_QUEUE_FULL,
            ReturnCode.QUEUE_ERROR,
            ReturnCode.SERVER_ERROR,
            ReturnCode.UNEXPECTED_PACKET,
            ReturnCode.UNKNOWN_OPTION,
        ),
        ServerError,
    ),
}


def return_code(number: int) -> ReturnCode:
    """The code with a number, also for numbers that a later library may add."""
    try:
        return ReturnCode(number)
    except ValueError:
        return ReturnCode.UNKNOWN_STATE


def error_of(number: int, text: str) -> GearmanError:
    """The exception for a code and the library's text about it."""
    code = return_code(number)
    return _CLASSES.get(code, GearmanError)(text, code)
