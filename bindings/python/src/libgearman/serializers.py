"""Values as bytes: the serializers of `Client.call` and `Worker.add_callable`.

Must not: make objects of classes that received data names, as pickle does.
"""

from __future__ import annotations

import json
from typing import Any, Protocol, Union


class Serializer(Protocol):
    """Turns values into bytes and back. Modules such as ``json`` and ``msgpack`` are some."""

    def dumps(self, value: Any, /) -> Union[bytes, str]:
        """The value as bytes, or as text, which is sent as UTF-8."""

    def loads(self, data: bytes, /) -> Any:
        """The value of such bytes."""


class _Json:
    """JSON (RFC 8259) in UTF-8: None, bool, int, float, str, list, tuple and dict."""

    def dumps(self, value: Any, /) -> bytes:
        """The value as JSON. Raises a `TypeError` or `ValueError` for what JSON cannot hold."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        return text.encode()

    def loads(self, data: bytes, /) -> Any:
        """The value of JSON. Raises a `ValueError` for other bytes."""
        return json.loads(data)

    def __repr__(self) -> str:
        return "libgearman.JSON"


class _Text:
    """Text in UTF-8."""

    def dumps(self, value: Any, /) -> bytes:
        """The text as bytes. Raises a `TypeError` for what is no text."""
        if not isinstance(value, str):
            raise TypeError(f"the value must be str, not {type(value).__name__}")
        return value.encode()

    def loads(self, data: bytes, /) -> str:
        """The text of bytes. Raises a `ValueError` for bytes that are not UTF-8."""
        return data.decode()

    def __repr__(self) -> str:
        return "libgearman.TEXT"


#: Values as JSON.
JSON: Serializer = _Json()
#: Text as UTF-8.
TEXT: Serializer = _Text()


def checked(serializer: Serializer) -> Serializer:
    """A serializer, or a `TypeError` that says what one has."""
    for method in ("dumps", "loads"):
        if not callable(getattr(serializer, method, None)):
            raise TypeError(
                f"a serializer has dumps and loads, as libgearman.JSON has; {serializer!r} "
                f"has no {method}"
            )
    return serializer


def encode(serializer: Serializer, value: Any) -> bytes:
    """A value as it is sent."""
    data = serializer.dumps(value)
    return data.encode() if isinstance(data, str) else data
