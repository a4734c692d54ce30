"""The functions that the library calls, and the exceptions that they raise.

An exception must not pass through C. It is stored here, the library is told to end
its call, and `raise_stashed` raises it again when the library has returned.

The library passes a number, not a pointer: the object of a number may have been freed,
and is then not found here.

Must not: handle an event; clients and workers do.
"""

from __future__ import annotations

import itertools
import logging
import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from ._native import ffi, lib
from .arguments import text
from .codes import ReturnCode

if TYPE_CHECKING:
    from .task import Task
    from .worker import Function

_keys = itertools.count(1)
_local = threading.local()

#: The objects that the library calls, by their numbers.
tasks: WeakValueDictionary[int, Task] = WeakValueDictionary()
functions: WeakValueDictionary[int, Function] = WeakValueDictionary()

client_log = logging.getLogger("libgearman.client")
worker_log = logging.getLogger("libgearman.worker")

# gearman_verbose_t
_LEVELS = {1: logging.CRITICAL, 2: logging.ERROR, 3: logging.INFO, 4: logging.DEBUG}


def new_key() -> int:
    """A number for an object that the library calls."""
    return next(_keys)


def _stash(kind: type[BaseException], exception: BaseException, traceback: Any) -> None:
    # The first exception is the cause of the others.
    if getattr(_local, "exception", None) is None:
        _local.exception = exception.with_traceback(traceback)


def raise_stashed() -> None:
    """Raises the exception that a callback of this thread has raised, if any."""
    exception = getattr(_local, "exception", None)
    if exception is None:
        return
    _local.exception = None
    try:
        raise exception
    finally:
        # Breaks the reference cycle of the traceback and this frame.
        del exception


# An error ends the run. The event counts as delivered: see Task.take_event.
@ffi.def_extern(error=ReturnCode.PAUSE, onerror=_stash)
def py_task_event(key: int, kind: int, pointer: Any, data: Any, size: int) -> int:
    """Called for each event of a task."""
    task = tasks.get(key)
    if task is None:
        return ReturnCode.SUCCESS
    return task.take_event(kind, pointer, ffi.buffer(data, size)[:] if size else b"")


@ffi.def_extern(onerror=_stash)
def py_task_freed(key: int, pointer: Any) -> None:
    """Called when the library frees a task."""
    task = tasks.pop(key, None)
    if task is not None:
        task.take_end(pointer)


# An error, which here is an exception such as KeyboardInterrupt, gives the job back
# to the server.
@ffi.def_extern(error=ReturnCode.WORK_ERROR, onerror=_stash)
def py_function(key: int, pointer: Any) -> int:
    """Called for each job of a worker."""
    function = functions.get(key)
    if function is None:
        return ReturnCode.WORK_ERROR
    return function.run(pointer)


# An error fails the job.
@ffi.def_extern(error=ReturnCode.WORK_FAIL, onerror=_stash)
def py_combine(key: int, first: Any, result: Any) -> int:
    """Called with the results of the parts of a job."""
    function = functions.get(key)
    if function is None:
        return ReturnCode.WORK_FAIL
    return function.take_parts(first, result)


@ffi.def_extern(onerror=_stash)
def py_log(line: Any, verbose: int, is_worker: int) -> None:
    """Called for each log line of the library."""
    message = text(line)
    level = _LEVELS.get(verbose, logging.DEBUG)
    if "(GEARMAN_TIMEOUT)" in message:
        # The program has set this timeout and gets an exception for it.
        level = logging.DEBUG
    (worker_log if is_worker else client_log).log(level, "%s", message)
