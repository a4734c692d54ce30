"""Builds the extension module, and in the repository the C library.

In the project's repository cargo builds the library, which becomes a part of the
package. Elsewhere, for example from a source distribution, pkg-config finds an installed
library under the name ``gearmand``. With ``LIBGEARMAN_INSTALLED=1`` that is done in the
repository too.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# The file has the name that the dynamic linker looks for.
SONAME = "libgearman.so.8"


def cargo_manifest() -> Path | None:
    """The project's Cargo.toml, if this is a part of its repository."""
    manifest = REPOSITORY / "Cargo.toml"
    if not manifest.is_file() or not (REPOSITORY / "include" / "libgearman-1.0").is_dir():
        return None
    return manifest


def version() -> str:
    """The project's version, from Cargo.toml or from the copy in a source distribution."""
    manifest = cargo_manifest()
    if manifest is not None:
        found = re.search(r'^version = "(.+)"$', manifest.read_text(encoding="utf-8"), re.MULTILINE)
    else:
        information = (HERE / "PKG-INFO").read_text(encoding="utf-8")
        found = re.search(r"^Version: (.+)$", information, re.MULTILINE)
    if found is None:
        raise SystemExit("setup.py: no version found")
    return found.group(1)


def pkg_config(question: str) -> list[str]:
    """The answer of pkg-config about the installed library."""
    command = [os.environ.get("PKG_CONFIG", "pkg-config"), question, "gearmand"]
    try:
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SystemExit(
            f"setup.py: {shlex.join(command)} failed ({error}). Install libgearman with its "
            "headers first; PKG_CONFIG_PATH tells where its gearmand.pc is."
        ) from error
    return shlex.split(answer.stdout.decode())


class BuildNative(build_ext):
    """A build_ext that finds libgearman."""

    def run(self) -> None:
        manifest = cargo_manifest()
        carried = None
        if manifest is not None and os.environ.get("LIBGEARMAN_INSTALLED", "") in ("", "0"):
            carried = self.build_library(manifest)
        for extension in self.extensions:
            if carried is not None:
                extension.include_dirs.append(str(REPOSITORY / "include"))
                extension.extra_link_args += [str(carried), "-Wl,-rpath,$ORIGIN"]
            else:
                extension.extra_compile_args += pkg_config("--cflags")
                extension.extra_link_args += pkg_config("--libs")
        super().run()
        if carried is not None:
            # In the directory of the module.
            module = Path(self.get_ext_fullpath("libgearman._native"))
            shutil.copy2(carried, module.with_name(SONAME))

    def build_extensions(self) -> None:
        # Some builds of Python make the linker add their own directory to the run path of
        # every module, where nothing of this package is.
        for name in ("linker_so", "linker_so_cxx"):
            command = getattr(self.compiler, name, None)
            if command:
                kept = [word for word in command if not word.startswith("-Wl,-rpath,")]
                setattr(self.compiler, name, kept)
        super().build_extensions()

    def build_library(self, manifest: Path) -> Path:
        """Builds the shared library and returns the path of a copy with its soname."""
        target = Path(os.environ.get("CARGO_TARGET_DIR") or REPOSITORY / "target")
        command = [os.environ.get("CARGO", "cargo"), "rustc", "--manifest-path", str(manifest)]
        command += ["--target-dir", str(target), "--locked", "--lib", "--release"]
        command += ["--no-default-features", "--features", "tls", "--crate-type", "cdylib"]
        subprocess.run(command, check=True)
        copy = Path(self.build_temp) / SONAME
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(target / "release" / "libgearman.so", copy)
        return copy.resolve()


def build_directory() -> str:
    """A directory for this build alone, so that the wheel has no files of an older one."""
    directory = tempfile.mkdtemp(prefix="libgearman-build-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


if cargo_manifest() is not None:
    # A package cannot have files from outside its directory.
    shutil.copyfile(REPOSITORY / "LICENSE", HERE / "LICENSE")

setup(
    version=version(),
    cffi_modules=["ffi_build.py:ffi"],
    cmdclass={"build_ext": BuildNative},
    options={
        "build": {"build_base": build_directory()},
        # cffi builds for the stable ABI: one wheel is for every version from 3.9 on.
        "bdist_wheel": {"py_limited_api": "cp39"},
    },
)
