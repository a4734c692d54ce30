"""Submits background jobs to two servers by PyPI's py3gearman, until its standard input ends.
Prints a line per call: "acked" or what went wrong, the number of the job, and the milliseconds of
the call. Arguments: two ports."""

import select
import sys
import time

from py3gearman import GearmanClient
from py3gearman.constants import JOB_CREATED

SERVERS = ["127.0.0.1:" + port for port in sys.argv[1:3]]

client = GearmanClient(SERVERS)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    began = time.monotonic()
    try:
        request = client.submit_job(
            "record", "py-%d" % number, background=True, wait_until_complete=False, poll_timeout=2.0
        )
        outcome = "acked" if request.state == JOB_CREATED else "state-" + str(request.state)
    except Exception as error:
        outcome = type(error).__name__
        # Its connections are not used again once they have failed.
        client = GearmanClient(SERVERS)
    print("%s py-%d %.1f" % (outcome, number, (time.monotonic() - began) * 1000), flush=True)
    number += 1
