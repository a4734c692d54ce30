#!/usr/bin/env python3
"""How long one connection can make others wait, and how much memory it takes.

For each case a server is started and a prober sends one ECHO_REQ after the other while one
connection does something expensive. Printed are the longest and the 99th percentile wait of the
prober, and the server's largest memory beside the bytes that were sent. The medians of several
runs are compared: `hostile.py PROGRAM [PROGRAM ...] [--runs N] [--cases NAME,...]`.

Must not: judge; the numbers depend on the machine.
"""

import argparse
import os
import resource
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

CAN_DO, CANT_DO, PRE_SLEEP, SUBMIT_JOB, GRAB_JOB, WORK_STATUS = 1, 2, 4, 7, 9, 12
WORK_COMPLETE, ECHO_REQ, SUBMIT_JOB_BG = 13, 16, 18
JOB_ASSIGN = 11


def packet(kind, *parts):
    body = b"\0".join(parts)
    return b"\0REQ" + struct.pack(">II", kind, len(body)) + body


class Peer:
    """A connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.rest = b""

    def send(self, data):
        self.socket.sendall(data)
        return len(data)

    def receive(self):
        """The next packet: kind and body."""
        while True:
            if len(self.rest) >= 12:
                kind, length = struct.unpack(">II", self.rest[4:12])
                if len(self.rest) >= 12 + length:
                    body, self.rest = self.rest[12:12 + length], self.rest[12 + length:]
                    return kind, body
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server has closed the connection")
            self.rest += data

    def settle(self):
        """Waits until everything that was sent is handled. Other answers are dropped."""
        mark = os.urandom(8)
        self.send(packet(ECHO_REQ, mark))
        tail = b""
        while mark not in tail:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server has closed the connection")
            tail = tail[-32:] + data


def offer(peer, count):
    for first in range(0, count, 10_000):
        names = range(first, min(first + 10_000, count))
        peer.send(b"".join(packet(CAN_DO, b"f%d" % name) for name in names))
    peer.settle()


def grab(peer):
    """Waits until there is a job, and returns its handle."""
    while True:
        peer.send(packet(GRAB_JOB))
        kind, body = peer.receive()
        if kind == JOB_ASSIGN:
            return body.split(b"\0")[0]
        time.sleep(0.01)


class Functions:
    """100,000 functions and 200 pairs of PRE_SLEEP and GRAB_JOB."""

    def prepare(self, server):
        self.peer = Peer(server.port)
        offer(self.peer, 100_000)

    def run(self, server):
        sent = self.peer.send((packet(PRE_SLEEP) + packet(GRAB_JOB)) * 200)
        self.peer.settle()
        return sent


class CantDo:
    """20,000 running jobs of one function, and 2,000 times another function taken back."""

    def prepare(self, server):
        self.peer = Peer(server.port)
        self.peer.send(packet(CAN_DO, b"f"))
        for _ in range(20):
            self.peer.send(packet(SUBMIT_JOB_BG, b"f", b"", b"") * 1000)
            self.peer.send(packet(GRAB_JOB) * 1000)
            self.peer.settle()

    def run(self, server):
        pairs = packet(CAN_DO, b"g") + packet(CANT_DO, b"g")
        sent = self.peer.send(pairs * 2000)
        self.peer.settle()
        return sent


class Waiters:
    """50,000 waiting submissions of one job, and 50 reports on its progress."""

    def prepare(self, server):
        self.clients = [Peer(server.port) for _ in range(50)]
        for client in self.clients:
            client.send(packet(SUBMIT_JOB, b"f", b"same", b"") * 1000)
            client.settle()
        self.peer = Peer(server.port)
        self.peer.send(packet(CAN_DO, b"f") + packet(GRAB_JOB))
        kind, body = self.peer.receive()
        assert kind == JOB_ASSIGN, kind
        self.handle = body.split(b"\0")[0]

    def run(self, server):
        reports = packet(WORK_STATUS, self.handle, b"1", b"2") * 50
        sent = self.peer.send(reports + packet(WORK_COMPLETE, self.handle, b""))
        self.peer.settle()
        return sent


class Close:
    """A connection with 500,000 functions is closed."""

    def prepare(self, server):
        self.peer = Peer(server.port)
        offer(self.peer, 500_000)

    def run(self, server):
        self.peer.socket.close()
        time.sleep(0.5)
        return 0


def submit_large(peer, unique, body):
    names = b"f\0" + unique + b"\0"
    length = len(names) + len(body)
    peer.send(b"\0REQ" + struct.pack(">II", SUBMIT_JOB_BG, length) + names)
    for first in range(0, len(body), 1_000_000):
        peer.send(body[first:first + 1_000_000])
    peer.settle()
    return len(body)


class Large:
    """A background job of 300 MB."""

    def prepare(self, server):
        self.peer = Peer(server.port)

    def run(self, server):
        return submit_large(self.peer, b"", b"x" * 300_000_000)


class Same:
    """Two submissions of 300 MB, whose payload stands for their unique id, and the end of the job."""

    def prepare(self, server):
        self.peer = Peer(server.port)

    def run(self, server):
        sent = sum(submit_large(self.peer, b"-", b"x" * 300_000_000) for _ in range(2))
        admin(Peer(server.port), b"drop function f\n")
        return sent


def admin(peer, line):
    """Sends a line, and waits for the answer's."""
    sent = peer.send(line)
    answer = b""
    while not answer.endswith(b"\n"):
        answer += peer.socket.recv(1 << 16)
    assert answer.startswith(b"OK"), answer
    return sent


