"""The exceptions of this package, and which code of the C library raises which.

Must not: call the library.
"""

from __future__ import annotations

import re

from typing import TYPE_CHECKING

from .codes import ReturnCode

if TYPE_CHECKING:
    from .task import Task


class GearmanError(Exception):
    """An error of the library, of a job server or of a job.

    ``code`` is the C library's code for it. ``detail`` is the C library's own text,
    for a log or a bug report; it is empty for an error that this package found.
    """

    def __init__(
        self, text: str, code: ReturnCode = ReturnCode.UNKNOWN_STATE, detail: str = ""
    ) -> None:
        super().__init__(text)
        self.code = code
        self.detail = detail


class ConnectionFailed(GearmanError, ConnectionError):
    """No job server can be reached, or the connection to one was lost."""


class TimedOut(GearmanError, TimeoutError):
    """No server answered within the timeout."""


class InvalidArgument(GearmanError, ValueError):
    """An argument is not valid."""


class ServerError(GearmanError):
    """A job server refused a request."""


class UsageError(GearmanError, RuntimeError):
    """An object was used in a way that cannot work, such as from two threads at once."""


class ClosedError(UsageError):
    """A client or a worker was used after it was closed, or a job after its function returned."""


class JobError(GearmanError):
    """A job failed or raised an exception. ``task`` is the client's task for it."""

    def __init__(self, text: str, code: ReturnCode, task: Task | None = None) -> None:
        super().__init__(text, code)
        self.task = task


class JobFailed(JobError):
    """The job failed. ``reason`` is the text that the worker gave for it, or None.

    A worker's function raises it to fail its job. Its text goes to clients that ask for
    exceptions, where it is a `JobException`, which has it as its text too.
    """

    def __init__(self, reason: object = "", task: Task | None = None) -> None:
        given = str(reason)
        whose = "" if task is None else f" {task.handle} of {task.function!r}"
        super().__init__(given or f"the job{whose} failed", ReturnCode.WORK_FAIL, task)
        self.reason: str | None = given or None


class JobException(JobFailed):
    """The worker's function raised an exception, or failed its job with a reason.

    ``body`` is the bytes that the worker sent. If the worker uses this package, or
    another program with the same encoding (see the README), ``type``, ``message``
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
        super().__init__(text, task)
        self.code = ReturnCode.WORK_EXCEPTION
        self.body = body
        self.type = type
        self.message = message
        self.traceback = traceback


class RetryJob(Exception):
    """Raised by a worker's function to give its job back: the server has it done again."""


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


#: What each code means. "{servers}" is " HOST:PORT,...", "{limit}" is " within N seconds".
_TEXTS: dict[ReturnCode, str] = {
    ReturnCode.ARGUMENT_TOO_LARGE: "an argument is too long",
    ReturnCode.COULD_NOT_CONNECT: "no job server can be reached:{servers}",
    ReturnCode.DATA_TOO_LARGE: "an argument is too long",
    ReturnCode.ECHO_DATA_CORRUPTION: "a job server sent other bytes back:{servers}",
    ReturnCode.ERRNO: "no job server can be reached:{servers}",
    ReturnCode.GETADDRINFO: "the host of a job server has no address",
    ReturnCode.INVALID_ARGUMENT: "an argument is not valid",
    ReturnCode.INVALID_COMMAND: "a job server sent a packet of an unknown type:{servers}",
    ReturnCode.INVALID_FUNCTION_NAME: "the worker does not offer the function of a job",
    ReturnCode.INVALID_MAGIC: "a server sent bytes that are not Gearman's:{servers}",
    ReturnCode.INVALID_PACKET: "a job server sent a packet that is not valid:{servers}",
    ReturnCode.INVALID_SERVER_OPTION: "a job server does not know the option",
    ReturnCode.JOB_NOT_FOUND: "no job server knows the job",
    ReturnCode.JOB_QUEUE_FULL: "the job server's queue for the function is full",
    ReturnCode.LOST_CONNECTION: "the job server closed the connection:{servers}",
    ReturnCode.MEMORY_ALLOCATION_FAILURE: "out of memory",
    ReturnCode.NO_ACTIVE_FDS: "no job server is connected:{servers}",
    ReturnCode.NO_REGISTERED_FUNCTION: "the worker does not offer the function",
    ReturnCode.NO_REGISTERED_FUNCTIONS: "the worker offers no function",
    ReturnCode.NO_SERVERS: "no job server was added",
    ReturnCode.NOT_CONNECTED: "no job server is connected:{servers}",
    ReturnCode.QUEUE_ERROR: "the job server's queue for the function is full",
    ReturnCode.SERVER_ERROR: "the job server refused the request",
    ReturnCode.TIMEOUT: "no job server answered{limit}:{servers}",
    ReturnCode.TOO_MANY_ARGS: "a request has too many arguments",
    ReturnCode.UNEXPECTED_PACKET: "a job server sent a packet that was not expected:{servers}",
    ReturnCode.UNKNOWN_OPTION: "a job server does not know the option",
}

#: More exact texts, by a part of the C library's own.
_REASONS = {
    "function name longer": "the function name is longer than 512 bytes",
    "unique name longer": "the unique id is longer than 64 bytes",
    "workload is larger": "the workload is larger than a packet can hold",
    "id_size was greater": "the identifier is longer than 254 bytes",
    "Invalid character found in identifier": "the identifier has characters that are not printable",
    "not a job handle": "the handle is not a job handle",
}


def return_code(number: int) -> ReturnCode:
    """The code with a number, also for numbers that a later library may add."""
    try:
        return ReturnCode(number)
    except ValueError:
        return ReturnCode.UNKNOWN_STATE


def _text(code: ReturnCode, detail: str, servers: str, timeout: float | None) -> str:
    for part, reason in _REASONS.items():
        if part in detail:
            return reason
    template = _TEXTS.get(code, f"the library failed with the code {code.name}")
    limit = "" if timeout is None else f" within {timeout:g} seconds"
    text = template.format(servers=f" {servers}" if servers else "", limit=limit).rstrip(":")
    # The middle of the library's text is the reason that the server gave, or that TLS has.
    pattern = r"\) (.*) -> " if code is ReturnCode.SERVER_ERROR else r"(TLS: .*) -> "
    given = re.search(pattern, detail)
    return f"{text}: {given[1]}" if given else text


def error_of(
    number: int, detail: str = "", servers: str = "", timeout: float | None = None
) -> GearmanError:
    """The exception for a code. ``detail`` is the C library's text about it."""
    code = return_code(number)
    text = _text(code, detail, servers, timeout)
    return _CLASSES.get(code, GearmanError)(text, code, detail)
