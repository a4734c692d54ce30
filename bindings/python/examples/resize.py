"""Image resize with progress: a worker makes a picture smaller and says how far it is.

    python3 resize.py [-h HOST] [-p PORT] [--width N] [IN.ppm OUT.ppm]

Pictures are binary PPM, which needs no library (`pngtopnm` and `djpeg` make them). Without
files the program makes a picture of 640x480 and prints what came back.
"""

from __future__ import annotations

import re
import zlib
from pathlib import Path

import demo
from libgearman import Client, Event, EventKind, Job, JobFailed

#: Reports of progress per job.
REPORTS = 5
HEADER = re.compile(rb"P6\s+(\d+)\s+(\d+)\s+255\s")


def read_ppm(data: bytes) -> tuple[int, int, bytes]:
    """Width, height and pixels."""
    header = HEADER.match(data)
    if header is None:
        raise JobFailed("not a binary PPM of 8 bits per colour")
    width, height = int(header[1]), int(header[2])
    pixels = data[header.end() :]
    if not width or not height or len(pixels) != width * height * 3:
        raise JobFailed(f"{len(pixels)} bytes of pixels are not {width}x{height}")
    return width, height, pixels


def smaller_row(pixels: bytes, width: int, rows: range, columns: list[range]) -> bytes:
    """One row of the result: each pixel is the mean of a block."""
    row = bytearray()
    for block in columns:
        area = len(rows) * len(block)
        for colour in range(3):
            first, last = block.start * 3 + colour, block.stop * 3
            total = sum(
                sum(pixels[y * width * 3 + first : y * width * 3 + last : 3]) for y in rows
            )
            row.append(total // area)
    return bytes(row)


def blocks(size: int, parts: int) -> list[range]:
    """Divides a size into as many parts of almost the same size."""
    return [range(n * size // parts, (n + 1) * size // parts) for n in range(parts)]


def resize(job: Job) -> bytes:
    """The worker's function. Its workload is the new width, a blank and the picture."""
    text, _, picture = job.workload.partition(b" ")
    width, height, pixels = read_ppm(picture)
    if not text.isdigit() or not 0 < int(text) <= width:
        raise JobFailed(f"the new width must be a number from 1 to {width}")
    new_width = int(text)
    new_height = max(1, height * new_width // width)
    columns = blocks(width, new_width)
    result = bytearray(b"P6\n%d %d\n255\n" % (new_width, new_height))
    reported = 0
    for done, rows in enumerate(blocks(height, new_height), start=1):
        result += smaller_row(pixels, width, rows, columns)
        if done * REPORTS // new_height > reported:
            reported = done * REPORTS // new_height
            job.send_status(done, new_height)
    return bytes(result)


def sample() -> bytes:
    """A picture of 640x480: two gradients and a disc."""
    pixels = bytearray()
    for y in range(480):
        for x in range(640):
            is_inside = (x - 320) ** 2 + (y - 240) ** 2 < 150**2
            pixels += bytes((x * 255 // 639, y * 255 // 479, 255 if is_inside else 64))
    return b"P6\n640 480\n255\n" + pixels


def progress(event: Event) -> None:
    if event.kind is EventKind.STATUS:
        percent = event.numerator * 100 // event.denominator
        print(f"row {event.numerator} of {event.denominator}, {percent}%")


def main() -> None:
    parser = demo.options(__doc__)
    parser.add_argument("--width", type=int, default=80, help="pixels of the result [80]")
    parser.add_argument("files", nargs="*", type=Path, help="picture and result")
    arguments = parser.parse_args()
    if len(arguments.files) not in (0, 2):
        parser.error("name both files or none")
    picture = arguments.files[0].read_bytes() if arguments.files else sample()
    server = demo.address(arguments)
    with demo.workers(server, {"resize": resize}, processes=1):
        with Client(server, timeout=demo.DEADLINE_SECONDS) as client:
            workload = b"%d " % arguments.width + picture
            result = client.do("resize", workload, on_event=progress)
    before, after = read_ppm(picture), read_ppm(result)
    print(f"{before[0]}x{before[1]} became {after[0]}x{after[1]}, CRC-32 {zlib.crc32(result):08x}")
    if arguments.files:
        arguments.files[1].write_bytes(result)


if __name__ == "__main__":
    main()
