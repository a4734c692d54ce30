"""Jobs that a worker divides into others."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import Iterator, List

import pytest
from conftest import Server, working_on

from libgearman import Client, Job, JobException, JobFailed, Worker
from libgearman.worker import Combiner, Splitter

_numbers = itertools.count()


@pytest.fixture
def name() -> str:
    """A short name: the original's server limits that of a reducer."""
    return f"split-{os.getpid()}-{next(_numbers)}"


def words(job: Job) -> List[bytes]:
    return job.workload.split()


def total(parts: List[bytes]) -> bytes:
    return str(sum(int(part) for part in parts)).encode()


@contextlib.contextmanager
def splitting(
    server: Server, name: str, split: Splitter = words, combine: Combiner = total
) -> Iterator[Worker]:
    """A worker that divides the jobs of a function into jobs of another one, and one for those."""

    def length(job: Job) -> bytes:
        if job.workload == b"bad":
            raise JobFailed("a bad word")
        return str(len(job.workload)).encode()

    with working_on(server, {name + "-length": length}):
        with working_on(server, {}, prepare=lambda w: w.add_splitter(name, split, combine)) as one:
            yield one


def test_a_job_is_divided_and_the_results_are_combined(
    server: Server, client: Client, name: str
) -> None:
    with splitting(server, name):
        assert client.map_reduce(name, name + "-length", b"one three fourteen") == b"16"
        assert client.map_reduce(name, name + "-length", b"again") == b"5"


def test_the_results_of_the_parts_are_joined_by_default(
    server: Server, client: Client, name: str
) -> None:
    with splitting(server, name, combine=b"".join):
        result = client.map_reduce(name, name + "-length", b"a bb ccc")
        assert sorted(result) == sorted(b"123")


def test_a_job_without_parts_has_an_empty_result(
    server: Server, client: Client, name: str
) -> None:
    with splitting(server, name):
        assert client.map_reduce(name, name + "-length", b"   ") == b""


def test_a_part_that_fails_fails_the_job(server: Server, client: Client, name: str) -> None:
    with splitting(server, name):
        with pytest.raises(JobFailed):
            client.map_reduce(name, name + "-length", b"good bad")
        assert client.map_reduce(name, name + "-length", b"good") == b"4"


def test_an_exception_of_combine_reaches_the_client(
    server: Server, client: Client, name: str
) -> None:
    def combine(parts: List[bytes]) -> bytes:
        raise ValueError("too many")

    with splitting(server, name, combine=combine):
        with pytest.raises(JobException, match="too many"):
            client.map_reduce(name, name + "-length", b"a b")


def test_an_exception_of_split_reaches_the_client(
    server: Server, client: Client, name: str
) -> None:
    def split(job: Job) -> Iterator[bytes]:
        yield b"one"
        raise ValueError("not text")

    with splitting(server, name, split=split):
        with pytest.raises(JobException, match="not text"):
            client.map_reduce(name, name + "-length", b"x")


def test_splitter_and_combiner_have_to_be_functions() -> None:
    async def later(job: Job) -> List[bytes]:
        return []

    with Worker("127.0.0.1:1") as worker:
        with pytest.raises(TypeError, match="split must be callable"):
            worker.add_splitter("f", b"no function")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="combine must be callable"):
            worker.add_splitter("f", words, b"no function")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="asynchronous"):
            worker.add_splitter("f", later)  # type: ignore[arg-type]
