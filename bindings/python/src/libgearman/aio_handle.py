"""What the asynchronous client and worker share: their life.

Must not: know an event loop.
"""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

from .handle import Handle

Self = TypeVar("Self", bound="AsyncHandle")


class AsyncHandle:
    """The common part of `AsyncClient` and `AsyncWorker`."""

    #: The blocking one, whose calls that wait are not used.
    _handle: Handle

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
        self._handle.close()
