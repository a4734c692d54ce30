"""What programs pass, as the library wants it, and clear errors for what it cannot be.

Must not: call the library.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any, Iterable, Optional, Tuple, Union

from ._native import ffi

#: A workload, or a piece of a result.
Data = Union[bytes, bytearray, memoryview]
#: A name on the wire: text is sent as UTF-8.
Name = Union[str, bytes]
#: ``"host:port,host"``, or a list of such texts and of (host, port) pairs.
Servers = Union[str, Iterable[Union[str, Tuple[str, int]]]]
#: Seconds, or None for no limit.
Seconds = Optional[float]

_MAX_MILLISECONDS = 2**31 - 1


def payload(value: Data, what: str) -> tuple[Any, int]:
    """Pointer and size of bytes. The pointer keeps the bytes alive."""
    if isinstance(value, str):
        raise TypeError(f"{what} must be bytes, not str: encode it first, as with .encode()")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what} must be bytes, not {type(value).__name__}")
    size = value.nbytes if isinstance(value, memoryview) else len(value)
    # The library takes no bytes for what they are only without a pointer.
    return (ffi.from_buffer(value), size) if size else (ffi.NULL, 0)


def name(value: Name, what: str) -> bytes:
    """A name as it goes on the wire."""
    if isinstance(value, str):
        encoded = value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bytes):
        encoded = value
    else:
        raise TypeError(f"{what} must be str or bytes, not {type(value).__name__}")
    if not encoded:
        raise ValueError(f"{what} must not be empty")
    if b"\0" in encoded:
        raise ValueError(f"{what} must not contain a NUL")
    return encoded


def shown(wire: bytes) -> str:
    """A name of the wire as text. Bytes that are not UTF-8 survive a way back through name()."""
    return wire.decode("utf-8", "surrogateescape")


def text(pointer: Any) -> str:
    """A string of the library's as text."""
    return "" if pointer == ffi.NULL else shown(ffi.string(pointer))


def milliseconds(seconds: Seconds, what: str = "timeout") -> int:
    """A time limit as the library counts it: -1 for none."""
    if seconds is None:
        return -1
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{what} must be a number of seconds, not {type(seconds).__name__}")
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"{what} must be None, zero or more seconds, not {seconds!r}")
    return min(math.ceil(min(seconds, _MAX_MILLISECONDS) * 1000), _MAX_MILLISECONDS)


def epoch(when: datetime | float) -> int:
    """A moment in seconds since 1970. A time without a zone is local, as everywhere in Python."""
    if isinstance(when, datetime):
        when = when.timestamp()
    if isinstance(when, bool) or not isinstance(when, (int, float)):
        raise TypeError(f"at must be a datetime or seconds since 1970, not {type(when).__name__}")
    if not 0 <= when < 2**62:
        raise ValueError(f"at must be a moment since 1970, not {when!r}")
    return math.ceil(when)


def servers(value: Servers) -> list[tuple[bytes, int | None]]:
    """Each server, or list of servers in one text, with its port where that is apart."""
    if isinstance(value, (str, bytes)):
        return [(name(value, "servers"), None)]
    found: list[tuple[bytes, int | None]] = []
    for one in value:
        if isinstance(one, str):
            found.append((name(one, "a server"), None))
            continue
        try:
            host, port = one
        except (TypeError, ValueError):
            raise TypeError(f"a server must be text or (host, port), not {one!r}") from None
        if isinstance(port, bool) or not isinstance(port, int):
            raise TypeError(f"a server's port must be an int, not {type(port).__name__}")
        if not 0 < port < 2**16:
            raise ValueError(f"a server's port must be from 1 to 65535, not {port}")
        found.append((name(host, "a server's host"), port))
    if not found:
        raise ValueError("no servers given; None is for the default")
    return found
