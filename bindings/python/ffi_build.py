"""Describes the extension module ``libgearman._native`` to cffi.

setup.py says where the library is; this file only says what it looks like.
"""

from __future__ import annotations

import re
from pathlib import Path

import cffi

HERE = Path(__file__).resolve().parent


def declarations() -> str:
    """The text of ``native/api.h`` without its comments, which cffi does not read."""
    text = (HERE / "native" / "api.h").read_text(encoding="utf-8")
    return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)


ffi = cffi.FFI()
ffi.cdef(declarations())
ffi.set_source(
    "libgearman._native",
    (HERE / "native" / "glue.c").read_text(encoding="utf-8"),
)
