"""How servers are told to clients and workers."""

from __future__ import annotations

import re
from typing import Any, Callable

import pytest

from conftest import Server, free_port
from libgearman import Client, ConnectionFailed, ReturnCode, Worker

_FORMS = 'must be "host:port", ("host", port), or a list of these'


@pytest.mark.parametrize(
    ("servers", "error", "text"),
    [
        ([], ValueError, "no servers given"),
        ("", ValueError, "servers must not be empty"),
        (" , ", ValueError, "no servers given in ' , '"),
        (4730, TypeError, f"servers {_FORMS}, not 4730"),
        ([12], TypeError, f"a server {_FORMS}, not 12"),
        ("localhost:high", ValueError, f"a server {_FORMS}, not 'localhost:high'"),
        ("localhost 4730", ValueError, f"a server {_FORMS}, not 'localhost 4730'"),
        ("http://localhost:4730", ValueError, f"a server {_FORMS}, not 'http://localhost:4730'"),
        ("localhost:", ValueError, f"a server {_FORMS}, not 'localhost:'"),
        ("a:1,b:70000", ValueError, f"a server {_FORMS}, not 'b:70000'"),
        ("a:1:2", ValueError, f"a server {_FORMS}, not 'a:1:2'"),
        (("localhost", "4730"), ValueError, f"a server {_FORMS}, not '4730'"),
        ([("localhost", "4730")], TypeError, "must be an int, as in ('localhost', 4730)"),
        (("localhost", True), TypeError, "must be an int, as in ('localhost', 4730)"),
        ([("localhost", 70000)], ValueError, "port must be from 1 to 65535, not 70000"),
        ({"host": "localhost", "port": 4730}, TypeError, f"servers {_FORMS}, not {{"),
    ],
)
def test_what_is_no_server_is_refused_with_the_right_form(
    servers: Any, error: type[Exception], text: str
) -> None:
    for kind in (Client, Worker):
        with pytest.raises(error, match=re.escape(text)):
            kind(servers)


@pytest.mark.parametrize(
    ("servers", "addresses"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1 : 4731 , ::1,", "127.0.0.1 : 4731 , ::1,"),
        ("[::1]:4731", "[::1]:4731"),
        ("fe80::1%lo", "fe80::1%lo"),
        (":4731", ":4731"),
        ("/run/gearmand.sock", "/run/gearmand.sock"),
        ("tls://127.0.0.1:4731", "tls://127.0.0.1:4731"),
        (("127.0.0.1", 4731), "127.0.0.1:4731"),
        (["127.0.0.1", 4731], "127.0.0.1:4731"),
        (["127.0.0.1:1", b"127.0.0.1:2", ("127.0.0.1", 3)], "127.0.0.1:1,127.0.0.1:2,127.0.0.1:3"),
        (("127.0.0.1:1", "127.0.0.1:2"), "127.0.0.1:1,127.0.0.1:2"),
        ((("127.0.0.1", 1), ("127.0.0.1", 2)), "127.0.0.1:1,127.0.0.1:2"),
    ],
)
def test_servers_are_taken_as_people_write_them(servers: Any, addresses: str) -> None:
    for kind in (Client, Worker):
        with kind(servers) as one:
            assert repr(one) == f"<libgearman.{kind.__name__} {addresses}>"


def test_the_last_server_is_tried_first(own_server: Callable[..., Server], name: str) -> None:
    first, last = own_server(), own_server()
    servers: list[str | tuple[str, int]] = [("127.0.0.1", first.port), last.address]
    with Client(servers) as client:
        client.do_background(name)
    assert (first.queued(name), last.queued(name)) == (0, 1)
    last.stop()
    with Client(servers) as client:
        client.do_background(name)
    assert first.queued(name) == 1


def test_servers_come_from_the_environment(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEARMAN_SERVERS", server.address)
    with Client() as client:
        client.do_background(name)
    assert server.queued(name) == 1


def test_given_servers_go_before_the_environment_s(
    server: Server, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEARMAN_SERVERS", f"127.0.0.1:{free_port()}")
    with Client(server.address) as client:
        client.echo()


def test_servers_can_be_changed(server: Server, name: str) -> None:
    with Client([("127.0.0.1", free_port())]) as client:
        client.remove_servers()
        with pytest.raises(ConnectionFailed) as caught:
            client.do_background(name)
        assert caught.value.code is ReturnCode.NO_SERVERS
        client.add_servers(server.address)
        client.do_background(name)