class Drop:
    """A function with a million queued jobs that is dropped."""

    def prepare(self, server):
        self.peer = Peer(server.port)
        for _ in range(1000):
            self.peer.send(packet(SUBMIT_JOB_BG, b"f", b"", b"x") * 1000)
            self.peer.settle()

    def run(self, server):
        return admin(self.peer, b"drop function f\n")


class Crowd:
    """2,000 connections that send 64 KiB of small packets each."""

    def prepare(self, server):
        self.peers = [Peer(server.port) for _ in range(2000)]

    def run(self, server):
        echoes = packet(GRAB_JOB) * 5461
        sent = sum(peer.send(echoes) for peer in self.peers)
        for peer in self.peers:
            peer.settle()
        return sent


class List:
    """A list of workers, one of which has 500,000 functions."""

    def prepare(self, server):
        self.worker, self.peer = Peer(server.port), Peer(server.port)
        offer(self.worker, 500_000)

    def run(self, server):
        sent = self.peer.send(b"workers\n")
        tail = b""
        while not tail.endswith(b"\n.\n"):
            tail = tail[-8:] + self.peer.socket.recv(1 << 20)
        return sent


class Result:
    """A result of 300 MB, for a client that reads it."""

    def prepare(self, server):
        self.client, self.peer = Peer(server.port), Peer(server.port)
        self.client.send(packet(SUBMIT_JOB, b"f", b"", b""))
        self.peer.send(packet(CAN_DO, b"f"))
        self.handle = grab(self.peer)
        self.left = 300_000_000

    def read(self):
        while self.left > 0:
            self.left -= len(self.client.socket.recv(1 << 20))

    def run(self, server):
        reader = threading.Thread(target=self.read)
        reader.start()
        body = b"x" * self.left
        length = len(self.handle) + 1 + len(body)
        self.peer.send(b"\0REQ" + struct.pack(">II", WORK_COMPLETE, length) + self.handle + b"\0")
        for first in range(0, len(body), 1_000_000):
            self.peer.send(body[first:first + 1_000_000])
        reader.join()
        return len(body)


class HttpJob:
    """A background job of 300 MB over HTTP."""

    def prepare(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.http_port))

    def run(self, server):
        head = ("POST /f HTTP/1.1\r\nHost: x\r\nX-Gearman-Background: true\r\n"
                "Content-Length: 300000000\r\n\r\n")
        self.socket.sendall(head.encode())
        for _ in range(300):
            self.socket.sendall(b"x" * 1_000_000)
        answer = self.socket.recv(1 << 16)
        assert answer.startswith(b"HTTP/1.1 202 "), answer
        return 300_000_000


