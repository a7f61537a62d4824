# SPDX-License-Identifier: Apache-2.0
"""Lines of the log: for people or programs, with the request, and without secrets."""

import io
import json
import logging

import pytest

from stemtide.logs import LogFormat, note_party, request_log, stderr_handler, without_secrets

SECRET = "st_ab12cd34_Zm9vYmFyYmF6-_x"


@pytest.fixture(params=list(LogFormat))
def lines(request):
    """A logger of a format, and what it wrote."""
    stream = io.StringIO()
    logger = logging.Logger("stemtide.test")  # noqa: LOG001  # apart from pytest's
    logger.addHandler(stderr_handler(request.param, stream))
    return logger, stream, request.param


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mail to jane.doe+x@police.example fails", "mail to … fails"),
        (f"key {SECRET} is wrong", "key st_ab12cd34_… is wrong"),
        ("Internal Server Error: /invited/abc-_9", "Internal Server Error: /invited/…"),
        ("GET /acknowledge/x/do/agree", "GET /acknowledge/…"),
        ("'/complain/x' fails", "'/complain/…' fails"),
        ("/set-up/x", "/set-up/…"),
        ("crisis 5 at /crises/5", "crisis 5 at /crises/5"),
    ],
)
def test_secrets_and_mail_addresses_are_in_no_line(lines, text, shown):
    logger, stream, _ = lines
    logger.warning("%s", text)
    assert shown in stream.getvalue()
    assert stream.getvalue().count("\n") == 1


def test_json_has_the_place_of_an_error_and_not_its_text():
    stream = io.StringIO()
    logger = logging.Logger("stemtide.test")  # noqa: LOG001
    logger.addHandler(stderr_handler(LogFormat.JSON, stream))
    try:
        int("a value of somebody")
    except ValueError:
        logger.exception("a job fails")
    row = json.loads(stream.getvalue())
    assert (row["level"], row["logger"], row["message"]) == (
        "ERROR",
        "stemtide.test",
        "a job fails",
    )
    assert row["error"] == "ValueError"
    assert "test_logs.py" in row["where"][-1]
    assert "somebody" not in stream.getvalue()
    assert row["time"].endswith("+00:00")


def test_lines_of_a_request_have_its_id_and_its_party_alone():
    stream = io.StringIO()
    logger = logging.Logger("stemtide.test")  # noqa: LOG001
    logger.addHandler(stderr_handler(LogFormat.JSON, stream))
    note_party("nobody")  # outside of a request: of none
    with request_log() as first:
        logger.warning("a")
        note_party("agency")
        logger.warning("b")
    with request_log() as second:
        logger.warning("c")
    logger.warning("d")
    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(row.get("request"), row.get("party")) for row in rows] == [
        *((first, None), (first, "agency"), (second, None), (None, None)),
    ]


def test_a_line_break_in_a_message_makes_no_second_line_of_json():
    stream = io.StringIO()
    logger = logging.Logger("stemtide.test")  # noqa: LOG001
    logger.addHandler(stderr_handler(LogFormat.JSON, stream))
    logger.warning("%s", 'x\n{"level": "ERROR"}')
    assert len(stream.getvalue().splitlines()) == 1


def test_a_long_text_of_a_caller_is_cut_off():
    assert len(without_secrets("a" * 10_000_000)) <= 20_000
