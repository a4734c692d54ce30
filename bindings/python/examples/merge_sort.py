"""Map and reduce: sorts numbers on many workers by merge sort.

    python3 merge_sort.py [-h HOST] [-p PORT] [--numbers N] [--pieces N] [--workers N]

The map step sorts pieces, all at the same time. The reduce step merges neighbours, round
after round, until one piece is left.
"""

from __future__ import annotations

import heapq
import random
from array import array
from typing import Sequence

import demo
from libgearman import Client, Job

#: Numbers travel as 64-bit integers in this machine's byte order.
NUMBER = "q"


def numbers_of(data: bytes) -> array[int]:
    numbers = array(NUMBER)
    numbers.frombytes(data)
    return numbers


def sort(job: Job) -> bytes:
    return array(NUMBER, sorted(numbers_of(job.workload))).tobytes()


def merge(job: Job) -> bytes:
    """The workload is the size of the first piece in bytes, a blank, and both pieces."""
    size, _, both = job.workload.partition(b" ")
    one, other = both[: int(size)], both[int(size) :]
    return array(NUMBER, heapq.merge(numbers_of(one), numbers_of(other))).tobytes()


def run(client: Client, function: str, workloads: Sequence[bytes]) -> list[bytes]:
    """Runs a job for each workload at the same time."""
    tasks = [client.add_task(function, workload) for workload in workloads]
    client.run_tasks()
    return [task.result() for task in tasks]


def merge_sort(client: Client, pieces: list[bytes]) -> bytes:
    """Sorts the numbers of all pieces."""
    pieces = run(client, "sort", pieces)
    print(f"map: {len(pieces)} pieces sorted")
    while len(pieces) > 1:
        pairs = list(zip(pieces[::2], pieces[1::2]))
        # A piece without a neighbour waits for the next round.
        rest = pieces[len(pairs) * 2 :]
        merged = run(client, "merge", [b"%d " % len(one) + one + other for one, other in pairs])
        print(f"reduce: {len(pieces)} pieces merged to {len(merged) + len(rest)}")
        pieces = merged + rest
    return pieces[0]


def main() -> None:
    parser = demo.options(__doc__)
    parser.add_argument("--numbers", type=int, default=20000, help="numbers to sort [20000]")
    parser.add_argument("--pieces", type=int, default=6, help="pieces of the map step [6]")
    parser.add_argument("--workers", type=int, default=3, help="worker processes [3]")
    arguments = parser.parse_args()
    if arguments.numbers < 1 or arguments.pieces < 1 or arguments.workers < 1:
        parser.error("every number must be 1 or more")
    chance = random.Random(1)
    numbers = array(NUMBER, (chance.randrange(1000000) for _ in range(arguments.numbers)))
    size = -(-arguments.numbers // arguments.pieces)
    pieces = [numbers[n : n + size].tobytes() for n in range(0, len(numbers), size)]
    server = demo.address(arguments)
    with demo.workers(server, {"sort": sort, "merge": merge}, arguments.workers):
        with Client(server, timeout=demo.DEADLINE_SECONDS) as client:
            result = numbers_of(merge_sort(client, pieces))
    if list(result) != sorted(numbers):
        raise SystemExit("the result is not the sorted numbers")
    print(f"{len(result)} numbers from {result[0]} to {result[-1]} are in order")


if __name__ == "__main__":
    main()
