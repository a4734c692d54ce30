"""The running of a client's tasks, with and without waiting.

Must not: add a task; `client` does.
"""

from __future__ import annotations

import select
from collections import deque
from time import monotonic, sleep
from typing import Callable

from . import arguments, callbacks
from ._native import lib
from .arguments import Seconds
from .callbacks import raise_stashed
from .codes import ReturnCode
from .errors import ClosedError, GearmanError, error_of
from .handle import Handle
from .retry import Call, Retry
from .task import Event, Task


class Running(Handle):
    """The part of `Client` that runs its tasks."""

    _kind = "client"

    _tasks: dict[int, Task]
    # Tasks that the library does not free when they are finished.
    _unfreed: set[Task]
    # The events that events() has not yielded yet.
    _events: deque[Event]
    _iterating: bool
    # When the last event came.
    _heard: float
    _retry: Retry | None

    @property
    def tasks(self) -> list[Task]:
        """The unfinished tasks, in the order in which they were added."""
        return list(self._tasks.values())

    def discard_tasks(self) -> None:
        """Discards all unfinished tasks."""
        for task in self.tasks:
            task.discard()

    def _submit(self, add: Callable[[], Task], timeout: Seconds) -> Task:
        """Adds a task and waits for it, again while no server accepts it and the client may."""
        call = Call(timeout, self._retry)
        while True:
            task = None
            try:
                task = add()
                self._wait_for(task, call)
                task.result()
                return task
            except GearmanError as error:
                if task is not None and task.handle:
                    raise
                wait = call.wait_after(error)
            sleep(wait)

    def _wait_for(self, task: Task, call: Call) -> None:
        """Runs until one task is done. On an error the task is discarded."""
        try:
            with self._use():
                # The run ends with this task; later runs continue the others.
                task._ends_run = len(self._tasks) > 1
                start = monotonic()
                # A callback may have discarded the task.
                while not task.done and task._pointer is not None:
                    if call.timeout is None:
                        self._advance(start)
                    elif not self._step():
                        self._pause(task, call, start)
        finally:
            task.discard()

    def _pause(self, task: Task, call: Call, start: float) -> None:
        """Waits for the next packet, within the time of the call."""
        if task.done:
            return
        left, silence = call.left(), self._time_left(start)
        if not left:
            raise task.late(call.timeout)
        self._sleep(left if silence is None else min(left, silence))

    def _advance(self, start: float) -> bool:
        """Runs until the next signal, waiting. Returns whether all tasks are finished."""
        left = self._time_left(start)
        if left is not None:
            # The timeout counts from the last packet, which a signal does not change.
            self._limit(left)
        tasks = len(self._tasks)
        try:
            code = lib.gearman_client_run_tasks(self._pointer)
        finally:
            if left is not None:
                self._limit(self._timeout)
        return self._outcome(code, tasks)

    def _time_left(self, start: float) -> Seconds:
        """The rest of the timeout, which counts from the last event."""
        if self._timeout is None:
            return None
        left = self._timeout - (monotonic() - max(start, self._heard))
        if left <= 0 < self._timeout:
            raise error_of(ReturnCode.TIMEOUT, "", self._addresses(), self._timeout)
        return max(left, 0)

    def _step(self) -> bool:
        """Runs without waiting. Returns whether all tasks are finished."""
        with self._use() as pointer:
            tasks = len(self._tasks)
            lib.gearman_client_add_options(pointer, lib.GEARMAN_CLIENT_NON_BLOCKING)
            try:
                code = lib.gearman_client_run_tasks(pointer)
            finally:
                lib.gearman_client_remove_options(pointer, lib.GEARMAN_CLIENT_NON_BLOCKING)
            return self._outcome(code, tasks)

    def _outcome(self, code: int, tasks: int) -> bool:
        text = self._error_text()
        raise_stashed()
        if self._closed:
            raise ClosedError(f"{self!r} was closed meanwhile")
        goes_on = code in (ReturnCode.IO_WAIT, ReturnCode.PAUSE)
        # A run ends with an error for tasks that were lost or refused: they are freed then.
        self._free_finished(list(self._unfreed) if goes_on else self.tasks)
        if code == ReturnCode.SUCCESS:
            return True
        if goes_on or len(self._tasks) < tasks:
            # The code belongs to a task that has ended with it, and which tells it.
            return False
        raise error_of(code, text, self._addresses(), self._timeout)

    def _free_finished(self, tasks: list[Task]) -> None:
        """Frees the finished tasks, since the library does not free all of them."""
        for task in tasks:
            if task._pointer is not None and lib.gearman_task_is_finished(task._pointer):
                lib.gearman_task_free(task._pointer)
        raise_stashed()

    def _sleep(self, limit: Seconds) -> None:
        """Waits until the client can make progress. Signals are handled meanwhile."""
        with self._use() as pointer:
            if lib.gearman_client_has_buffered_work(pointer):
                return
            poll = select.poll()
            poll.register(lib.gearman_client_poll_fd(pointer), select.POLLIN)
            limits = (lib.gearman_client_next_timeout(pointer), arguments.milliseconds(limit))
            poll.poll(min((one for one in limits if one >= 0), default=None))

    def _discard(self, task: Task) -> None:
        if task._pointer is None:
            return
        with self._use():
            # A task that has ended was not discarded.
            task._discarded = task._code is None
            lib.gearman_task_free(task._pointer)
            raise_stashed()

    def _forget(self, task: Task) -> None:
        self._tasks.pop(task._key, None)
        self._unfreed.discard(task)
        callbacks.tasks.pop(task._key, None)

    def _take_event(self, event: Event) -> None:
        self._heard = monotonic()
        if self._iterating:
            self._events.append(event)

    def _free(self) -> None:
        for task in self.tasks:
            task._pointer = None
            task._discarded = task._code is None
            self._forget(task)
        super()._free()
