"""The processes of ``python -m libgearman worker``: started, replaced, and ended by signals.

Must not: import the program's modules. Only the children do, so that new ones have new code.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from typing import Callable, NoReturn, Optional

log = logging.getLogger("libgearman.worker")

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
# Seconds before a process that ended by itself is started again, the first time and at most.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
# A process that lived so many seconds did not end at its start.
_LONG_LIFE = 60.0

#: What a child does. It closes the first descriptor when it is ready, after writing a byte, and
#: ends when the second one has an end.
Work = Callable[[int, int], None]


class Child:
    """One process of the worker."""

    def __init__(self, pid: int, ready: int, replaces: Optional[Child]) -> None:
        self.pid = pid
        # Where it says that it is ready; None afterwards.
        self.ready: int | None = ready
        self.replaces = replaces
        self.started = time.monotonic()
        self.is_stopping = False

    def stop(self) -> None:
        """Lets it finish its job, and that of the process which it was to replace."""
        one: Child | None = self
        while one is not None:
            if not one.is_stopping:
                one.is_stopping = True
                os.kill(one.pid, signal.SIGTERM)
            one = one.replaces


class Supervisor:
    """Keeps a number of processes running until a signal ends them."""

    def __init__(self, work: Work, processes: int) -> None:
        self._work = work
        self._processes = processes
        self._children: dict[int, Child] = {}
        # When processes that ended by themselves are started again.
        self._due: list[float] = []
        # Processes that ended by themselves in a row.
        self._ends = 0
        self._is_ending = False
        self._started_once = False
        self._code = 0
        # Children end when this pipe does, which is when this process has ended.
        self._life, self._own_life = os.pipe()
        # Python writes the number of each signal into it.
        self._signalled, self._signals = os.pipe()

    def run(self) -> int:
        """Runs the processes. Returns the exit code."""
        for descriptor in (self._signalled, self._signals):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._signals, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)
        for _ in range(self._processes):
            self._start(None)
        while self._children or self._due:
            self._wait()
        return self._code

    def _start(self, replaces: Child | None) -> None:
        ready, child_ready = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(ready)
            self._be_child(child_ready)
        os.close(child_ready)
        self._children[pid] = Child(pid, ready, replaces)
        log.info("process %d has begun", pid)

    def _be_child(self, ready: int) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            # A terminal sends these to every process; this one's parent decides.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            os.close(self._own_life)
            self._work(ready, self._life)
            code = 0
        except BaseException as error:
            log.critical("%s", error, exc_info=not isinstance(error, SystemExit))
        finally:
            logging.shutdown()
            os._exit(code)

    def _wait(self) -> None:
        """Waits for the next event, and handles it."""
        poll = select.poll()
        poll.register(self._signalled, select.POLLIN)
        waiting = {one.ready: one for one in self._children.values() if one.ready is not None}
        for descriptor in waiting:
            poll.register(descriptor, select.POLLIN)
        pause = max(min(self._due) - time.monotonic(), 0) * 1000 if self._due else None
        for descriptor, _ in poll.poll(pause):
            if descriptor == self._signalled:
                for number in os.read(descriptor, 4096):
                    self._take_signal(number)
            elif waiting[descriptor].ready is not None:
                self._take_news(waiting[descriptor])
        now = time.monotonic()
        while self._due and min(self._due) <= now:
            self._due.remove(min(self._due))
            self._start(None)

    def _take_signal(self, number: int) -> None:
        if number == signal.SIGCHLD:
            for child in list(self._children.values()):
                pid, status = os.waitpid(child.pid, os.WNOHANG)
                if pid != 0:
                    self._take_end(child, status)
        elif number == signal.SIGHUP:
            self._reload()
        elif self._is_ending:
            log.warning("ending at once: the running jobs go back to their servers")
            self._code = 1
            for child in self._children.values():
                os.kill(child.pid, signal.SIGKILL)
        else:
            log.info("finishing the running jobs; a second signal ends them")
            self._end()

    def _end(self) -> None:
        self._is_ending = True
        self._due.clear()
        for child in self._children.values():
            child.stop()

    def _reload(self) -> None:
        """Replaces every process by a new one, which imports the modules anew."""
        if self._is_ending:
            return
        log.info("reloading")
        replaced = {child.replaces for child in self._children.values()}
        for child in list(self._children.values()):
            if not child.is_stopping and child not in replaced:
                self._start(child)

    def _take_news(self, child: Child) -> None:
        """A child is ready, or ended before it was."""
        assert child.ready is not None
        is_ready = os.read(child.ready, 1) != b""
        os.close(child.ready)
        child.ready = None
        if is_ready:
            self._started_once = True
            if child.replaces is not None:
                child.replaces.stop()
                child.replaces = None

    def _take_end(self, child: Child, status: int) -> None:
        if child.ready is not None:
            # It may have been ready before it ended.
            self._take_news(child)
        del self._children[child.pid]
        successors = [one for one in self._children.values() if one.replaces is child]
        for one in successors:
            one.replaces = child.replaces
        if child.is_stopping or self._is_ending:
            log.info("process %d has ended", child.pid)
            return
        code = os.waitstatus_to_exitcode(status)
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        if child.replaces is not None:
            log.error("process %d %s at its start: the old one goes on", child.pid, how)
        elif not self._started_once:
            log.error("process %d %s at its start", child.pid, how)
            self._code = 1
            self._end()
        elif not successors:
            pause = self._next_pause(child)
            log.error("process %d %s; another one begins in %.1f s", child.pid, how, pause)
            self._due.append(time.monotonic() + pause)

    def _next_pause(self, ended: Child) -> float:
        if time.monotonic() - ended.started > _LONG_LIFE:
            self._ends = 0
        self._ends += 1
        return min(_FIRST_PAUSE * 2.0 ** min(self._ends - 1, 16), _LONGEST_PAUSE)