class HttpResult(Result):
    """A result of 300 MB, for an HTTP client that reads it."""

    def prepare(self, server):
        self.client, self.peer = Peer(server.http_port), Peer(server.port)
        self.client.send(b"POST /f HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
        self.peer.send(packet(CAN_DO, b"f"))
        self.handle = grab(self.peer)
        self.left = 300_000_000


class Nothing:
    """No other connection does anything: what the machine itself makes others wait."""

    def prepare(self, server):
        pass

    def run(self, server):
        time.sleep(1)
        return 0


CASES = {"nothing": Nothing, "functions": Functions, "cant-do": CantDo, "waiters": Waiters,
         "close": Close, "large": Large, "same": Same, "drop": Drop, "crowd": Crowd, "list": List,
         "result": Result, "http-job": HttpJob, "http-result": HttpResult}


def probe(port):
    """Sends one ECHO_REQ after the other until standard input ends, and prints the waits."""
    peer, waits = Peer(port), []
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    echo = packet(ECHO_REQ, b"x")
    while not over.is_set():
        began = time.monotonic()
        peer.send(echo)
        peer.receive()
        waits.append(time.monotonic() - began)
        time.sleep(0.0005)
    print(*waits)


class Prober:
    """A process of its own, so that the attack does not take its time. As root it comes first when
    it has work, as a client on another machine would."""

    def __init__(self, port):
        command = [sys.executable, os.path.abspath(__file__), "--probe", str(port)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, text=True, **pipes)
        if os.geteuid() == 0:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -10)

    def waits(self):
        return [float(wait) for wait in self.process.communicate("")[0].split()]


class Server:
    """A server that runs as long as the block that it is entered with."""

    def __init__(self, program):
        self.port, self.http_port = free_port(), free_port()
        command = [program, f"--port={self.port}", "--listen=127.0.0.1", "--log-file=none"]
        command += ["--protocol=http", f"--http-port={self.http_port}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, **quiet)

    def __enter__(self):
        if os.geteuid() == 0:
            # The attack comes from another machine.
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -5)
        deadline = time.monotonic() + 10
        while True:
            try:
                Peer(self.port).settle()
                return self
            except ConnectionRefusedError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def memory(self, field):
        """A number of bytes in the process's status."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as lines:
            line = next(line for line in lines if line.startswith(field))
        return int(line.split()[1]) * 1024


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def measure(program, case):
    """One run: longest wait and 99th percentile in ms, bytes sent, growth of memory."""
    with Server(program) as server:
        attack = CASES[case]()
        attack.prepare(server)
        before = server.memory("VmRSS")
        prober = Prober(server.port)
        time.sleep(0.2)
        sent = attack.run(server)
        time.sleep(0.2)
        waits = sorted(prober.waits())
        grown = max(0, server.memory("VmHWM") - before)
        return waits[-1] * 1e3, waits[len(waits) * 99 // 100] * 1e3, sent, grown


def measure_connections(program, count):
    """Prints the memory of a connection for some kinds of peers."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = {"idle": b"", "worker": packet(CAN_DO, b"f") + packet(PRE_SLEEP),
             "client": packet(SUBMIT_JOB_BG, b"g", b"", b"x")}
    for kind, said in kinds.items():
        with Server(program) as server:
            before = server.memory("VmRSS")
            peers = [Peer(server.port) for _ in range(count)]
            for peer in peers:
                peer.send(said)
                peer.settle()
            grown = server.memory("VmRSS") - before
            print(f"{count} connections, {kind}: {grown / count:.0f} bytes each", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("programs", nargs="+")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--connections", type=int, metavar="COUNT",
                        help="measure only the memory of so many connections")
    options = parser.parse_args()
    if options.connections:
        for program in options.programs:
            measure_connections(program, options.connections)
        return
    print(f"{'case':10} {'program':30} {'longest wait':>12} {'p99':>9} {'sent':>9} {'memory':>9}")
    for case in options.cases.split(","):
        runs = {program: [] for program in options.programs}
        for _ in range(options.runs):
            for program in options.programs:
                runs[program].append(measure(program, case))
        for program, results in runs.items():
            worst, high, sent, grown = (statistics.median(column) for column in zip(*results))
            print(f"{case:10} {program[-30:]:30} {worst:9.1f} ms {high:6.1f} ms "
                  f"{sent / 1e6:6.1f} MB {grown / 1e6:6.1f} MB", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--probe"]:
        probe(int(sys.argv[2]))
    else:
        main()
