"""What a client or worker is told about TLS.

Must not: call the library, or read the files; the library does, when it connects.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any, Mapping, Optional, Union

from ._native import ffi

#: A path, as `open` takes it.
PathName = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]

_VERIFICATIONS = ("full", "ca", "none")


@dataclass(frozen=True)
class SslSettings:
    """Files and verification of TLS.

    ``cafile`` has the certificates of the authorities, and their revocation lists, in
    PEM; ``certfile`` and ``keyfile`` are for servers that ask for a certificate. Files
    that are None are those of the environment, or of ``/etc/ssl/certs``.

    ``verify`` is ``"full"``, the authority and the name; ``"ca"``, the authority alone;
    or ``"none"``. None is the environment variable ``GEARMAN_TLS_VERIFY``, or ``"ca"``.
    ``server_name`` is the name that the certificate must have; None is the name of the
    server's host.
    """

    cafile: Optional[PathName] = None
    certfile: Optional[PathName] = None
    keyfile: Optional[PathName] = None
    server_name: Optional[str] = None
    verify: Optional[str] = None

    def __post_init__(self) -> None:
        if self.verify is not None and self.verify not in _VERIFICATIONS:
            raise ValueError(f"verify must be 'full', 'ca' or 'none', not {self.verify!r}")
        if self.server_name is not None and not isinstance(self.server_name, str):
            kind = type(self.server_name).__name__
            raise TypeError(f"server_name must be str, not {kind}")
        for value in self._texts():
            if b"\0" in value:
                raise ValueError("settings of TLS must not contain a NUL")

    def _texts(self) -> list[bytes]:
        """The settings in the order of the library's arguments; empty for None."""
        paths = (self.cafile, self.certfile, self.keyfile)
        files = [b"" if path is None else os.fsencode(path) for path in paths]
        return [*files, (self.server_name or "").encode(), (self.verify or "").encode()]

    def arguments(self) -> list[Any]:
        """The arguments of the library's function."""
        return [ffi.NULL if value == b"" else value for value in self._texts()]


#: True takes the files of the environment. False and None ask for no TLS; the environment and
#: ``tls://`` still can.
Ssl = Union[bool, SslSettings, Mapping[str, Any], None]

_KEYS = tuple(field.name for field in fields(SslSettings))


def settings(value: Ssl) -> SslSettings | None:
    """The settings of an argument ``ssl``; None if it asks for no TLS."""
    if value is None or value is False:
        return None
    if isinstance(value, SslSettings):
        return value
    if value is True:
        return SslSettings()
    if not isinstance(value, Mapping):
        raise TypeError(
            f"ssl must be a bool, SslSettings or a dict, not {type(value).__name__}: the "
            "library makes its own connections, without Python's ssl"
        )
    unknown = sorted(set(value) - set(_KEYS))
    if unknown:
        raise TypeError(f"ssl has no setting {unknown[0]!r}; it has {', '.join(_KEYS)}")
    return SslSettings(**value)
