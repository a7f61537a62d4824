# SPDX-License-Identifier: Apache-2.0
"""What an import and a follower do where the hub is away, not well, or asks for a pause."""

import json

import pytest
import typer
from starlette.responses import Response

from stemtide.cli.commands.signals import bulks as signal_bulks
from stemtide.cli.commands.signals.bulks import ImportOptions, send_all
from stemtide.cli.commands.signals.source import Source
from stemtide.cli.hub_client import open_client
from stemtide.protocol.files.columns import BulkFileError, ParsedLine
from tests.client.conftest import odd, problem_answer
from tests.world import hex_value

__all__ = ["odd"]

BULK = "/signals/bulk"
DONE = json.dumps({"created": 1, "existing": 0, "refused": 0, "signals": [None], "errors": []})


def row(line):
    return ParsedLine(line, {"kind": "md5", "value": hex_value(line, digits=32)})


def send(hub, rows, **way):
    """Send rows, with pauses that no test has to wait for."""
    with open_client(hub.url, "st_x") as client:
        return send_all(client, Source(iter(rows), 0, lambda: 0), ImportOptions(**way))


@pytest.fixture(autouse=True)
def _in_haste(monkeypatch):
    monkeypatch.setattr(signal_bulks, "_PAUSES_S", (0.01, 0.01))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_bulk_is_sent_again_where_the_hub_is_not_well(odd, status):
    odd.says(BULK, problem_answer(status, "in a moment"), Response("<html>", status), DONE)
    assert send(odd, [row(1)]) == 0
    first, second, third = (body for _, _, _, body in odd.asked)
    assert first == second == third


def test_a_hub_that_stays_away_ends_the_import_and_what_was_shared_is_said(
    odd, capsys, monkeypatch
):
    monkeypatch.setattr(signal_bulks, "AT_ONCE", 1)
    odd.says(BULK, DONE, problem_answer(503, "in a moment"))
    with pytest.raises(typer.Exit):
        send(odd, [row(1), row(2)], as_json=True)
    said = capsys.readouterr()
    assert len(odd.asked) == 4
    assert "go on with --from 2" in said.err
    assert said.err.endswith("stemtide: in a moment\n")
    (sums,) = map(json.loads, said.out.splitlines())
    assert (sums["created"], sums["reached"]) == (1, 1)


def test_a_bulk_waits_while_another_of_the_party_is_under_way(odd, capsys):
    odd.says(BULK, problem_answer(429, "another bulk", Retry_After="1"), DONE)
    assert send(odd, [row(1)], goes_on=True) == 0
    assert len(odd.asked) == 2
    assert "the hub asks to wait 1 s; the command then continues" in capsys.readouterr().err


def test_a_hub_that_asks_for_a_long_pause_is_left_alone(odd, capsys):
    odd.says(BULK, problem_answer(429, "tomorrow", Retry_After="3600"))
    with pytest.raises(typer.Exit):
        send(odd, [row(1)])
    assert len(odd.asked) == 1
    assert capsys.readouterr().err.endswith("stemtide: tomorrow\n")


def test_a_file_that_breaks_off_gives_its_sums(odd, capsys, monkeypatch):
    def rows():
        yield row(1)
        raise BulkFileError("line 2: is odd")

    monkeypatch.setattr(signal_bulks, "AT_ONCE", 1)
    with pytest.raises(typer.Exit):
        send(odd, rows(), as_json=True)
    (sums,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (sums["created"], sums["reached"]) == (0, 0)


def test_a_follower_leaves_a_hub_alone_that_asks_for_a_long_pause(stemtide, odd):
    page = {"hub": "8c1f6f5f-0b0e-4a3a-9d3c-7b1d2e4f5a60", "entries": [], "next": 0}
    page |= {"head": 0, "more": False}
    odd.says("/feed", json.dumps(page))
    odd.says("/events/stream", problem_answer(429, "tomorrow", Retry_After="3600"))
    said = stemtide("feed", "follow", STEMTIDE_HUB_URL=odd.url, STEMTIDE_KEY="st_x")
    assert (said.code, said.err) == (1, "stemtide: tomorrow\n")
    assert [url.rpartition("/")[2].partition("?")[0] for _, url, _, _ in odd.asked] == [
        "feed",
        "stream",
    ]
