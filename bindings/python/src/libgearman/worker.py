"""The worker, which offers functions and does jobs.

Must not: use an event loop; `aio_worker` does.
"""

from __future__ import annotations

import inspect
import logging
import os
import threading
import time
from typing import Any, Callable, Iterable, Iterator, List, TypeVar, Union, overload

from . import arguments, callbacks, exception_body
from ._native import ffi, lib
from .arguments import Data, Name, Seconds, Servers
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import (
    ConnectionFailed,
    GearmanError,
    JobException,
    JobFailed,
    RetryJob,
    ServerError,
)
from .handle import Handle
from .job import Job
from .serializers import JSON, Serializer, checked, encode
from .signals import stopped_by
from .tls import Ssl

log = logging.getLogger("libgearman.worker")

#: What a worker's function may return: the result, or an iterable of its pieces.
Result = Union[Data, Iterator[Data], None]
#: A worker's function.
WorkerFunction = Callable[[Job], Result]
#: A function that divides a job into the workloads of its parts.
Splitter = Callable[[Job], Iterable[Data]]
#: A function that makes the result of a job of those of its parts.
Combiner = Callable[[List[bytes]], Data]

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
        """Does a job. Returns the library's code: WORK_ERROR gives the job back."""
        job = Job(self.worker, pointer)
        code = ReturnCode.SUCCESS
        try:
            self._send(job, self.call(job))
        except Exception as exception:
            code = fail_job(job, exception)
        finally:
            job._pointer = None
        # A worker that the function has closed gives its job back.
        return ReturnCode.WORK_ERROR if self.worker.closed else code

    def _send(self, job: Job, result: Any) -> None:
        if isinstance(result, Iterator):
            for piece in result:
                job.send_data(piece)
            result = None
        if not self.worker.closed:
            job.send_complete(b"" if result is None else result)

    def take_parts(self, first: Any, result: Any) -> int:
        """Takes the results of a job's parts. Only those of a `SplittingFunction` have any."""
        return ReturnCode.WORK_FAIL


class SplittingFunction(Function):
    """A function whose jobs are divided into jobs of another one."""

    def __init__(self, worker: Worker, name: str, split: Splitter, combine: Combiner) -> None:
        super().__init__(worker, name, split)  # type: ignore[arg-type]
        self.combine = combine
        # The job whose parts are awaited.
        self._job: Any = None

    def run(self, pointer: Any) -> int:
        self._job = pointer
        return super().run(pointer)

    def _send(self, job: Job, result: Any) -> None:
        # The library submits each piece, and ends the job with what `take_parts` stores.
        for piece in result:
            job.send_data(piece)

    def take_parts(self, first: Any, result: Any) -> int:
        """Combines the results of the parts. Returns the library's code for the job."""
        job = Job(self.worker, self._job)
        try:
            value, size = arguments.payload(self.combine(_results(first)), "the combined result")
        except Exception as exception:
            return fail_job(job, exception)
        finally:
            job._pointer = None
        return int(lib.gearman_result_store_value(result, value, size))


def _results(task: Any) -> list[bytes]:
    """The results of a job's parts. Raises `JobFailed` if a part has none."""
    results = []
    while task != ffi.NULL:
        code = lib.gearman_task_return(task)
        if code != ReturnCode.SUCCESS:
            raise JobFailed(f"a part of the job failed: {ReturnCode(code).name}")
        result = lib.gearman_task_result(task)
        size = 0 if result == ffi.NULL else lib.gearman_result_size(result)
        results.append(ffi.buffer(lib.gearman_result_value(result), size)[:] if size else b"")
        task = lib.gearman_next(task)
    return results


def fail_job(job: Job, exception: Exception) -> ReturnCode:
    """Ends a job after an exception of its function. WORK_ERROR gives the job back."""
    if isinstance(exception, RetryJob):
        return ReturnCode.WORK_ERROR
    if isinstance(exception, JobFailed) and not isinstance(exception, JobException):
        log.info("%r failed: %s", job, exception)
        body = exception_body.encode_reason(exception.reason or "")
        _report(job, (lambda: job.send_exception(body)) if body else job.send_fail)
    else:
        log.error("%r raised", job, exc_info=exception)
        _report(job, lambda: job.send_exception(exception_body.encode(exception)))
    return ReturnCode.SUCCESS


