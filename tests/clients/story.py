"""PyPI's gearman3, pygearman or py3gearman on two job servers: what each step of the story
came to, a line per step. Arguments: two ports; "admin" to ask for the server's lists, "text" for
py3gearman, which takes text and counts its characters for bytes."""

import array
import importlib
import multiprocessing
import os
import socket
import sys
import time
import types

TEXT = "text" in sys.argv[3:]
gearman = importlib.import_module("py3gearman" if TEXT else "gearman")
connection = importlib.import_module(gearman.__name__ + ".connection")

if TEXT:
    from py3gearman.connection_manager import DataEncoder, GearmanConnectionManager

    class Ascii(DataEncoder):
        """Bytes for the story, text for the package."""

        @classmethod
        def encode(cls, data):
            return data.decode("ascii")

        @classmethod
        def decode(cls, data):
            return data.encode("ascii")

    GearmanConnectionManager.data_encoder = Ascii
elif not hasattr(array.array, "fromstring"):

    class Array(array.array):
        """With the methods that Python lost in 3.9, and gearman3 uses."""

        fromstring = array.array.frombytes
        tostring = array.array.tobytes

        def __getitem__(self, place):
            found = super().__getitem__(place)
            return Array(self.typecode, found) if isinstance(place, slice) else found

    connection.array = types.SimpleNamespace(array=Array)

SERVERS = ["127.0.0.1:" + port for port in sys.argv[1:3]]
WORKERS = []


def work(servers, functions):
    # What a worker prints of its troubles is not what is compared.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    worker = gearman.GearmanWorker(servers)
    for name, function in functions.items():
        # Functions come back from a server as bytes, or as text.
        worker.register_task(name if TEXT else name.encode(), function)
    worker.work()


def start_worker(servers, **functions):
    worker = multiprocessing.get_context("fork").Process(target=work, args=(servers, functions))
    worker.daemon = True
    worker.start()
    WORKERS.append(worker)
    return worker


def reverse(_, job):
    return job.data[::-1]


def wait(worker, job):
    worker.send_job_status(job, 3, 7)
    os.read(GO[0], 1)
    return b"done"


def report(worker, job):
    worker.send_job_data(job, b"part one")
    worker.send_job_warning(job, b"careful")
    return b"the end"


def boo(_, job):
    raise ValueError("boo")


def order(_, job):
    os.write(ORDER[1], job.data + b" ")
    return b""


def hang(_, job):
    os.write(STARTED[1], b"x")
    time.sleep(600)


def text(data):
    return data if isinstance(data, str) else data.decode()


GO, ORDER, STARTED = os.pipe(), os.pipe(), os.pipe()
# Every byte value, in a size that no buffer has.
# py3gearman decodes all that it has with each piece: ten times the size takes it a minute.
DATA = bytes(n * 7 & (127 if TEXT else 255) for n in range(256)) * (4096 if TEXT else 10 * 4096)

start_worker(
    SERVERS[:1],
    reverse=reverse,
    bytes=lambda _, job: job.data,
    empty=lambda _, job: b"",
    wait=wait,
    report=report,
    boo=boo,
)
client = gearman.GearmanClient(SERVERS[:1])


def submit(name, data, by=client, **options):
    # pygearman takes no limit for none at all, and py3gearman submits in the background.
    options.setdefault("background", False)
    return by.submit_job(name, data, poll_timeout=60, **options)


request = submit("reverse", b"hello")
print("foreground:", text(request.result))
request = submit("empty", b"")
print("empty: %r" % text(request.result))
request = submit("bytes", DATA)
print("large:", len(request.result), "the same" if request.result == DATA else "others")
request = submit("report", b"x")
print("reports:", [text(d) for d in request.data_updates], [text(d) for d in request.warning_updates])
# An exception in a worker ends the job.
request = submit("boo", b"x")
print("exception that was not asked for:", request.state)

requests = client.submit_multiple_jobs(
    [dict(task="reverse", data=b"job %d" % n) for n in range(1, 21)],
    background=False,
    poll_timeout=60,
)
results = sorted(text(request.result) for request in requests)
print("many at once:", len(results), results[0])

request = submit("wait", b"x", background=True)
# gearman3 takes every job for unknown, but tells its progress.
while not (status := client.get_job_status(request, poll_timeout=60).status)["denominator"]:
    pass
print("status: progress %s/%s" % (status["numerator"], status["denominator"]))
os.write(GO[1], b"x")
while client.get_job_status(request, poll_timeout=60).status["denominator"]:
    pass
print("status at the end: no progress")

for priority in ["LOW", None, "HIGH", "LOW", None, "HIGH"]:
    data = (priority or "normal").lower().encode()
    submit("order", data, priority=priority, background=True)
ordering = start_worker(SERVERS[:1], order=order)
seen = b""
while seen.count(b" ") < 6:
    seen += os.read(ORDER[0], 100)
print("order:", text(seen))
ordering.kill()

lost = start_worker(SERVERS[:1], lost=hang)
request = submit("lost", b"x", wait_until_complete=False)
os.read(STARTED[0], 1)
lost.kill()
start_worker(SERVERS[:1], lost=lambda _, job: b"by another worker")
client.wait_until_jobs_completed([request], poll_timeout=60)
print("lost worker:", text(request.result))

start_worker(SERVERS, both=lambda _, job: b"from both")
for server in SERVERS:
    print("two servers:", text(submit("both", b"x", gearman.GearmanClient([server])).result))
with socket.socket() as closed:
    closed.bind(("127.0.0.1", 0))
    down = "127.0.0.1:%d" % closed.getsockname()[1]
both = gearman.GearmanClient([down, SERVERS[1]])
results = {text(submit("both", b"x", both, max_retries=3).result) for _ in range(8)}
print("one server down:", ", ".join(sorted(results)))

if "admin" in sys.argv[3:]:
    admin = gearman.GearmanAdminClient(SERVERS[:1])
    status = {text(line["task"]): line for line in admin.get_status()}
    print("admin: reverse %(queued)d queued %(running)d running %(workers)d workers" % status["reverse"])
    functions = sorted(text(task) for line in admin.get_workers() for task in line["tasks"])
    print("admin: workers of", " ".join(functions))

for worker in WORKERS:
    worker.kill()
