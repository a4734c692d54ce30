"""The body of an exception packet: how a worker's exception travels to its client.

The reason of a `JobFailed` is sent as it is, in UTF-8. For any other exception the body is a
JSON object in ASCII. ``"gearman_exception": 1`` distinguishes it from
other contents of such a packet; ``type``, ``message`` and ``traceback`` are strings. Any
language can read it.

Must not: make an object of the sender's class. A body is data.
"""

from __future__ import annotations

import json
import traceback as tracebacks
from typing import TYPE_CHECKING

from .errors import JobException

if TYPE_CHECKING:
    from .task import Task

_MARK = "gearman_exception"
_VERSION = 1


def type_name(kind: type[BaseException]) -> str:
    """A class's name as tracebacks show it: with its module, unless that is builtins."""
    if kind.__module__ in ("builtins", "__main__"):
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def encode(exception: BaseException) -> bytes:
    """The body for an exception."""
    try:
        message = str(exception)
    except Exception:
        # The program's __str__ may raise.
        message = "<unprintable>"
    lines = tracebacks.format_exception(type(exception), exception, exception.__traceback__)
    body = {
        _MARK: _VERSION,
        "type": type_name(type(exception)),
        "message": message,
        "traceback": "".join(lines),
    }
    return json.dumps(body).encode("ascii")


def encode_reason(reason: str) -> bytes:
    """The body for the reason of a failed job."""
    return reason.encode("utf-8", "backslashreplace")


def decode(body: bytes, task: Task | None = None) -> JobException:
    """The exception to raise for a body of any sender."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return JobException(body, task=task)
    if not isinstance(fields, dict) or fields.get(_MARK) != _VERSION:
        return JobException(body, task=task)
    kind, message, traceback = (fields.get(key) for key in ("type", "message", "traceback"))
    if not isinstance(kind, str) or not isinstance(message, str):
        return JobException(body, task=task)
    return JobException(
        body, kind, message, traceback if isinstance(traceback, str) else None, task
    )
