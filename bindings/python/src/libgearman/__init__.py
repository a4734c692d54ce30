"""Gearman for Python, on the C library libgearman.

`Client` submits jobs and `Worker` does them; `AsyncClient` and `AsyncWorker` are for
asyncio. The README has examples.
"""

from __future__ import annotations

from . import callbacks as _callbacks  # noqa: F401  (the library calls it)
from ._native import ffi as _ffi
from ._native import lib as _lib
from .aio_client import AsyncClient
from .aio_worker import AsyncWorker
from .client import Client
from .codes import EventKind, Priority, ReturnCode
from .errors import (
    ClosedError,
    ConnectionFailed,
    GearmanError,
    InvalidArgument,
    JobError,
    JobException,
    JobFailed,
    RetryJob,
    ServerError,
    TimedOut,
    UsageError,
)
from .job import Job
from .task import Event, JobStatus, Task
from .tls import SslSettings
from .worker import Worker

#: The version of the C library that is loaded.
library_version: str = _ffi.string(_lib.gearman_version()).decode()

__all__ = [
    "AsyncClient",
    "AsyncWorker",
    "Client",
    "ClosedError",
    "ConnectionFailed",
    "Event",
    "EventKind",
    "GearmanError",
    "InvalidArgument",
    "Job",
    "JobError",
    "JobException",
    "JobFailed",
    "JobStatus",
    "Priority",
    "RetryJob",
    "ReturnCode",
    "ServerError",
    "SslSettings",
    "Task",
    "TimedOut",
    "UsageError",
    "Worker",
    "library_version",
]