class Idleness:
    """The time since a worker's last job, and its limit."""

    def __init__(self, limit: Seconds) -> None:
        if limit is not None:
            # Refuses what is no time.
            arguments.milliseconds(limit)
        self._limit = limit
        self._since = time.monotonic()
        # Why no job can come at the moment.
        self.trouble: ConnectionFailed | None = None

    def begin(self) -> None:
        """A job has ended."""
        self._since = time.monotonic()

    def shorter_of(self, timeout: Seconds) -> Seconds:
        """What is left of the limit, or this time if that is shorter."""
        if self._limit is None:
            return timeout
        left = max(self._limit - (time.monotonic() - self._since), 0.001)
        return left if timeout is None else min(left, timeout)

    def is_over(self) -> bool:
        """Whether the limit has passed."""
        return self._limit is not None and time.monotonic() - self._since >= self._limit


def offering(
    add: Callable[..., None], name: Name | _Any | None, timeout: Seconds
) -> _Any | Callable[[_Any], _Any]:
    """The decorator `function` of a worker or an asynchronous worker."""
    if callable(name):
        add(name.__name__, name)
        return name

    def decorate(call: _Any) -> _Any:
        add(call.__name__ if name is None else name, call, timeout=timeout)
        return call

    return decorate


class CallableDecorator:
    """The decorator `callable`, for workers of either kind."""

    add_callable: Callable[..., None]

    @overload
    def callable(self, name: _Any) -> _Any: ...

    @overload
    def callable(
        self, name: Name | None = None, *, timeout: Seconds = None
    ) -> Callable[[_Any], _Any]: ...

    def callable(
        self, name: Name | _Any | None = None, *, timeout: Seconds = None
    ) -> _Any | Callable[[_Any], _Any]:
        """Offers the decorated function of a value, as `add_callable` does."""
        return offering(self.add_callable, name, timeout)


def _synchronous(call: _Any, what: str) -> _Any:
    """A function that this worker can call."""
    if not callable(call):
        raise TypeError(f"{what} must be callable, not {type(call).__name__}")
    if inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call):
        raise TypeError(f"{call!r} is asynchronous: use an AsyncWorker for it")
    return call


def _report(job: Job, send: Callable[[], None]) -> None:
    try:
        send()
    except GearmanError as error:
        # The server has given the job to another worker, and needs no report.
        log.warning("the end of %r could not be sent: %s", job, error)


