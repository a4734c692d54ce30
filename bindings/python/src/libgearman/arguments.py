"""Conversion of arguments to the library's form, with errors for those that are not valid.

Must not: call the library.
"""

from __future__ import annotations

import contextlib
import ipaddress
import math
import re
from datetime import datetime
from typing import Any, Iterable, Optional, Tuple, Union

from ._native import ffi

#: A workload, or a piece of a result.
Data = Union[bytes, bytearray, memoryview]
#: A name in a packet; text is sent as UTF-8.
Name = Union[str, bytes]
#: ``"host:port,host"``, a (host, port) pair, or a list of such texts and pairs.
Servers = Union[str, Tuple[str, int], Iterable[Union[str, Tuple[str, int]]]]
#: Seconds, or None for no limit.
Seconds = Optional[float]

# How a server is written, for messages.
_FORMS = '"host:port", ("host", port), or a list of these'
_MAX_MILLISECONDS = 2**31 - 1


def payload(value: Data, what: str) -> tuple[Any, int]:
    """The pointer and size of bytes. The pointer keeps the bytes alive."""
    if isinstance(value, str):
        raise TypeError(f"{what} must be bytes, not str: encode it first, as with .encode()")
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{what} must be bytes, not {type(value).__name__}")
    size = value.nbytes if isinstance(value, memoryview) else len(value)
    # For an empty workload the library wants NULL.
    return (ffi.from_buffer(value), size) if size else (ffi.NULL, 0)


def name(value: Name, what: str) -> bytes:
    """A name as it is sent."""
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
    """A received name as text. name() gives the same bytes again, even if they are not UTF-8."""
    return wire.decode("utf-8", "surrogateescape")


def text(pointer: Any) -> str:
    """A string of the library as text."""
    return "" if pointer == ffi.NULL else shown(ffi.string(pointer))


def milliseconds(seconds: Seconds, what: str = "timeout") -> int:
    """A timeout in the library's milliseconds; -1 is no limit."""
    if seconds is None:
        return -1
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{what} must be a number of seconds, not {type(seconds).__name__}")
    if math.isnan(seconds) or seconds < 0:
        raise ValueError(f"{what} must be None, zero or more seconds, not {seconds!r}")
    return min(math.ceil(min(seconds, _MAX_MILLISECONDS) * 1000), _MAX_MILLISECONDS)


def epoch(when: datetime | float) -> int:
    """A time in seconds since 1970. A datetime without a zone is local time."""
    if isinstance(when, datetime):
        when = when.timestamp()
    if isinstance(when, bool) or not isinstance(when, (int, float)):
        raise TypeError(f"at must be a datetime or seconds since 1970, not {type(when).__name__}")
    if not 0 <= when < 2**62:
        raise ValueError(f"at must be a moment since 1970, not {when!r}")
    return math.ceil(when)


def servers(value: Servers) -> list[tuple[bytes, int | None]]:
    """The servers: each a host and its port, or a list in one text and None."""
    if isinstance(value, (str, bytes)):
        return [(_listed(value), None)]
    if not isinstance(value, Iterable) or isinstance(value, dict):
        raise TypeError(f"servers must be {_FORMS}, not {value!r}")
    all_ = list(value)
    if not all_:
        raise ValueError("no servers given; None is for the default")
    if len(all_) == 2 and isinstance(all_[1], int):
        # One pair, which is no list.
        return [_pair(all_)]
    return [(_listed(one), None) if isinstance(one, (str, bytes)) else _pair(one) for one in all_]


def _pair(value: Any) -> tuple[bytes, int]:
    """A server that is a host and a port."""
    try:
        host, port = value
    except (TypeError, ValueError):
        raise TypeError(f"a server must be {_FORMS}, not {value!r}") from None
    if isinstance(port, bool) or not isinstance(port, int):
        raise TypeError(f"a server's port must be an int, as in ({host!r}, 4730), not {port!r}")
    if not 0 < port < 2**16:
        raise ValueError(f"a server's port must be from 1 to 65535, not {port}")
    return name(host, "a server's host"), port


def _listed(value: str | bytes) -> bytes:
    """Servers in one text, each of which the C library reads as it is meant."""
    encoded = name(value, "servers")
    entries = [one.strip() for one in shown(encoded).split(",")]
    if not any(entries):
        raise ValueError(f"no servers given in {value!r}; None is for the default")
    for entry in filter(None, entries):
        if not _is_server(entry):
            raise ValueError(f"a server must be {_FORMS}, not {entry!r}")
    return encoded


def _is_server(entry: str) -> bool:
    """Whether a text is a host with or without a port, or the path of a socket."""
    if entry.startswith("/"):
        return True
    text = entry[len("tls://") :] if entry.startswith("tls://") else entry
    bare = text.strip("[]").split("%")[0]
    with contextlib.suppress(ValueError):
        ipaddress.IPv6Address(bare)
        return True
    found = re.fullmatch(r"(\[[^\]]+\]|[^\s:/]*)(?:\s*:\s*([0-9]{1,5}))?", text)
    if found is None:
        return False
    host, port = found.groups()
    # A number alone is a port whose host was forgotten.
    return not host.isdigit() and (port is None or 0 < int(port) < 2**16)
