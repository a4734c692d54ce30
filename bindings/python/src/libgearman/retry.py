"""When a call is made again that no server has accepted.

Must not: repeat a job that a server may have.
"""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import Iterator

from . import arguments
from .arguments import Seconds
from .codes import ReturnCode
from .errors import GearmanError

log = logging.getLogger("libgearman.client")

# No server has the job after these.
_NOT_ACCEPTED = (
    ReturnCode.COULD_NOT_CONNECT,
    ReturnCode.GETADDRINFO,
    ReturnCode.JOB_QUEUE_FULL,
    ReturnCode.NO_ACTIVE_FDS,
    ReturnCode.QUEUE_ERROR,
)


@dataclass(frozen=True)
class Retry:
    """How often a job is submitted that no server accepts, and how long is waited between.

    The first wait is ``first`` seconds, and each one is ``factor`` times as long as the one
    before, up to ``longest``. Of each, between a half and all is waited, so that many clients
    do not come back at once.
    """

    attempts: int = 5
    first: float = 0.1
    factor: float = 2.0
    longest: float = 10.0

    def __post_init__(self) -> None:
        if isinstance(self.attempts, bool) or not isinstance(self.attempts, int):
            raise TypeError(f"attempts must be an int, not {type(self.attempts).__name__}")
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, not {self.attempts}")
        arguments.milliseconds(self.first, "first")
        arguments.milliseconds(self.longest, "longest")
        if not self.factor >= 1:
            raise ValueError(f"factor must be at least 1, not {self.factor!r}")

    def waits(self) -> Iterator[float]:
        """The seconds to wait before each attempt but the first."""
        wait = self.first
        for _ in range(self.attempts - 1):
            yield min(wait, self.longest) * random.uniform(0.5, 1)
            wait = min(wait * self.factor, self.longest)


def is_refused(error: GearmanError) -> bool:
    """Whether no server has accepted what failed with this error."""
    # A server that drains refuses new jobs.
    return error.code in _NOT_ACCEPTED or "SHUTDOWN" in error.detail


class Call:
    """One call of a program: what is left of its time, and of its attempts."""

    def __init__(self, timeout: Seconds, retry: Retry | None) -> None:
        # Refuses what is no time.
        arguments.milliseconds(timeout)
        self.timeout = timeout
        self._end = None if timeout is None else time.monotonic() + timeout
        self._waits = iter(()) if retry is None else retry.waits()

    def left(self) -> Seconds:
        """The rest of the time; None is no limit."""
        return None if self._end is None else max(self._end - time.monotonic(), 0)

    def wait_after(self, error: GearmanError) -> float:
        """The seconds to wait before the next attempt. Raises the error if there is none."""
        wait = next(self._waits, None) if is_refused(error) else None
        left = self.left()
        if wait is None or (left is not None and left <= wait):
            raise error
        log.info("submitting again in %.2f seconds: %s", wait, error)
        return wait
