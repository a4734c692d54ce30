"""The installed package: its files, its types and its log."""

from __future__ import annotations

import importlib.metadata
import logging
import os
import pathlib
import subprocess
import sys

import pytest

import libgearman
from conftest import free_port
from libgearman import Client, ConnectionFailed, ReturnCode
from libgearman._native import lib

PACKAGE = pathlib.Path(libgearman.__file__).parent


def mapped_libraries() -> set[pathlib.Path]:
    lines = pathlib.Path("/proc/self/maps").read_text().splitlines()
    return {pathlib.Path(line.split()[-1]) for line in lines if "libgearman" in line.split()[-1]}


def test_the_version_is_the_project_s() -> None:
    version = importlib.metadata.version("libgearman")
    manifest = os.environ.get("LIBGEARMAN_EXPECTED_VERSION")
    assert manifest in (None, version)


def test_one_library_is_mapped_and_it_is_the_expected_one() -> None:
    """The wheel contains it; a source distribution uses the installed one."""
    libraries = {path for path in mapped_libraries() if path.name.startswith("libgearman.so")}
    assert len(libraries) == 1
    expected = os.environ.get("LIBGEARMAN_EXPECTED_LIBRARY")
    (library,) = libraries
    if expected is None:
        assert library.parent in (PACKAGE, PACKAGE.parent / "libgearman.libs")
    else:
        assert library == pathlib.Path(expected).resolve()


def test_the_package_is_not_the_source_tree_s() -> None:
    if "LIBGEARMAN_EXPECTED_VERSION" not in os.environ:
        pytest.skip("run on the source tree itself")
    assert "site-packages" in str(PACKAGE)


def test_the_package_is_marked_as_typed() -> None:
    assert (PACKAGE / "py.typed").is_file()


def test_every_public_name_is_documented() -> None:
    for name in libgearman.__all__:
        value = getattr(libgearman, name)
        if name == "library_version":
            continue
        assert value.__doc__, name
        if isinstance(value, type) and value.__module__.startswith("libgearman"):
            for member, attribute in vars(value).items():
                if not member.startswith("_") and (
                    callable(attribute) or hasattr(attribute, "fget")
                ):
                    assert attribute.__doc__, f"{name}.{member}"


def test_codes_have_the_library_s_numbers_and_names() -> None:
    from libgearman._native import ffi

    for code in ReturnCode:
        assert ffi.string(lib.gearman_strerror(code)).decode() == f"GEARMAN_{code.name}"
    assert ffi.string(lib.gearman_strerror(max(ReturnCode) + 1)) == b"GEARMAN_MAX_RETURN"


def test_the_library_s_lines_go_to_logging(caplog: pytest.LogCaptureFixture) -> None:
    with Client([("127.0.0.1", free_port())]) as client:
        with pytest.raises(ConnectionFailed) as caught:
            client.echo()
    (record, *_) = [one for one in caplog.records if one.name == "libgearman.client"]
    assert record.levelno == logging.ERROR
    assert record.getMessage() == caught.value.detail


def test_a_program_without_logging_gets_no_lines_on_its_stderr() -> None:
    code = f"""
import libgearman
try:
    libgearman.Client("127.0.0.1:{free_port()}").echo()
except libgearman.ConnectionFailed:
    print("failed")
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert (done.stdout, done.stderr) == ("failed\n", "")


def test_importing_needs_nothing_from_the_environment() -> None:
    code = "import libgearman; print(libgearman.library_version)"
    done = subprocess.run([sys.executable, "-I", "-c", code], stdout=subprocess.PIPE, text=True)
    assert done.stdout.strip() == libgearman.library_version
