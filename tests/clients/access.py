"""PyPI's gearman3: a refused and an allowed job. Argument: a port."""

import array
import sys
import types

import gearman
import gearman.connection

if not hasattr(array.array, "fromstring"):

    class Array(array.array):
        """With the methods that Python lost in 3.9, and gearman3 uses."""

        fromstring = array.array.frombytes
        tostring = array.array.tobytes

        def __getitem__(self, place):
            found = super().__getitem__(place)
            return Array(self.typecode, found) if isinstance(place, slice) else found

    gearman.connection.array = types.SimpleNamespace(array=Array)

# It writes an ERROR of the server to its log, and waits on for the result.
for function, seconds in [("secret", 1.0), ("open", 60.0)]:
    client = gearman.GearmanClient(["127.0.0.1:" + sys.argv[1]])
    job = client.submit_job(function, b"hello", poll_timeout=seconds)
    print(function, "no result" if job.timed_out else job.result.decode())
