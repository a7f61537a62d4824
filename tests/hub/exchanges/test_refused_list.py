# SPDX-License-Identifier: Apache-2.0
"""Keeping the list of refused values up to date from NCMEC, by the package's own client."""

import json
import sqlite3
import stat
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from stemtide.hub.rooms.exchanges.sources.source import SourceClient
from stemtide.hub.rooms.exchanges.sources.tx import refused_list
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.refused_values import read_refused_values
from stemtide.hub.rooms.signals.rules.signals import RefusedContentError
from tests.exchange_servers import HashSharing, serving
from tests.rounds import rounds
from tests.world import hex_value

ADDRESS = "/hashsharing"


@pytest.fixture
def sharing():
    return HashSharing()


@pytest.fixture
def server(sharing):
    with serving(sharing) as server:
        yield server


@pytest.fixture
def update(server, sharing, tmp_path):
    path = tmp_path / "refused.txt"

    def run(*, address=None):
        endpoint = refused_list.endpoint_of(
            address or server.address + ADDRESS, account="us", secret="open-sesame", loopback=True
        )
        client = SourceClient(endpoint, until=time.monotonic() + 60, now=datetime.now(UTC))
        return refused_list.update_list(path, client=client)

    def pass_time():
        """Let an hour pass for what changes now."""
        sharing.pass_s(3600)
        position = json.dumps({"get_entries_max_ts": sharing.now_s - 30, "paging_info": None})
        with closing(sqlite3.connect(f"{path}.entries")) as database, database:
            database.execute("UPDATE source SET checkpoint = ?", [position])

    run.path, run.pass_time = path, pass_time
    return run


def md5(number):
    return hex_value(number, digits=32)


def test_values_are_written_as_the_hub_reads_them(update, sharing):
    sharing.put("image1", md5=md5(1), sha1=hex_value(1, digits=40), pdq=hex_value(1), pdna="a1a1")
    sharing.put("video1", kind="video", md5=md5(2).upper())
    sharing.put("image2", md5=md5(1))  # of two members
    sharing.put("image3", md5="no hex")
    result = update()
    assert (result.values, result.changed, result.faults, result.why) == (4, 4, 1, "")
    assert result.others == {"pdna": 1}
    values = read_refused_values(update.path)
    assert values.holds([("md5", md5(1)), ("md5", md5(2)), ("pdq", hex_value(1))]) == [True] * 3
    assert stat.S_IMODE(update.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(update.path.with_name("refused.txt.entries").stat().st_mode) == 0o600


def test_changes_and_deletions_follow_and_what_another_entry_has_stays(update, sharing, server):
    sharing.put("image1", md5=md5(1))
    sharing.put("image2", md5=md5(1), sha1=hex_value(2, digits=40))
    sharing.put("image3", md5=md5(3))
    update()
    asked = len(server.requests)
    update.pass_time()
    sharing.delete("image1")
    sharing.delete("image3")
    sharing.put("image2", md5=md5(1))
    assert update().values == 1
    assert update.path.read_text().splitlines()[1:] == [f"md5:{md5(1)}"]
    assert server.requests[asked].query["from"] > "2020"


def test_pages_of_one_window_are_followed_and_a_broken_one_is_read_again(update, sharing, server):
    sharing.put("image1", md5=md5(1))
    update()
    update.pass_time()
    sharing.size = 2
    for number in range(2, 8):
        sharing.put(f"image{number}", md5=md5(number))
    whole = server.play
    server.play = lambda one: whole(one) if one.query.get("start", "0") < "4" else (500, b"")
    broken = update()
    assert (broken.why, broken.values) == ("it answers 500", 5)
    server.play = whole
    assert update().values == 7


def test_a_value_of_the_list_is_refused_whatever_its_label(update, sharing, world, settings):
    sharing.put("image1", md5=md5(1))
    update()
    settings.REFUSED_VALUES_FILE = str(update.path)
    with pytest.raises(RefusedContentError, match="is on a list of it"):
        world.share(kind="md5", value=md5(1))
    assert not Signal.objects.exists()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ((401, b""), "it refuses our key (401): give another"),
        ((500, b""), "it answers 500"),
        ((200, b"<html>"), "its answer is not one that can be read (ParseError)"),
        ((200, b"<queryResult><images><image/></images></queryResult>"), "(Exception)"),
    ][:: rounds(2, nightly=1)],
)
def test_a_broken_answer_leaves_the_list_as_it_was(update, sharing, server, answer, why):
    sharing.put("image1", md5=md5(1))
    update()
    server.play = lambda _request: answer
    update.pass_time()
    result = update()
    assert why in result.why
    assert (result.values, read_refused_values(update.path).holds([("md5", md5(1))])) == (1, [True])


def test_a_source_that_becomes_empty_leaves_the_last_list(update, sharing):
    sharing.put("image1", md5=md5(1))
    update()
    update.pass_time()
    sharing.delete("image1")
    assert update().values == 0
    assert len(read_refused_values(update.path)) == 1


def test_the_entries_of_one_list_are_not_mixed_with_those_of_another(update, server):
    update()
    with pytest.raises(refused_list.OtherSourceError, match="another source"):
        update(address=f"{server.address}/exploitative")


def test_a_page_that_leads_to_another_server_does_not_get_our_password(update, sharing, server):
    sharing.put("image1", md5=md5(1))
    update(address=server.address)
    whole = server.play

    def astray(request):
        _, body = whole(request)
        onward = b"<paging><next>@127.0.0.2/x?start=1&amp;size=1&amp;max=2</next></paging>"
        return 200, body.replace(b"</queryResult>", onward + b"</queryResult>")

    server.play = astray
    update.pass_time()
    sharing.put("image2", md5=md5(2))
    result = update(address=server.address)
    assert result.why == "it leads to another server: that is not followed"


def test_only_the_entries_beside_the_list_have_a_checkpoint(update, sharing):
    sharing.put("image1", md5=md5(1))
    update()
    with sqlite3.connect(update.path.with_name("refused.txt.entries")) as database:
        ((address, stored),) = database.execute("SELECT * FROM source").fetchall()
    assert address.endswith(ADDRESS)
    assert json.loads(stored)["get_entries_max_ts"] > 1_700_000_000
