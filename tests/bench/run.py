#!/usr/bin/env python3
"""Compares this library with the distribution's, and prints the ratios.

One binary (bench.c), linked once against -lgearman, runs with either library by
LD_LIBRARY_PATH, in turns. See README.md for what each line means.
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MIB = 1024 * 1024
PAYLOAD = 64 * MIB


class Bench:
    """The built programs, the two libraries, and the peers that were started."""

    def __init__(self, options):
        self.options = options
        self.work = Path(tempfile.mkdtemp(prefix="gearman-bench-"))
        self.processes = []
        self.libraries = {"original": options.original, "ours": self.our_library()}
        self.compile("peer", [])
        self.compile("load", ["-ldl"])
        self.compile("bench", ["-lgearman"])
        subprocess.run(
            ["cc", "-O2", "-fno-builtin", "-fPIC", "-shared", "-o", self.work / "copies.so",
             HERE / "copies.c"], check=True)
        for name in self.libraries:
            self.assert_library(name)

    def our_library(self):
        """Builds the library and gives the directory that holds it as libgearman.so.8."""
        library = self.options.library
        if library is None:
            subprocess.run(
                ["cargo", "rustc", "--lib", "--release", "--no-default-features",
                 "--features", "tls", "--crate-type", "cdylib"], cwd=ROOT, check=True)
            target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
            library = ROOT / target / "release" / "libgearman.so"
        directory = self.work / "ours"
        directory.mkdir()
        shutil.copy(library, directory / "libgearman.so.8")
        return str(directory)

    def compile(self, name, libraries):
        subprocess.run(
            ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra",
             "-o", self.work / name, HERE / f"{name}.c", *libraries], check=True)

    def environment(self, library, **more):
        return dict(os.environ, LD_LIBRARY_PATH=self.libraries[library], **more)

    def assert_library(self, name):
        """A comparison of a library with itself would look good."""
        output = subprocess.run(
            ["ldd", self.work / "bench"], env=self.environment(name),
            capture_output=True, text=True, check=True).stdout
        path = re.search(r"libgearman\.so\.8 => (\S+)", output)[1]
        if (Path(path).resolve().parent == (self.work / "ours").resolve()) != (name == "ours"):
            sys.exit(f"{name} would be {path}")
        print(f"# {name}: {path}", file=sys.stderr)

    def start(self, command, **options):
        process = subprocess.Popen(command, text=True, **options)
        self.processes.append(process)
        return process

    def scripted_peer(self):
        process = self.start([self.work / "peer", "0"], stdout=subprocess.PIPE)
        return int(process.stdout.readline())

    def real_server(self, workers):
        """The distribution's server, with workers that run on the original library."""
        port = free_port()
        self.start([self.options.gearmand, "--listen=127.0.0.1", f"--port={port}",
                    "--log-file=/dev/null"], cwd=self.work)
        wait_for_port(port)
        for _ in range(workers):
            self.start([self.work / "bench", str(port), "echo"], env=self.environment("original"))
        return port

    def stop(self):
        for process in self.processes:
            process.kill()
            process.wait()
        shutil.rmtree(self.work)

    def run(self, library, port, *arguments, prefix=(), **more):
        """One run of bench: what it printed, as a dictionary of numbers."""
        return self.parse(self.output(library, port, *arguments, prefix=prefix, **more).stdout)

    def output(self, library, port, *arguments, prefix=(), **more):
        command = [*prefix, str(self.work / "bench"), str(port), *map(str, arguments)]
        result = subprocess.run(
            command, env=self.environment(library, **more), capture_output=True, text=True,
            cwd=self.work)
        if result.returncode != 0:
            sys.exit(f"{library}: {' '.join(command)}: {result.stderr}")
        return result

    @staticmethod
    def parse(text):
        return {name: float(value)
                for name, value in re.findall(r"^(\w+) (-?[\d.]+)$", text, re.MULTILINE)}

    def alternating(self, one, times):
        """The medians of several runs with each library, in turns."""
        values = {name: [] for name in self.libraries}
        for _ in range(times):
            for name in self.libraries:
                values[name].append(one(name))
        return {name: statistics.median(found) for name, found in values.items()}


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port):
    import socket
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.02)
    sys.exit(f"nothing listens on port {port}")


