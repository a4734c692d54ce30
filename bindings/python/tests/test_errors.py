"""The texts of exceptions, and the C library's own text as their detail."""

from __future__ import annotations

import pytest

from conftest import Server, free_port
from libgearman import (
    Client,
    ConnectionFailed,
    GearmanError,
    InvalidArgument,
    JobFailed,
    ReturnCode,
    ServerError,
    TimedOut,
    UsageError,
    Worker,
)
from libgearman.errors import error_of


def test_a_server_that_cannot_be_reached_is_named() -> None:
    port = free_port()
    with Client([("127.0.0.1", port)]) as client:
        with pytest.raises(ConnectionFailed) as caught:
            client.echo()
    assert str(caught.value) == f"no job server can be reached: 127.0.0.1:{port}"
    assert caught.value.code is ReturnCode.COULD_NOT_CONNECT
    assert "GEARMAN_COULD_NOT_CONNECT" in caught.value.detail


def test_a_worker_s_error_names_its_server() -> None:
    port = free_port()
    with Worker([("127.0.0.1", port)]) as worker:
        worker.add_function("f", lambda job: None)
        with pytest.raises(ConnectionFailed) as caught:
            worker.work()
    assert str(caught.value) == f"no job server can be reached: 127.0.0.1:{port}"


def test_a_timeout_tells_its_seconds_and_the_server(server: Server, name: str) -> None:
    with Client(server.address, timeout=0.05) as client:
        with pytest.raises(TimedOut) as caught:
            client.do(name)
    expected = f"no job server answered within 0.05 seconds: {server.address}"
    assert str(caught.value) == expected
    assert caught.value.code is ReturnCode.TIMEOUT


def test_a_client_without_servers_says_so(name: str) -> None:
    with Client([("127.0.0.1", free_port())]) as client:
        client.remove_servers()
        with pytest.raises(ConnectionFailed) as caught:
            client.do_background(name)
    assert str(caught.value) == "no job server was added"
    assert "GEARMAN_NO_SERVERS" in caught.value.detail


@pytest.mark.parametrize(
    ("function", "unique", "text"),
    [
        ("f" * 513, None, "the function name is longer than 512 bytes"),
        ("f", "u" * 65, "the unique id is longer than 64 bytes"),
    ],
)
def test_an_invalid_argument_is_named(
    server: Server, function: str, unique: str | None, text: str
) -> None:
    with Client(server.address) as client:
        with pytest.raises(InvalidArgument) as caught:
            client.do_background(function, unique=unique)
    assert str(caught.value) == text
    assert "GEARMAN_INVALID_ARGUMENT" in caught.value.detail


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("two words", "the identifier has characters that are not printable"),
        ("i" * 255, "the identifier is longer than 254 bytes"),
    ],
)
def test_an_invalid_identifier_is_named(identifier: str, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        Client([("127.0.0.1", free_port())], identifier=identifier)
    assert str(caught.value) == text


def test_the_reason_of_a_server_is_part_of_the_text() -> None:
    detail = "gearman_client(GEARMAN_SERVER_ERROR) unknown:no such thing -> file:1: pid(2)"
    error = error_of(ReturnCode.SERVER_ERROR, detail)
    assert isinstance(error, ServerError)
    assert str(error) == "the job server refused the request: unknown:no such thing"
    assert error.detail == detail


@pytest.mark.parametrize("code", [code for code in ReturnCode if code is not ReturnCode.SUCCESS])
def test_no_text_has_the_form_of_c(code: ReturnCode) -> None:
    detail = f"gearman_wait(GEARMAN_{code.name}) text -> file:1: pid(2)"
    error = error_of(code, detail, "localhost:4730", 1.5)
    assert "GEARMAN_" not in str(error) and "{" not in str(error)
    assert (error.code, error.detail) == (code, detail)


def test_an_error_of_this_package_has_no_detail() -> None:
    errors: list[GearmanError] = [UsageError("in use"), JobFailed()]
    assert [error.detail for error in errors] == ["", ""]
