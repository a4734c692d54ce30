"""Signals that stop a worker after its current job.

Must not: run Python in a signal handler; the handler is in ``glue.c``.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Iterable, Iterator

from ._native import ffi, lib
from .errors import UsageError

# The handler is for one worker at a time.
_in_use = threading.Lock()


@contextlib.contextmanager
def stopped_by(worker_id: Any, signals: Iterable[int]) -> Iterator[None]:
    """Makes signals stop a worker, and restores their handlers at the end."""
    numbers = [int(number) for number in signals]
    if not numbers:
        yield
        return
    if not _in_use.acquire(blocking=False):
        raise UsageError("another worker of this process is stopped by signals already")
    armed: list[int] = []
    try:
        lib.stop_signals_for(worker_id)
        for number in numbers:
            if lib.stop_signal_on(number) != 0:
                raise OSError(ffi.errno, f"signal {number}: {os.strerror(ffi.errno)}")
            armed.append(number)
        yield
    finally:
        for number in reversed(armed):
            lib.stop_signal_off(number)
        _in_use.release()
