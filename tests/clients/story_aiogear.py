"""PyPI's aiogear on two job servers: what each step of the story came to, a line per step.
Arguments: two ports. A client knows one server and takes the results in the order of its
submissions, so being on two servers is two clients here, and jobs follow each other. A worker
that asks with GRAB_JOB_ALL does not know the answer for a job without a reducer."""

import asyncio
import logging
import os
import sys

from aiogear import Admin, Client, PacketType, Worker

PORTS = [int(port) for port in sys.argv[1:3]]
# What a worker says of an exception in a function is not what is compared.
logging.disable(logging.CRITICAL)


async def connect(port, protocol):
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: protocol, "127.0.0.1", port)
    return protocol


async def work(port, *functions, grab=PacketType.GRAB_JOB):
    loop = asyncio.get_running_loop()
    return await connect(port, Worker(*functions, loop=loop, grab_type=grab))


async def client(port):
    return await connect(port, Client(loop=asyncio.get_running_loop()))


async def result(by, name, data, submit="submit_job"):
    job = await getattr(by, submit)(name, data)
    return await by.wait_job(job.handle)


def boo(job):
    raise ValueError("boo")


# The package takes a result for UTF-8.
TEXT = "every letter from a to z, and more " * (10 * 1024 * 1024 // 36)


async def main():
    go = asyncio.Event()
    seen = []
    done = asyncio.Event()

    async def wait(job):
        worker.send(PacketType.WORK_STATUS, job.handle, "3", "7")
        await go.wait()
        return "done"

    def order(job):
        seen.append(job.workload)
        if len(seen) == 6:
            done.set()

    def large(job):
        return job.workload

    def reverse(job):
        return job.workload[::-1]

    worker = await work(PORTS[0], reverse, large, boo, (wait, "wait"))
    one = await client(PORTS[0])
    print("foreground:", (await result(one, "reverse", "hello")).result)
    echoed = (await result(one, "large", TEXT)).result
    print("large:", len(echoed), "the same" if echoed == TEXT else "others")
    failed = await result(one, "boo", "x")
    print("exception that was not asked for:", type(failed).__name__)
    await one.option_req("exceptions")
    failed = await result(one, "boo", "x")
    print("exception:", type(failed).__name__, failed.exception)

    job = await one.submit_job_bg("wait", "x")
    while not (status := await one.get_status(job.handle)).denominator:
        pass
    print(f"status: known {status.known} running {status.running}", end=" ")
    print(f"progress {status.numerator}/{status.denominator}")
    go.set()
    while (await one.get_status(job.handle)).known:
        pass
    print("status at the end: known False")

    for priority in ["low", "normal", "high"] * 2:
        kind = "submit_job_bg" if priority == "normal" else f"submit_job_{priority}_bg"
        await getattr(one, kind)("order", priority)
    await work(PORTS[0], (order, "order"))
    await done.wait()
    print("order:", *seen)

    # A client that lost no connection waits for the job's next worker.
    waiting = asyncio.Event()

    async def lost(job):
        waiting.set()
        await asyncio.Event().wait()

    first = await work(PORTS[0], (lost, "lost"))
    by = await client(PORTS[0])
    job = await by.submit_job("lost", "x")
    await waiting.wait()
    first.transport.close()
    await work(PORTS[0], (lambda job: "by another worker", "lost"))
    print("lost worker:", (await by.wait_job(job.handle)).result)

    for port in PORTS:
        by = await client(port)
        await work(port, (lambda job: f"{job.uuid} from both", "both"), grab=PacketType.GRAB_JOB_UNIQ)
        job = await by.submit_job("both", "x", uuid=b"unique")
        print("two servers:", (await by.wait_job(job.handle)).result)

    admin = await connect(PORTS[0], Admin(loop=asyncio.get_running_loop()))
    status = {line["function"]: line for line in await admin.status()}["reverse"]
    print("admin: reverse {total} queued {running} running {available_workers} workers".format(**status))
    functions = [name for line in await admin.workers() for name in line["functions"]]
    print("admin: workers of", *sorted(functions))
    print("admin:", "a version" if await admin.version() else "no version")
    # Objects of the package that end with the interpreter miss their loop.
    sys.stdout.flush()
    os._exit(0)


asyncio.run(main())
