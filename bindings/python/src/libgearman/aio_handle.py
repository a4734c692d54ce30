"""The common part of the asynchronous client and worker: their use of an event loop.

The loop watches the library's descriptor, and calls `_go_on` when it is readable,
after a time, or in the next iteration.

Must not: use tasks or jobs.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import TypeVar

from .handle import Handle

Self = TypeVar("Self", bound="AsyncHandle")


class AsyncHandle:
    """The common part of `AsyncClient` and `AsyncWorker`."""

    def __init__(self, handle: Handle) -> None:
        # The blocking object; its calls that wait are not used.
        self._handle = handle
        self._loop: asyncio.AbstractEventLoop | None = None
        self._coming: asyncio.Handle | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watched = -1

    async def __aenter__(self: Self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._handle).replace(type(self._handle).__name__, type(self).__name__, 1)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._handle.closed

    def close(self) -> None:
        """Closes the connections and frees everything."""
        self._rest()
        self._handle.close()

    def _go_on(self) -> None:
        """Makes progress without waiting, and schedules the next call of itself.

        The loop calls it directly when the descriptor is readable. A call that is only
        scheduled for the next iteration would come too late: the loop would find the
        descriptor readable again, for packets that have been read by then.
        """
        raise NotImplementedError

    def _come_soon(self) -> None:
        """Schedules `_go_on` for the next iteration."""
        if self._coming is None and self._loop is not None:
            self._coming = self._loop.call_soon(self._go_on)

    def _come_after(self, seconds: float | None) -> None:
        """Schedules `_go_on` after so many seconds, unless they are None."""
        if seconds is not None and self._loop is not None:
            self._timer = self._loop.call_later(seconds, self._go_on)

    def _watch(self, descriptor: int) -> None:
        """Schedules `_go_on` for when this descriptor is readable; -1 is none."""
        if descriptor == self._watched or self._loop is None:
            return
        if self._watched >= 0 and not self._loop.is_closed():
            self._loop.remove_reader(self._watched)
        if descriptor >= 0:
            self._loop.add_reader(descriptor, self._go_on)
        self._watched = descriptor

    def _rest(self, *, watching: bool = False) -> None:
        """Cancels what was scheduled, except the descriptor if ``watching`` is true."""
        for arranged in (self._coming, self._timer):
            if arranged is not None:
                arranged.cancel()
        self._coming = self._timer = None
        if not watching:
            self._watch(-1)
