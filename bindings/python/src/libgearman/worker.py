"""The worker: offering functions and doing jobs.

Must not: know event loops; `aio_worker` does.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
from typing import Any, Callable, Iterable, Iterator, TypeVar, Union, overload

from . import arguments, callbacks, exception_body
from ._native import lib
from .arguments import Data, Name, Seconds, Servers
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import ConnectionFailed, GearmanError, JobFailed, RetryJob, ServerError
from .handle import Handle
from .job import Job
from .signals import stopped_by

log = logging.getLogger("libgearman.worker")

#: What a worker's function may return: the result, or pieces of it as they come.
Result = Union[Data, Iterator[Data], None]
#: A worker's function.
WorkerFunction = Callable[[Job], Result]

_Call = TypeVar("_Call", bound=WorkerFunction)
_Any = TypeVar("_Any", bound=Callable[..., Any])


class Function:
    """One function that a worker offers."""

    def __init__(self, worker: Worker, name: str, call: WorkerFunction) -> None:
        self.worker = worker
        self.name = name
        self.call = call
        self.key = callbacks.new_key()

    def run(self, pointer: Any) -> int:
        """Does a job. Returns the library's code: whether it is to be done again."""
        job = Job(self.worker, pointer)
        code = ReturnCode.SUCCESS
        try:
            self._send(job, self.call(job))
        except Exception as exception:
            code = fail_job(job, exception)
        finally:
            job._pointer = None
        # A worker that was closed meanwhile gives its job back.
        return ReturnCode.WORK_ERROR if self.worker.closed else code

    def _send(self, job: Job, result: Result) -> None:
        if isinstance(result, Iterator):
            for piece in result:
                job.send_data(piece)
            result = None
        if not self.worker.closed:
            job.send_complete(b"" if result is None else result)


def fail_job(job: Job, exception: Exception) -> ReturnCode:
    """Ends a job whose function has raised. WORK_ERROR: it is to be done again."""
    if isinstance(exception, RetryJob):
        return ReturnCode.WORK_ERROR
    if isinstance(exception, JobFailed):
        log.info("%r failed: %s", job, exception)
        _report(job, job.send_fail)
    else:
        log.error("%r raised", job, exc_info=exception)
        _report(job, lambda: job.send_exception(exception_body.encode(exception)))
    return ReturnCode.SUCCESS


def offering(
    add: Callable[..., None], name: Name | _Any | None, timeout: Seconds
) -> _Any | Callable[[_Any], _Any]:
    """What the decorator `function` gives: of a worker, or an asynchronous one."""
    if callable(name):
        add(name.__name__, name)
        return name

    def decorate(call: _Any) -> _Any:
        add(call.__name__ if name is None else name, call, timeout=timeout)
        return call

    return decorate


def _report(job: Job, send: Callable[[], None]) -> None:
    try:
        send()
    except GearmanError as error:
        # The server has given the job away, and needs no end of it.
        log.warning("the end of %r could not be sent: %s", job, error)


