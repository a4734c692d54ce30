"""PyPI's gear, OpenStack's client and worker, on two job servers: what each step of the story
came to, a line per step. Arguments: two ports."""

import logging
import os
import socket
import sys
import threading

import gear

PORTS = [int(port) for port in sys.argv[1:3]]
LONG = 60
# The package logs reconnections, which are not what is compared.
logging.disable(logging.CRITICAL)


class Client(gear.Client):
    """A client that tells when a job has news."""

    def __init__(self):
        super().__init__("story")
        self.news = threading.Condition()

    def tell(self, job):
        with self.news:
            self.news.notify_all()
        return job

    def handleWorkComplete(self, packet):
        return self.tell(super().handleWorkComplete(packet))

    def handleWorkFail(self, packet):
        return self.tell(super().handleWorkFail(packet))

    def handleWorkException(self, packet):
        return self.tell(super().handleWorkException(packet))

    def handleWorkStatus(self, packet):
        return self.tell(super().handleWorkStatus(packet))

    def handleStatusRes(self, packet):
        return self.tell(super().handleStatusRes(packet))

    def until(self, condition):
        with self.news:
            assert self.news.wait_for(condition, LONG), "it never came to pass"


def client(*ports):
    made = Client()
    for port in ports:
        made.addServer("127.0.0.1", port)
    made.waitForServer(LONG)
    return made


def work(ports, functions, known=None):
    """A worker in a thread of its own; all servers are connected to when this returns."""
    worker = gear.Worker("story")
    for port in ports:
        worker.addServer("127.0.0.1", port)
    for port in ports:
        worker.waitForServer(LONG)
    for name in functions:
        worker.registerFunction(name)

    def run():
        while True:
            try:
                job = worker.getJob()
            except gear.InterruptedError:
                return
            functions[job.name](job)

    threading.Thread(target=run, daemon=True).start()
    return worker


def done(by, name, data, **options):
    job = gear.Job(name, data)
    by.submitJob(job, timeout=LONG, **options)
    by.until(lambda: job.complete)
    return job


def report(job):
    job.sendWorkData(b"part one")
    job.sendWorkWarning(b"careful")
    job.sendWorkComplete(b"the end")


go, started, ordered = threading.Event(), threading.Event(), threading.Event()
seen = []


def wait(job):
    job.sendWorkStatus(3, 7)
    go.wait(LONG)
    job.sendWorkComplete(b"done")


def order(job):
    seen.append(job.arguments.decode())
    job.sendWorkComplete()
    if len(seen) == 6:
        ordered.set()


# Every byte value, in a size that no buffer has.
DATA = bytes(n * 7 & 255 for n in range(256)) * (10 * 4096)

worker = work(
    PORTS[:1],
    {
        "reverse": lambda job: job.sendWorkComplete(job.arguments[::-1]),
        "bytes": lambda job: job.sendWorkComplete(job.arguments),
        "empty": lambda job: job.sendWorkComplete(),
        "fail": lambda job: job.sendWorkFail(),
        "boo": lambda job: job.sendWorkException(b"boo"),
        "report": report,
        "wait": wait,
    },
)
one = client(PORTS[0])
print("foreground:", b"".join(done(one, "reverse", b"hello").data).decode())
print("empty:", done(one, "empty", b"").data)
result = b"".join(done(one, "bytes", DATA).data)
print("large:", len(result), "the same" if result == DATA else "others")
failed = done(one, "fail", b"x")
print("failure:", failed.failure)
failed = done(one, "boo", b"x")
print("exception that was not asked for:", failed.failure, failed.exception)
one.setOption("exceptions", LONG)
failed = done(one, "boo", b"x")
print("exception:", failed.failure, failed.exception)
reports = done(one, "report", b"x")
print("reports:", *[data.decode() for data in reports.data], "warned", reports.warning)

jobs = [gear.Job("reverse", b"job %d" % n) for n in range(1, 21)]
for job in jobs:
    one.submitJob(job, timeout=LONG)
one.until(lambda: all(job.complete for job in jobs))
results = sorted(b"".join(job.data).decode() for job in jobs)
print("many at once:", len(results), results[0])

job = gear.Job("wait", b"x")
one.submitJob(job, background=True, timeout=LONG)
packet = gear.Packet(gear.constants.REQ, gear.constants.GET_STATUS, job.handle)


def ask():
    """Asks for the job's state and waits for the answer."""
    job.known = None
    one.sendPacket(packet, one.getConnection())
    one.until(lambda: job.known is not None)


ask()
while job.denominator == b"0":
    ask()
numbers = b"/".join([job.numerator, job.denominator]).decode()
print("status: known", job.known, "running", job.running, "progress", numbers)
go.set()
while job.known:
    ask()
print("status at the end: known", job.known)

precedences = {"low": gear.PRECEDENCE_LOW, "normal": gear.PRECEDENCE_NORMAL, "high": gear.PRECEDENCE_HIGH}
for name in ["low", "normal", "high"] * 2:
    one.submitJob(
        gear.Job("order", name.encode()), background=True, precedence=precedences[name], timeout=LONG
    )
work(PORTS[:1], {"order": order})
ordered.wait(LONG)
print("order:", *seen)


def hang(job):
    started.set()
    threading.Event().wait()


lost = work(PORTS[:1], {"lost": hang})
job = gear.Job("lost", b"x")
one.submitJob(job, timeout=LONG)
started.wait(LONG)
for connection in lost.active_connections[:]:
    connection.conn.shutdown(socket.SHUT_RDWR)
lost.running = False
work(PORTS[:1], {"lost": lambda job: job.sendWorkComplete(b"by another worker")})
one.until(lambda: job.complete)
print("lost worker:", b"".join(job.data).decode())

work(PORTS, {"both": lambda job: job.sendWorkComplete(b"from both")})
for port in PORTS:
    print("two servers:", b"".join(done(client(port), "both", b"x").data).decode())
with socket.socket() as closed:
    closed.bind(("127.0.0.1", 0))
    down = closed.getsockname()[1]
both = client(down, PORTS[1])
results = {b"".join(done(both, "both", b"x").data).decode() for _ in range(8)}
print("one server down:", ", ".join(sorted(results)))

admin = one.getConnection()
request = gear.StatusAdminRequest()
admin.sendAdminRequest(request, LONG)
lines = [line.split(b"\t") for line in request.response.splitlines()]
print("admin:", *[b" ".join(line).decode() for line in lines if line[0] == b"reverse"])
request = gear.VersionAdminRequest()
admin.sendAdminRequest(request, LONG)
print("admin: version", "told" if request.response.strip() else "missing")
sys.stdout.flush()
os._exit(0)
