"""The common part of clients and workers: closing, servers and settings.

Only one thread may use a handle at a time, as the library requires: a second thread
gets a `UsageError`. If a callback of the handle closes it, that takes effect when the
library has returned.

Must not: use tasks or jobs.
"""

from __future__ import annotations

import os
import threading
import weakref
from types import TracebackType
from typing import Any, Callable, ClassVar, TypeVar

from . import arguments, tls
from ._native import ffi, lib
from .arguments import Data, Name, Seconds, Servers
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import ClosedError, GearmanError, UsageError, error_of

Self = TypeVar("Self", bound="Handle")

# The times that the library takes.
_KEEPALIVE_MIN = 2
_KEEPALIVE_MAX = 32767


class _Use:
    """The use of a handle by one thread, for one call or several nested ones."""

    __slots__ = ("_handle",)

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __enter__(self) -> Any:
        handle = self._handle
        if not handle._lock.acquire(blocking=False):
            raise UsageError(f"{handle!r} is in use by another thread")
        if handle._closed:
            handle._lock.release()
            raise ClosedError(f"the {type(handle).__name__} of {handle._addresses()} is closed")
        handle._depth += 1
        return handle._pointer

    def __exit__(self, *_: object) -> None:
        handle = self._handle
        handle._depth -= 1
        if handle._closed and handle._depth == 0:
            handle._free()
        handle._lock.release()