class Worker(Handle):
    """Does jobs, one at a time.

    The arguments are a `Client`'s; ``timeout`` is how long `work` waits for a job.

    A worker belongs to one thread at a time, but for `stop`. It is a context
    manager. Jobs that are not done when it is closed the servers give to others.
    """

    _kind = "worker"

    def __init__(
        self,
        servers: Servers | None = None,
        *,
        timeout: Seconds = None,
        namespace: Name | None = None,
        identifier: Name | None = None,
    ) -> None:
        self._functions: dict[str, Function] = {}
        # Held again by a signal's handler that stops the worker.
        self._stopping = threading.RLock()
        self._stopped = False
        super().__init__(servers, timeout, namespace, identifier)
        lib.gearman_worker_add_options(self._pointer, lib.GEARMAN_WORKER_STOP_WAIT_ON_SIGNAL)
        self._process = os.getpid()
        self._id = lib.gearman_worker_id(self._pointer)

    @overload
    def function(self, name: _Call) -> _Call: ...

    @overload
    def function(
        self, name: Name | None = None, *, timeout: Seconds = None
    ) -> Callable[[_Call], _Call]: ...

    def function(
        self, name: Name | _Call | None = None, *, timeout: Seconds = None
    ) -> _Call | Callable[[_Call], _Call]:
        """Offers the decorated function, under its own name or another one."""
        return offering(self.add_function, name, timeout)

    def add_function(self, name: Name, call: WorkerFunction, *, timeout: Seconds = None) -> None:
        """Offers a function. One of the same name is replaced.

        It is called with a `Job` and returns the result as bytes, or None for an
        empty one. A generator's pieces are sent as they come. What it raises
        ends the job: `JobFailed` as failed, `RetryJob` to have it done again,
        any other `Exception` with the exception, which goes to the log too.

        ``timeout`` is how long the server waits, at least a second, before it
        gives the job to another worker; None for ever.
        """
        encoded = arguments.name(name, "name")
        if not callable(call):
            raise TypeError(f"call must be callable, not {type(call).__name__}")
        if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
            raise TypeError(f"{call!r} is asynchronous: use an AsyncWorker for it")
        text = arguments.shown(encoded)
        limit = 0 if timeout is None else arguments.milliseconds(timeout)
        with self._use() as pointer:
            self._withdraw(pointer, text)
            function = Function(self, text, call)
            callbacks.functions[function.key] = function
            self._check(lib.define_function(pointer, encoded, limit, function.key))
            self._functions[text] = function

    def remove_function(self, name: Name) -> None:
        """Takes a function back."""
        encoded = arguments.name(name, "name")
        text = arguments.shown(encoded)
        with self._use() as pointer:
            if not self._withdraw(pointer, text):
                raise KeyError(text)

    def _withdraw(self, pointer: Any, text: str) -> bool:
        function = self._functions.pop(text, None)
        if function is None:
            return False
        self._check(lib.gearman_worker_unregister(pointer, arguments.name(text, "name")))
        return True

    @property
    def functions(self) -> list[str]:
        """The names of the functions that are offered."""
        return list(self._functions)

    def work(self) -> bool:
        """Waits for one job and does it.

        Returns whether there was one: not after `timeout`, and not after `stop`.
        Raises `ConnectionFailed` when no server can be reached, and when a job's
        server is lost before its end is sent; the next call makes a pause before
        it tries again. A `KeyboardInterrupt` or `SystemExit`
        that comes while a job is done gives the job back to its server.
        """
        with self._use() as pointer:
            self._notice_fork()
            start = time.monotonic()
            code: int = lib.gearman_worker_work(pointer)
            while code == ReturnCode.IO_WAIT:
                # A signal, whose handler has run by now.
                raise_stashed()
                code = self._work_on(pointer, start)
            if code in (ReturnCode.SHUTDOWN, ReturnCode.SHUTDOWN_GRACEFUL):
                self._stopped = True
            if code in (ReturnCode.TIMEOUT, ReturnCode.SHUTDOWN, ReturnCode.SHUTDOWN_GRACEFUL):
                raise_stashed()
                return False
            self._check(code)
            return True

    def _work_on(self, pointer: Any, start: float) -> int:
        """Goes on after a signal, for the rest of the time."""
        if self._timeout is None:
            return int(lib.gearman_worker_work(pointer))
        self._limit(max(self._timeout - (time.monotonic() - start), 0))
        try:
            return int(lib.gearman_worker_work(pointer))
        finally:
            self._limit(self._timeout)

    def run(self, *, stop_on: Iterable[int] = ()) -> None:
        """Does jobs until `stop`, or until one of the signals ``stop_on`` comes.

        Such a signal never interrupts a job: the worker stops when it is done.
        A server that cannot be reached is tried again and again; that, and what
        servers refuse, is in the log.
        """
        with self._use():
            self._notice_fork()
            with stopped_by(self._id, stop_on):
                while not self._stopped and not self._closed:
                    try:
                        self.work()
                    except ConnectionFailed as error:
                        log.info("waiting for a job server: %s", error)
                    except ServerError as error:
                        # Such as: the job that was reported is another worker's by now.
                        log.warning("%s", error)

    def stop(self) -> None:
        """Has `work` and `run` return, after the job at hand. For every thread.

        It is for good: a stopped worker does no more jobs.
        """
        with self._stopping:
            if not self._closed:
                lib.gearman_kill(self._id, lib.GEARMAN_INTERRUPT)

    @property
    def stopped(self) -> bool:
        """Whether `work` or `run` has returned because of `stop`."""
        return self._stopped

    def _notice_fork(self) -> None:
        # A child has its own way to be stopped, so as not to stop its parent.
        if self._process != os.getpid():
            self._process = os.getpid()
            self._id = lib.gearman_worker_id(self._pointer)

    def _free(self) -> None:
        with self._stopping:
            super()._free()
        self._functions.clear()
