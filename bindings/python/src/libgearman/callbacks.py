"""Where the library calls Python, and what becomes of exceptions raised there.

An exception must not cross C. It is put aside here, the library is told to end
what it is doing, and `raise_stashed` raises it again as soon as the library has
returned.

The library hands a number back, not a pointer: one whose object is gone finds
nothing here, and that is an ordinary case.

Must not: know what a client or a worker does with an event.
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

#: The objects that the library may call, by their numbers.
tasks: WeakValueDictionary[int, Task] = WeakValueDictionary()
functions: WeakValueDictionary[int, Function] = WeakValueDictionary()

client_log = logging.getLogger("libgearman.client")
worker_log = logging.getLogger("libgearman.worker")

# gearman_verbose_t
_LEVELS = {1: logging.CRITICAL, 2: logging.ERROR, 3: logging.INFO, 4: logging.DEBUG}


def new_key() -> int:
    """A number for an object that the library will call."""
    return next(_keys)


def _stash(kind: type[BaseException], exception: BaseException, traceback: Any) -> None:
    # The first one is the cause of the others.
    if getattr(_local, "exception", None) is None:
        _local.exception = exception.with_traceback(traceback)


def raise_stashed() -> None:
    """Raises what a callback in this thread raised, if one did."""
    exception = getattr(_local, "exception", None)
    if exception is None:
        return
    _local.exception = None
    try:
        raise exception
    finally:
        # Its traceback holds this frame, and this frame would hold it.
        del exception


# With an error, the run ends. The event counts as delivered: see Task.take_event.
@ffi.def_extern(error=ReturnCode.PAUSE, onerror=_stash)
def py_task_event(key: int, kind: int, pointer: Any, data: Any, size: int) -> int:
    """Something happened to a task."""
    task = tasks.get(key)
    if task is None:
        return ReturnCode.SUCCESS
    return task.take_event(kind, pointer, ffi.buffer(data, size)[:] if size else b"")


@ffi.def_extern(onerror=_stash)
def py_task_freed(key: int, pointer: Any) -> None:
    """The library frees a task."""
    task = tasks.pop(key, None)
    if task is not None:
        task.take_end(pointer)


# With an error, which here is something like KeyboardInterrupt, the job goes back
# to the server.
@ffi.def_extern(error=ReturnCode.WORK_ERROR, onerror=_stash)
def py_function(key: int, pointer: Any) -> int:
    """A worker has a job."""
    function = functions.get(key)
    if function is None:
        return ReturnCode.WORK_ERROR
    return function.run(pointer)


@ffi.def_extern(onerror=_stash)
def py_log(line: Any, verbose: int, is_worker: int) -> None:
    """The library has a line for the log."""
    message = text(line)
    level = _LEVELS.get(verbose, logging.DEBUG)
    if "(GEARMAN_TIMEOUT)" in message:
        # A limit that the program set, and is told of in other ways.
        level = logging.DEBUG
    (worker_log if is_worker else client_log).log(level, "%s", message)