class Handle:
    """The common part of `Client` and `Worker`."""

    #: The part of the library's function names that names the kind of handle.
    _kind: ClassVar[str]

    def __init__(
        self,
        servers: Servers | None,
        timeout: Seconds,
        namespace: Name | None,
        identifier: Name | None,
        ssl: tls.Ssl,
    ) -> None:
        # Set first, since `close` and `__repr__` need them if anything below fails.
        self._lock = threading.RLock()
        self._depth = 0
        self._closed = True
        self._pointer: Any = None
        self._servers: list[tuple[bytes, int | None]] = []
        chosen = None if servers is None else arguments.servers(servers)
        chosen_ssl = tls.settings(ssl)
        self._timeout: Seconds = None
        pointer = self._function("create")(ffi.NULL)
        if pointer == ffi.NULL:
            raise GearmanError(
                f"no {self._kind} could be made: GEARMAN_SERVERS names a host without an "
                "address, or there are no descriptors left",
                ReturnCode.GETADDRINFO,
            )
        self._pointer = pointer
        # Nothing is freed at the interpreter's exit: another thread may still use it, and
        # the system closes the connections.
        destroy = getattr(lib, f"{self._kind}_destroy")
        self._finalizer = weakref.finalize(self, destroy, pointer)
        # setattr, since not every type checker knows the attribute.
        setattr(self._finalizer, "atexit", False)
        self._closed = False
        try:
            self._settle_in(chosen, timeout, namespace, identifier)
            self._set_ssl(chosen_ssl)
        except BaseException:
            self.close()
            raise

    def _settle_in(
        self,
        chosen: list[tuple[bytes, int | None]] | None,
        timeout: Seconds,
        namespace: Name | None,
        identifier: Name | None,
    ) -> None:
        getattr(lib, f"{self._kind}_listen")(self._pointer)
        self.timeout = timeout
        if namespace is not None:
            self.set_namespace(namespace)
        if identifier is not None:
            self.set_identifier(identifier)
        if chosen is not None:
            self._function("remove_servers")(self._pointer)
            self._add_servers(chosen)
        elif not os.environ.get("GEARMAN_SERVERS"):
            self._add_servers([(b"localhost", 4730)])
        else:
            self._servers = [(os.fsencode(os.environ["GEARMAN_SERVERS"]), None)]

    def _set_ssl(self, settings: tls.SslSettings | None) -> None:
        if settings is not None:
            self._check(self._function("set_tls")(self._pointer, *settings.arguments()))

    def _function(self, name: str) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(lib, f"gearman_{self._kind}_{name}")
        return function

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<libgearman.{type(self).__name__} {self._addresses()}{state}>"

    def _addresses(self) -> str:
        return ",".join(
            host.decode("utf-8", "backslashreplace") + (f":{port}" if port else "")
            for host, port in self._servers
        )

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self) -> None:
        """Closes the connections and frees everything. It may be called again.

        Inside a callback or function of the handle it takes effect when that has
        returned, and ends the call on the handle.
        """
        if self._closed:
            return
        with self._use():
            self._closed = True

    def _free(self) -> None:
        self._finalizer()
        self._pointer = None

    def _use(self) -> _Use:
        return _Use(self)

    def _error_text(self) -> str:
        return arguments.text(self._function("error")(self._pointer))

    def _check(self, code: int) -> None:
        """Raises the exception of a callback, or the exception for a code."""
        raise_stashed()
        if code != ReturnCode.SUCCESS:
            raise self._error_of(code)

    def _error_of(self, code: int) -> GearmanError:
        """The exception for a code that a function of the library has just returned."""
        detail = self._error_text() or arguments.text(lib.gearman_strerror(code))
        return error_of(code, detail, self._addresses(), self._timeout)

    def _ask(self, function: Callable[..., int], *values: Any) -> None:
        """Calls a function that waits; repeats it after a signal without an exception."""
        with self._use() as pointer:
            code: int = ReturnCode.IO_WAIT
            while code == ReturnCode.IO_WAIT:
                code = function(pointer, *values)
                raise_stashed()
            self._check(code)

    @property
    def timeout(self) -> Seconds:
        """The timeout in seconds; None is no limit.

        A client's limits connecting, and the time that a server is silent. A worker's
        limits the wait for a job.
        """
        return self._timeout

    @timeout.setter
    def timeout(self, seconds: Seconds) -> None:
        limit = arguments.milliseconds(seconds)
        with self._use() as pointer:
            self._function("set_timeout")(pointer, limit)
            self._timeout = seconds

    @property
    def keepalive(self) -> int:
        """After how many seconds a server is given up whose host has vanished.

        0 leaves that to the system, which takes hours. It applies to connections that
        are made later.
        """
        with self._use() as pointer:
            return int(self._function("keepalive")(pointer))

    @keepalive.setter
    def keepalive(self, seconds: int) -> None:
        if seconds != 0 and not _KEEPALIVE_MIN <= seconds <= _KEEPALIVE_MAX:
            raise ValueError(
                f"keepalive is {seconds}, not 0 or {_KEEPALIVE_MIN} to {_KEEPALIVE_MAX} seconds"
            )
        with self._use() as pointer:
            self._check(self._function("set_keepalive")(pointer, seconds))

    def _limit(self, seconds: Seconds) -> None:
        """Sets the library's timeout; `timeout` stays as it is."""
        self._function("set_timeout")(self._pointer, arguments.milliseconds(seconds))

    def set_namespace(self, namespace: Name | None) -> None:
        """Sets the prefix of the names of functions and jobs that are added later."""
        key = b"" if namespace is None else arguments.name(namespace, "namespace")
        with self._use() as pointer:
            self._function("set_namespace")(pointer, key, len(key))

    def set_identifier(self, identifier: Name) -> None:
        """Sets the identifier under which servers list this client or worker."""
        encoded = arguments.name(identifier, "identifier")
        with self._use() as pointer:
            self._check(self._function("set_identifier")(pointer, encoded, len(encoded)))

    def add_servers(self, servers: Servers) -> None:
        """Adds servers, as in the constructor. Hosts are looked up; nothing is sent."""
        chosen = arguments.servers(servers)
        with self._use():
            self._add_servers(chosen)

    def _add_servers(self, chosen: list[tuple[bytes, int | None]]) -> None:
        for host, port in chosen:
            if port is None:
                self._check(self._function("add_servers")(self._pointer, host))
            else:
                self._check(self._function("add_server")(self._pointer, host, port))
            self._servers.append((host, port))

    def remove_servers(self) -> None:
        """Closes the connections and removes all servers."""
        with self._use() as pointer:
            self._function("remove_servers")(pointer)
            self._servers = []

    def echo(self, data: Data = b"ping") -> None:
        """Checks that every server sends these bytes back."""
        pointer, size = arguments.payload(data, "data")
        if not size:
            raise ValueError("data must not be empty")
        self._ask(self._function("echo"), pointer, size)

    def set_server_option(self, option: Name) -> None:
        """Turns an option of the servers on, now and on every later connection."""
        encoded = arguments.name(option, "option")
        function = self._function("set_server_option")

        def ask(pointer: Any, text: bytes, size: int) -> int:
            if function(pointer, text, size):
                return ReturnCode.SUCCESS
            return _code_in(self._error_text())

        self._ask(ask, encoded, len(encoded))


def _code_in(text: str) -> int:
    """The code in an error text, for functions of the library that return none."""
    for code in ReturnCode:
        if f"(GEARMAN_{code.name})" in text or text == f"GEARMAN_{code.name}":
            return code
    return ReturnCode.COULD_NOT_CONNECT
