"""Signals that stop a worker in order.

Must not: run Python inside a signal handler; ``glue.c`` has it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any, Iterable, Iterator

from ._native import ffi, lib
from .errors import UsageError

# The handler knows one worker at a time.
_in_use = threading.Lock()


@contextlib.contextmanager
def stopped_by(worker_id: Any, signals: Iterable[int]) -> Iterator[None]:
    """Has signals stop a worker, and restores what they did before."""
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
