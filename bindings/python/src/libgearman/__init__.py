"""Gearman for Python, on the C library libgearman.

`Client` submits jobs and `Worker` does them; `AsyncClient` and `AsyncWorker` are for
asyncio. The README has examples.
"""

from __future__ import annotations

import logging as _logging

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
from .retry import Retry
from .serializers import JSON, TEXT, Serializer
from .task import Event, JobStatus, Task
from .tls import SslSettings
from .worker import Worker

# A program that configures no logging gets no lines of this package on its stderr.
_logging.getLogger(__name__).addHandler(_logging.NullHandler())

#: The version of the C library that is loaded.
library_version: str = _ffi.string(_lib.gearman_version()).decode()

__all__ = [
    "JSON",
    "TEXT",
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
    "Retry",
    "RetryJob",
    "ReturnCode",
    "Serializer",
    "ServerError",
    "SslSettings",
    "Task",
    "TimedOut",
    "UsageError",
    "Worker",
    "library_version",
]
