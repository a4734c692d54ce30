"""The enumerations of the C library that programs use, and the kinds of events.

Must not: call the library.
"""

from __future__ import annotations

import enum


class ReturnCode(enum.IntEnum):
    """The return codes of the library: ``gearman_return_t``."""

    SUCCESS = 0
    IO_WAIT = 1
    SHUTDOWN = 2
    SHUTDOWN_GRACEFUL = 3
    ERRNO = 4
    EVENT = 5
    TOO_MANY_ARGS = 6
    NO_ACTIVE_FDS = 7
    INVALID_MAGIC = 8
    INVALID_COMMAND = 9
    INVALID_PACKET = 10
    UNEXPECTED_PACKET = 11
    GETADDRINFO = 12
    NO_SERVERS = 13
    LOST_CONNECTION = 14
    MEMORY_ALLOCATION_FAILURE = 15
    JOB_EXISTS = 16
    JOB_QUEUE_FULL = 17
    SERVER_ERROR = 18
    WORK_ERROR = 19
    WORK_DATA = 20
    WORK_WARNING = 21
    WORK_STATUS = 22
    WORK_EXCEPTION = 23
    WORK_FAIL = 24
    NOT_CONNECTED = 25
    COULD_NOT_CONNECT = 26
    SEND_IN_PROGRESS = 27
    RECV_IN_PROGRESS = 28
    NOT_FLUSHING = 29
    DATA_TOO_LARGE = 30
    INVALID_FUNCTION_NAME = 31
    INVALID_WORKER_FUNCTION = 32
    NO_REGISTERED_FUNCTION = 33
    NO_REGISTERED_FUNCTIONS = 34
    NO_JOBS = 35
    ECHO_DATA_CORRUPTION = 36
    NEED_WORKLOAD_FN = 37
    PAUSE = 38
    UNKNOWN_STATE = 39
    PTHREAD = 40
    PIPE_EOF = 41
    QUEUE_ERROR = 42
    FLUSH_DATA = 43
    SEND_BUFFER_TOO_SMALL = 44
    IGNORE_PACKET = 45
    UNKNOWN_OPTION = 46
    TIMEOUT = 47
    ARGUMENT_TOO_LARGE = 48
    INVALID_ARGUMENT = 49
    IN_PROGRESS = 50
    INVALID_SERVER_OPTION = 51
    JOB_NOT_FOUND = 52


class Priority(enum.IntEnum):
    """The priority of a job among the jobs of its function."""

    HIGH = 0
    NORMAL = 1
    LOW = 2


class EventKind(enum.IntEnum):
    """What happened to a task."""

    #: The server has accepted the job and given it a handle.
    CREATED = 0
    #: A piece of the result has arrived.
    DATA = 1
    #: A warning has arrived.
    WARNING = 2
    #: A progress report has arrived, or the answer to a status request.
    STATUS = 3
    #: The job is complete; the event's data is the last piece of the result.
    COMPLETE = 4
    #: The job has raised an exception; the event's data is its body.
    EXCEPTION = 5
    #: The job failed.
    FAIL = 6
    #: The task has ended without an outcome of its job: the connection was lost, or the
    #: server refused the job.
    ERROR = 7
