"""The encoding of exceptions, without a server."""

from __future__ import annotations

import json

import pytest

from libgearman import exception_body


class Custom(Exception):
    """An exception of a program."""


class Unprintable(Exception):
    """An exception whose __str__ raises."""

    def __str__(self) -> str:
        raise RuntimeError


def raised(exception: Exception) -> Exception:
    try:
        raise exception
    except Exception as caught:
        return caught


def test_the_body_is_json_that_any_language_reads() -> None:
    fields = json.loads(exception_body.encode(raised(ValueError("bad ü"))).decode("ascii"))
    assert fields["gearman_exception"] == 1
    assert (fields["type"], fields["message"]) == ("ValueError", "bad ü")
    assert fields["traceback"].endswith("ValueError: bad ü\n")
    assert set(fields) == {"gearman_exception", "type", "message", "traceback"}


def test_what_was_encoded_is_decoded() -> None:
    error = exception_body.decode(exception_body.encode(raised(Custom("mine \udcff"))))
    assert error.type == f"{__name__}.Custom" and error.message == "mine \udcff"
    assert error.traceback is not None and "raise exception" in error.traceback


def test_the_cause_is_in_the_traceback() -> None:
    try:
        try:
            raise KeyError("first")
        except KeyError as cause:
            raise Custom("second") from cause
    except Custom as caught:
        error = exception_body.decode(exception_body.encode(caught))
    assert error.traceback is not None and "KeyError: 'first'" in error.traceback


def test_an_exception_without_a_message_is_its_type() -> None:
    assert str(exception_body.decode(exception_body.encode(Custom()))) == f"{__name__}.Custom"


def test_an_exception_whose_text_cannot_be_had_is_told_all_the_same() -> None:
    error = exception_body.decode(exception_body.encode(raised(Unprintable())))
    assert error.message == "<unprintable>"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"died\n",
        b"\xff\xfe",
        b"{}",
        b"[1]",
        b"12",
        b'{"type": "E", "message": "m"}',
        b'{"gearman_exception": 2, "type": "E", "message": "m"}',
        b'{"gearman_exception": 1, "type": 1, "message": "m"}',
        b'{"gearman_exception": 1, "type": "E"}',
        b"[" * 100_000,
    ],
)
def test_another_body_is_kept_as_it_is(body: bytes) -> None:
    error = exception_body.decode(body)
    assert error.body == body
    assert error.type is error.message is error.traceback is None


def test_a_traceback_is_not_required() -> None:
    error = exception_body.decode(b'{"gearman_exception": 1, "type": "E", "message": "m"}')
    assert (error.type, error.message, error.traceback) == ("E", "m", None)
    assert str(error) == "E: m"