class Worker(Handle, CallableDecorator):
    """Does jobs, one at a time.

    The arguments are those of `Client`; ``timeout`` is how long `work` waits for a job, and
    ``serializer`` is that of `callable`.

    Only one thread may use a worker at a time, except for `stop`. It is a context
    manager. When it is closed, servers give its unfinished jobs to other workers.
    """

    _kind = "worker"

    def __init__(
        self,
        servers: Servers | None = None,
        *,
        timeout: Seconds = None,
        namespace: Name | None = None,
        identifier: Name | None = None,
        keepalive: int | None = None,
        ssl: Ssl = None,
        serializer: Serializer = JSON,
    ) -> None:
        self._serializer = checked(serializer)
        self._functions: dict[str, Function] = {}
        # Reentrant, since a signal's handler may stop the worker.
        self._stopping = threading.RLock()
        self._stopped = False
        super().__init__(servers, timeout, namespace, identifier, ssl)
        if keepalive is not None:
            self.keepalive = keepalive
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
        empty one. Each piece of a generator is sent when it is yielded. `JobFailed`
        fails the job, `RetryJob` gives it back, and any other `Exception` ends the job
        with that exception, which is logged too.

        ``timeout`` is the time in seconds, at least 1, after which the server gives an
        unfinished job to another worker; None is no limit.
        """
        shown = arguments.shown(arguments.name(name, "name"))
        self._define(Function(self, shown, _synchronous(call, "call")), timeout)

    def add_callable(
        self, name: Name, call: Callable[[Any], Any], *, timeout: Seconds = None
    ) -> None:
        """Offers a function for `Client.call`: it is called with a value and returns one.

        The worker's serializer makes the value of the job's workload, and the result of
        the value that is returned. The rest is as for `add_function`.
        """
        call, serializer = _synchronous(call, "call"), self._serializer

        def do(job: Job) -> bytes:
            return encode(serializer, call(serializer.loads(job.workload)))

        self.add_function(name, do, timeout=timeout)

    def add_splitter(
        self,
        name: Name,
        split: Splitter,
        combine: Combiner = b"".join,
        *,
        timeout: Seconds = None,
    ) -> None:
        """Offers a function for `Client.map_reduce`.

        ``split`` is called with a `Job` and returns the workloads of its parts, which
        workers of the client's function do at the same time; this worker waits for them.
        ``combine`` is called with their results and returns that of the job. By default
        they are joined. If a part fails, the job fails. A job without parts has an empty
        result.

        Exceptions of both and ``timeout`` are as for `add_function`.
        """
        shown = arguments.shown(arguments.name(name, "name"))
        split, combine = _synchronous(split, "split"), _synchronous(combine, "combine")
        self._define(SplittingFunction(self, shown, split, combine), timeout)

    def _define(self, function: Function, timeout: Seconds) -> None:
        is_splitting = isinstance(function, SplittingFunction)
        define = lib.define_splitter if is_splitting else lib.define_function
        limit = 0 if timeout is None else arguments.milliseconds(timeout)
        with self._use() as pointer:
            self._withdraw(pointer, function.name)
            callbacks.functions[function.key] = function
            encoded = arguments.name(function.name, "name")
            self._check(define(pointer, encoded, limit, function.key))
            self._functions[function.name] = function

    def remove_function(self, name: Name) -> None:
        """Withdraws a function."""
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
        """The names of the functions that the worker offers."""
        return list(self._functions)

    def work(self) -> bool:
        """Waits for one job and does it.

        Returns whether a job was done; false after `timeout` and after `stop`. Raises
        `ConnectionFailed` if no server can be reached, or if the connection is lost
        before the result of a job is sent; the next call pauses before it tries again.
        A `KeyboardInterrupt` or `SystemExit` during a job gives the job back to its
        server.
        """
        return self._work(self._timeout)

    def _work(self, timeout: Seconds) -> bool:
        """`work` with another timeout."""
        with self._use() as pointer:
            self._notice_fork()
            start = time.monotonic()
            code = self._work_for(pointer, timeout)
            while code == ReturnCode.IO_WAIT:
                # A signal has arrived, and its handler has run.
                raise_stashed()
                left = None if timeout is None else timeout - (time.monotonic() - start)
                code = self._work_for(pointer, None if left is None else max(left, 0))
            if code in (ReturnCode.SHUTDOWN, ReturnCode.SHUTDOWN_GRACEFUL):
                self._stopped = True
            if code in (ReturnCode.TIMEOUT, ReturnCode.SHUTDOWN, ReturnCode.SHUTDOWN_GRACEFUL):
                raise_stashed()
                return False
            if code != ReturnCode.WORK_FAIL:
                # That is a job with a part that failed.
                self._check(code)
            return True

    def _work_for(self, pointer: Any, timeout: Seconds) -> int:
        """One call of the library, which takes at most this time."""
        if timeout == self._timeout:
            return int(lib.gearman_worker_work(pointer))
        self._limit(timeout)
        try:
            return int(lib.gearman_worker_work(pointer))
        finally:
            self._limit(self._timeout)

    def run(self, *, stop_on: Iterable[int] = (), stop_when_idle: Seconds = None) -> None:
        """Does jobs until `stop`, or until one of the signals ``stop_on`` arrives.

        With ``stop_when_idle`` it also returns when no job has come for so many seconds, or
        raises `ConnectionFailed` if at that time no server can be reached.

        Such a signal does not interrupt a job: the worker stops when the job is done.
        If no server can be reached, the worker tries again until one can. That, and
        requests that servers refuse, is logged.
        """
        with self._use():
            self._notice_fork()
            with stopped_by(self._id, stop_on):
                idle = Idleness(stop_when_idle)
                while not self._stopped and not self._closed and not idle.is_over():
                    try:
                        if self._work(idle.shorter_of(self._timeout)):
                            idle.begin()
                        idle.trouble = None
                    except ConnectionFailed as error:
                        idle.trouble = error
                        log.info("waiting for a job server: %s", error)
                    except ServerError as error:
                        # For example, the server has given the job to another worker.
                        idle.begin()
                        log.warning("%s", error)
                if idle.trouble is not None and idle.is_over():
                    raise idle.trouble

    def stop(self) -> None:
        """Makes `work` and `run` return after the current job. Any thread may call it.

        A stopped worker cannot be started again.
        """
        with self._stopping:
            if not self._closed:
                lib.gearman_kill(self._id, lib.GEARMAN_INTERRUPT)

    @property
    def stopped(self) -> bool:
        """Whether `work` or `run` has returned because of `stop`."""
        return self._stopped

    def _notice_fork(self) -> None:
        # A forked child gets a stop handle of its own, so that it does not stop its parent.
        if self._process != os.getpid():
            self._process = os.getpid()
            self._id = lib.gearman_worker_id(self._pointer)

    def _free(self) -> None:
        with self._stopping:
            super()._free()
        self._functions.clear()
