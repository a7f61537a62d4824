# SPDX-License-Identifier: Apache-2.0
"""An export whose hub is odd, and one whose disk is full: one line, exit code 1, no file."""

import json
from io import BytesIO

import pytest
import typer
from starlette.responses import Response

from stemtide.cli.commands.signals.export import export_signals
from stemtide.cli.commands.signals.source import _process_rows
from stemtide.protocol.files.columns import HUB_HEADER, POSITION_HEADER, BulkFileError, Columns
from tests.cli.conftest import COMMAND, run_process
from tests.client.conftest import odd
from tests.rounds import rounds
from tests.world import hex_value

__all__ = ["odd"]

LINE = json.dumps({"kind": "md5", "value": hex_value(1, digits=32), "tlp": "green"}).encode()


def answer(body):
    told = {HUB_HEADER: "8c1f6f5f-0b0e-4a3a-9d3c-7b1d2e4f5a60", POSITION_HEADER: "7"}
    return Response(body, media_type="application/x-ndjson", headers=told)


def export(hub, file):
    with pytest.raises(typer.Exit) as ended:
        export_signals(to=str(file), hub=hub.url, key="st_x")
    assert ended.value.exit_code == 1


UNREADABLE = {
    "half a line": (answer(LINE + b"\n" + LINE[:9]), "ended in the middle of a line: try again"),
    "no JSON": (answer(LINE + b"\n<html>\n"), "answered something unreadable: JSON is malformed"),
    "web server": (
        Response("<html>", media_type="text/html"),
        "did not answer with an export of signals: is --hub right?",
    ),
    "no object": (answer(LINE + b"\n[5]\n"), "answered something unreadable: Expected `object`"),
    "no mark": (answer(b'{"kind": "md5"}\n'), "answered something unreadable: 'tlp'"),
    "endless line": (
        answer(b"x" * 20_000_000),
        "answered something unreadable: a line without an end",
    ),
}


@pytest.mark.parametrize(
    ("said", "line"), rounds([*UNREADABLE.values()][:2], nightly=[*UNREADABLE.values()])
)
def test_a_hub_that_is_none_is_told_and_nothing_is_written(odd, tmp_path, capsys, said, line):
    odd.says("/signals/export", said)
    export(odd, tmp_path / "a.jsonl")
    told = capsys.readouterr().err
    assert told.startswith("stemtide: ")
    assert line in told
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_empty_line_between_two_is_nothing(odd, tmp_path):
    odd.says("/signals/export", answer(LINE + b"\n\n" + LINE + b"\n"))
    export_signals(to=str(tmp_path / "a.jsonl"), hub=odd.url, key="st_x")
    assert (tmp_path / "a.jsonl").read_bytes().count(b"md5") == 2


def test_a_full_disk_is_told_and_nothing_is_left(odd, tmp_path, capsys):
    odd.says("/signals/export", answer(LINE + b"\n"))
    (tmp_path / "a.jsonl.part").symlink_to("/dev/full")
    export(odd, tmp_path / "a.jsonl")
    where = f"{tmp_path}/a.jsonl.part"
    said = capsys.readouterr().err
    assert said == f"stemtide: {where} cannot be written: No space left on device\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.nightly
def test_an_output_that_is_full_is_told(odd):
    odd.says("/signals/export", answer(LINE + b"\n"))
    told = run_process(
        *("signal", "export"),
        program=("/bin/sh", "-c", f'"{COMMAND}" "$@" > /dev/full', "sh"),
        STEMTIDE_HUB_URL=odd.url,
        STEMTIDE_KEY="st_x",
    )
    assert told.code == 1
    assert told.err.startswith("stemtide: stdout cannot be written: No space left on device\n")


def test_half_a_line_of_a_killed_reader_says_that_it_died():
    told = b'{"columns":["kind","value"],"rows":2}\n["md5","aa"]\n["md5","b'
    rows = _process_rows(BytesIO(told), Columns()).rows
    assert next(rows).outcome["value"] == "aa"
    with pytest.raises(BulkFileError, match="row 2: the process that reads the file crashed"):
        next(rows)
    with pytest.raises(BulkFileError, match="the process that reads the file crashed"):
        _process_rows(BytesIO(told[:9]), Columns())