class Table:
    """The lines of the result. A target bounds the ratio, or ours alone."""

    def __init__(self):
        self.rows = []

    def add(self, what, unit, values, target=None, bounds="ratio"):
        original, ours = values.get("original"), values["ours"]
        ratio = ours / original if original else None
        judged = ratio if bounds == "ratio" else ours
        verdict = "" if target is None else ("yes" if judged <= target else "NO")
        wanted = "" if target is None else f"{'ratio' if bounds == 'ratio' else 'ours'} <= {target:g}"
        row = (f"{what} [{unit}]", number(original), number(ours),
               "" if ratio is None else f"{ratio:.3g}", wanted, verdict)
        self.rows.append(row)
        print("# " + " | ".join(row), file=sys.stderr, flush=True)

    def text(self):
        head = ("", "original", "ours", "ratio", "target", "met")
        widths = [max(len(row[i]) for row in [head, *self.rows]) for i in range(len(head))]
        lines = [head, tuple("-" * w for w in widths), *self.rows]
        return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, widths)) + " |"
                         for line in lines)

    def missed(self):
        return any(row[-1] == "NO" for row in self.rows)


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def tasks(bench, table):
    port = bench.options.port or bench.scripted_peer()
    runs = {}

    def one(name):
        runs.setdefault(name, []).append(bench.run(name, port, "tasks", 20_000))
        return 0

    bench.alternating(one, bench.options.repeat_slow)
    median = {name: {key: statistics.median(r[key] for r in found) for key in found[0]}
              for name, found in runs.items()}
    table.add("20,000 concurrent tasks, user CPU", "s",
              {name: m["user_s"] for name, m in median.items()}, 0.1)
    table.add("20,000 concurrent tasks, wall time", "s",
              {name: m["wall_s"] for name, m in median.items()})
    table.add("20,000 concurrent tasks, memory", "KiB",
              {name: m["growth_kib"] for name, m in median.items()}, 0.2)
    few, many = (instructions(bench, "ours", port, "tasks", n) for n in (20_000, 100_000))
    table.add("100,000 tasks compared with 20,000, instructions", "times",
              {"ours": many / few}, 5.2, "ours")


def instructions(bench, name, port, command, n):
    """All user-mode instructions of a run, by callgrind."""
    out = bench.work / f"callgrind.{name}.{command}.{n}"
    prefix = ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"]
    bench.output(name, port, command, n, prefix=prefix)
    return int(re.findall(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[-1])


def instructions_per_call(bench, table):
    port = bench.options.port or bench.scripted_peer()
    for what, command, target in (("do_background", "do-background", 0.4),
                                  ("worked job", "work", 0.4), ("do", "do", 0.5)):
        if command in bench.options.skip:
            continue

        def one(name):
            few, many = (instructions(bench, name, port, command, n) for n in (1_000, 3_000))
            return (many - few) / 2_000

        table.add(f"user instructions per {what}", "count",
                  bench.alternating(one, bench.options.repeat), target)


def system_calls(bench, name, port, command, n):
    """All system calls of a run, counted by the kernel or, without perf, by strace."""
    if shutil.which("perf") and os.geteuid() == 0:
        prefix = ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "--"]
        text = bench.output(name, port, command, n, prefix=prefix).stderr
        return int(re.search(r"^(\d+),", text, re.MULTILINE)[1])
    out = bench.work / "strace"
    bench.output(name, port, command, n, prefix=["strace", "-f", "-c", "-o", str(out)])
    return int(re.search(r"\s(\d+)\s+\d*\s*total", out.read_text())[1])


