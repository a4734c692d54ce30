"""Servers that are lost, and the choice of a server by a job's unique id."""

from __future__ import annotations

import socket
import threading
from typing import Any, Iterator

import pytest

from libgearman import (
    AsyncClient,
    AsyncWorker,
    Client,
    ConnectionFailed,
    EventKind,
    ReturnCode,
    Worker,
)


@pytest.fixture
def dying() -> Iterator[str]:
    """The address of a server that closes each connection after the first request."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield "127.0.0.1:%d" % listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def jobs(server: Any, function: str) -> int:
    return int(server.queued(function))


def test_equal_unique_ids_meet_at_one_server(own_server: Any) -> None:
    one, two = own_server(), own_server()
    lists = ([one.address, two.address], [two.address, one.address])
    for servers in lists:
        with Client(servers, select_by_unique=True) as client:
            assert client.select_by_unique
            for number in range(40):
                client.do_background("f", unique=f"id-{number}")
    assert jobs(one, "f") + jobs(two, "f") == 40
    assert jobs(one, "f") > 0 and jobs(two, "f") > 0


def test_the_choice_by_unique_ids_is_off_by_default(server: Any) -> None:
    with Client(server.address) as client:
        assert not client.select_by_unique
        client.select_by_unique = True
        assert client.select_by_unique


def test_a_lost_job_is_not_submitted_again_by_default(
    server: Any, dying: str, name: str
) -> None:
    with Client([server.address, dying], exceptions=False) as client:
        assert client.resubmissions == 0
        with pytest.raises(ConnectionFailed) as raised:
            client.do_background(name, unique="id")
        assert raised.value.code is ReturnCode.LOST_CONNECTION
    assert jobs(server, name) == 0


def test_a_lost_job_is_submitted_again_to_the_next_server(
    server: Any, dying: str, name: str
) -> None:
    with Client([server.address, dying], exceptions=False, resubmissions=1) as client:
        client.do_background(name, unique="id")
    assert jobs(server, name) == 1


def test_a_lost_background_job_without_a_unique_id_is_not_submitted_again(
    server: Any, dying: str, name: str
) -> None:
    with Client([server.address, dying], exceptions=False, resubmissions=1) as client:
        with pytest.raises(ConnectionFailed):
            client.do_background(name)
    assert jobs(server, name) == 0


def test_the_environment_sets_the_number_of_resubmissions(
    server: Any, dying: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEARMAN_RESUBMISSIONS", "2")
    with Client([server.address, dying], exceptions=False) as client:
        assert client.resubmissions == 2
        client.do_background(name, unique="id")
    assert jobs(server, name) == 1


def test_a_number_of_resubmissions_that_is_out_of_range_is_refused(server: Any) -> None:
    for number in (-1, 65536):
        with pytest.raises(ValueError, match=str(number)):
            Client(server.address, resubmissions=number)


@pytest.mark.parametrize("kind", [Client, Worker])
def test_a_vanished_host_is_noticed_after_the_time_of_the_caller_or_the_environment(
    server: Any, kind: type[Client] | type[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    with kind(server.address) as handle:
        assert handle.keepalive == 120
        handle.keepalive = 0
        assert handle.keepalive == 0
    monkeypatch.setenv("GEARMAN_KEEPALIVE", "30")
    with kind(server.address) as handle:
        assert handle.keepalive == 30
    with kind(server.address, keepalive=45) as handle:
        assert handle.keepalive == 45


@pytest.mark.parametrize("kind", [Client, Worker, AsyncClient, AsyncWorker])
def test_a_time_that_the_system_does_not_take_is_refused(server: Any, kind: Any) -> None:
    for seconds in (-1, 1, 32768):
        with pytest.raises(ValueError, match=str(seconds)):
            kind(server.address, keepalive=seconds)


def test_a_lost_task_is_told_once_as_an_error(
    server: Any, dying: str, name: str
) -> None:
    kinds: list[EventKind] = []
    with Client([server.address, dying], exceptions=False) as client:
        task = client.add_task(name, on_event=lambda event: kinds.append(event.kind))
        client.run_tasks()
        assert kinds == [EventKind.ERROR]
        assert task.code is ReturnCode.LOST_CONNECTION


def test_an_asynchronous_client_takes_the_same_settings(server: Any) -> None:
    client = AsyncClient(server.address, select_by_unique=True, resubmissions=3)
    assert client._client.select_by_unique and client._client.resubmissions == 3
    client.close()
