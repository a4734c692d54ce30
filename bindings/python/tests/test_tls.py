"""TLS: on our server, and on a server that uses Python's ssl."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from conftest import LONG, Server, free_port
from libgearman import AsyncClient, AsyncWorker, Client, GearmanError, SslSettings, Worker
from libgearman.tls import Ssl

_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
_SCRIPT = f"""
openssl req -x509 {_KEY} -days 9 -keyout ca.key -out ca.pem -subj /CN=authority
for name in server client; do
    openssl req {_KEY} -keyout $name.key -out $name.csr -subj /CN=$name
    echo subjectAltName=DNS:localhost,IP:127.0.0.1 >$name.ext
    openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 \\
        -extfile $name.ext -out $name.pem
done
"""
_VARIABLES = ("GEARMAND_CA_CERTIFICATE", "GEARMAN_TLS", "GEARMAN_TLS_VERIFY", "GEARMAN_SERVERS")

StartServer = Callable[..., Server]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with an authority, and certificates of a server and a client."""
    directory = tmp_path_factory.mktemp("certificates")
    script = ["sh", "-euc", _SCRIPT]
    subprocess.run(script, cwd=directory, check=True, capture_output=True)
    return directory


@pytest.fixture
def start_tls(own_server: StartServer, files: Path) -> Callable[..., tuple[str, Server]]:
    """Starts a server with a port for TLS; returns that port's address, and the server."""

    def start(*arguments: str) -> tuple[str, Server]:
        address = f"127.0.0.1:{free_port()}"
        options = [f"--ssl-listen={address}", f"--ssl-certificate={files / 'server.pem'}"]
        options += [f"--ssl-key={files / 'server.key'}", f"--ssl-ca-file={files / 'ca.pem'}"]
        return address, own_server(arguments=[*options, *arguments])

    return start


def is_served(address: str, setting: Ssl) -> bool:
    with Client(address, timeout=LONG, ssl=setting) as client:
        return len(client.do_background("f")) > 0


def test_jobs_are_submitted_and_done_over_tls(start_tls: Any, files: Path) -> None:
    address, _ = start_tls()
    setting = SslSettings(cafile=files / "ca.pem", verify="full")
    with Worker(address, ssl=setting) as worker, Client(address, timeout=LONG, ssl=setting) as client:
        worker.add_function("reverse", lambda job: job.workload[::-1])
        worker.timeout = LONG
        thread = threading.Thread(target=worker.work)
        thread.start()
        assert client.do("reverse", b"abc" * 40_000) == b"cba" * 40_000
        thread.join()


def test_asynchronous_jobs_are_submitted_and_done_over_tls(start_tls: Any, files: Path) -> None:
    address, _ = start_tls()
    setting = {"cafile": files / "ca.pem"}

    async def both() -> bytes:
        async with AsyncWorker(address, ssl=setting) as worker:

            async def reverse(job: Any) -> bytes:
                return bytes(reversed(job.workload))

            worker.add_function("reverse", reverse)
            running = asyncio.ensure_future(worker.run())
            async with AsyncClient(address, timeout=LONG, ssl=setting) as client:
                result = await client.do("reverse", b"abc")
            worker.stop()
            await running
            return result

    assert asyncio.run(both()) == b"cba"


def test_true_takes_the_files_of_the_environment(
    start_tls: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = start_tls()
    monkeypatch.setenv("GEARMAND_CA_CERTIFICATE", str(files / "ca.pem"))
    assert is_served(address, True)


@pytest.mark.parametrize("setting", [False, None])
def test_a_server_without_tls_is_refused_if_the_environment_asks_for_tls(
    own_server: StartServer, files: Path, monkeypatch: pytest.MonkeyPatch, setting: Ssl
) -> None:
    server = own_server()
    assert is_served(server.address, setting)
    monkeypatch.setenv("GEARMAN_TLS", "on")
    monkeypatch.setenv("GEARMAND_CA_CERTIFICATE", str(files / "ca.pem"))
    with pytest.raises(GearmanError, match="TLS"):
        is_served(server.address, setting)


def test_a_scheme_asks_for_tls_without_a_setting(
    start_tls: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address, _ = start_tls()
    monkeypatch.setenv("GEARMAND_CA_CERTIFICATE", str(files / "ca.pem"))
    assert is_served(f"tls://{address}", None)


def test_full_verification_refuses_another_name(start_tls: Any, files: Path) -> None:
    address, _ = start_tls()
    setting = {"cafile": files / "ca.pem", "server_name": "elsewhere"}
    assert is_served(address, setting)
    with pytest.raises(GearmanError, match="not for 'elsewhere'"):
        is_served(address, {**setting, "verify": "full"})


def test_an_unknown_authority_is_accepted_only_without_verification(
    start_tls: Any, files: Path
) -> None:
    address, _ = start_tls()
    setting = {"cafile": files / "client.pem"}
    with pytest.raises(GearmanError, match="is not signed by an authority"):
        is_served(address, setting)
    assert is_served(address, {**setting, "verify": "none"})


def test_a_missing_file_is_named(start_tls: Any) -> None:
    address, _ = start_tls()
    with pytest.raises(GearmanError, match="/nonexistent.pem"):
        is_served(address, SslSettings(cafile="/nonexistent.pem"))


def test_a_server_that_requires_it_gets_the_clients_certificate(
    start_tls: Any, files: Path
) -> None:
    address, _ = start_tls("--ssl-verify-client=required")
    setting = {"cafile": files / "ca.pem"}
    with pytest.raises(GearmanError):
        is_served(address, setting)
    shown = {"certfile": files / "client.pem", "keyfile": files / "client.key"}
    assert is_served(address, {**setting, **shown})


@pytest.mark.parametrize(
    ("setting", "error", "text"),
    [
        ({"ca": "x"}, TypeError, "no setting 'ca'"),
        ({"verify": "maybe"}, ValueError, "'full', 'ca' or 'none'"),
        ({"cafile": "a\0b"}, ValueError, "NUL"),
        ({"server_name": 5}, TypeError, "must be str"),
        (ssl.create_default_context(), TypeError, "without Python's ssl"),
    ],
)
def test_what_is_no_setting_is_refused(setting: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Client("127.0.0.1:1", ssl=setting)


@pytest.fixture
def python_server(files: Path) -> Iterator[str]:
    """The address of a server that answers one packet with its body, over Python's ssl."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "server.pem", files / "server.key")
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(LONG)

    def serve() -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as stream:
            header = stream.recv(12, 0)
            (size,) = struct.unpack(">I", header[8:])
            body = b""
            while len(body) < size:
                body += stream.recv(size - len(body))
            stream.sendall(b"\0RES" + struct.pack(">II", 17, size) + body)
            stream.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    yield "127.0.0.1:%d" % listener.getsockname()[1]
    thread.join()
    listener.close()


def test_a_server_of_pythons_ssl_is_spoken_to(python_server: str, files: Path) -> None:
    setting = SslSettings(cafile=files / "ca.pem", verify="full")
    with Client(python_server, timeout=LONG, exceptions=False, ssl=setting) as client:
        client.echo(b"x" * 50_000)