def system_calls_per_call(bench, table):
    for what, command, target in (("do", "do", 5.2), ("do_background", "do-background", 3.2),
                                  ("worked job", "work", 4.2)):
        if command in bench.options.skip:
            continue

        def one(name):
            # A server each time: jobs of earlier runs would be worked first.
            port = bench.options.port or bench.real_server(1 if command == "do" else 0)
            counts = []
            for n in (1_000, 11_000):
                if command == "work":
                    bench.run("original", port, "do-background", n + 1)
                counts.append(system_calls(bench, name, port, command, n))
            return (counts[1] - counts[0]) / 10_000

        table.add(f"system calls per {what}", "count",
                  bench.alternating(one, bench.options.repeat_slow), target, "ours")


def big(bench, table):
    port = bench.options.port or bench.scripted_peer()
    growth, copies = {}, {}
    for name in bench.libraries:
        result = bench.output(name, port, "big", PAYLOAD, LD_PRELOAD=str(bench.work / "copies.so"))
        copies[name] = bench.parse(result.stderr)["copied_bytes"] / PAYLOAD
        growth[name] = bench.run(name, port, "big", PAYLOAD)["growth_kib"] * 1024 / PAYLOAD
    table.add("64 MiB there and back, memory (the caller's 1 included)", "payloads", growth, 2.2, "ours")
    table.add("64 MiB there and back, bytes copied in user space", "payloads", copies, 2, "ours")


def start_up(bench, table):
    port = bench.options.port or bench.scripted_peer()
    times = bench.options.repeat

    def create(name):
        return bench.run(name, port, "create", 100_000)["wall_us_per_call"]

    def load(name):
        output = subprocess.run([bench.work / "load", "200"], env=bench.environment(name),
                                capture_output=True, text=True, check=True).stdout
        return bench.parse(output)["wall_us_per_call"]

    table.add("create + add_server + free", "us", bench.alternating(create, times), 1.05)
    table.add("dlopen + dlclose", "us", bench.alternating(load, times), 1.05)


def flat(bench, table):
    port = bench.options.port or bench.scripted_peer()
    for what, command in (("do_background", "flat-background"), ("added, run, freed tasks", "flat-tasks")):
        values = {name: bench.run(name, port, command, 1_000_000)["growth_kib"]
                  for name in bench.libraries}
        table.add(f"memory gained from the 100,000th to the 1,000,000th {what}", "KiB",
                  values, 16, "ours")


GROUPS = {
    "tasks": tasks,
    "instructions": instructions_per_call,
    "syscalls": system_calls_per_call,
    "big": big,
    "startup": start_up,
    "flat": flat,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("groups", nargs="*", metavar="GROUP",
                        help=f"what to measure, of: {' '.join(GROUPS)} (all)")
    parser.add_argument("--library", type=Path, help="our libgearman.so, instead of building it")
    parser.add_argument("--original", default="", help="directory of the other libgearman.so.8")
    parser.add_argument("--gearmand", default=shutil.which("gearmand", path="/usr/sbin:/usr/bin"),
                        help="the real server")
    parser.add_argument("--port", type=int,
                        help="measure everything against the server on this port")
    parser.add_argument("--skip", nargs="*", default=[], metavar="COMMAND",
                        help="leave out do, do-background or work")
    parser.add_argument("--repeat", type=int, default=7, help="runs for a median")
    parser.add_argument("--repeat-slow", type=int, default=3, help="the same for slow runs")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"unknown group: {' '.join(unknown)}")

    bench = Bench(options)
    table = Table()
    try:
        for name, measure in GROUPS.items():
            if not options.groups or name in options.groups:
                measure(bench, table)
    finally:
        bench.stop()
    print(table.text())
    return 1 if table.missed() else 0


if __name__ == "__main__":
    sys.exit(main())
