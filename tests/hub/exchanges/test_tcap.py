# SPDX-License-Identifier: Apache-2.0
"""Pulling the hash list of Tech Against Terrorism, and files, by the package's own clients."""

import os

import pytest

from stemtide.hub.platform.errors import InvalidError
from stemtide.hub.rooms.exchanges.models import Record
from stemtide.hub.rooms.exchanges.sources.tx import file
from stemtide.hub.rooms.signals.models import Signal
from stemtide.interop.threatexchange.pulled import key_of
from tests.exchange_servers import HashList, serving
from tests.world import NOON, hex_value

NOON_S = int(NOON.timestamp())


@pytest.fixture
def hashes():
    return HashList()


@pytest.fixture
def server(hashes):
    with serving(hashes) as server:
        yield server


@pytest.fixture
def source(desk, server):
    desk.add("tcap", address=server.address, account="us", secret="open-sesame")
    return server


def test_digests_of_all_files_come_with_their_ideology(desk, source, hashes):
    hashes.put(hex_value(1), at=NOON_S)
    hashes.put(hex_value(2, digits=32), at=NOON_S, algorithm="MD5", file_type="jpg")
    hashes.put(hex_value(3), at=NOON_S, algorithm="SHA256", ideology="far-right")
    hashes.put("aa", at=NOON_S, algorithm="TMK")
    assert desk.run() == {"shared": 3}
    rows = Signal.objects.filter(shared_by=desk.party)
    found = dict(rows.values_list("kind", "ideology"))
    assert found == {"pdq": "jihadist", "md5": "jihadist", "sha256": "right-wing"}
    assert "not taken: 1 of type TMK" in desk.log()
    assert source.requests[0].headers["Authorization"] is None


def test_pages_are_followed_changes_come_later_and_deletions_end(desk, source, hashes):
    hashes.page = 2
    for number in range(1, 6):
        hashes.put(hex_value(number), at=NOON_S + number)
    assert desk.run() == {"shared": 5}
    assert desk.row.checkpoint == {"at": {"checkpoint": f"{NOON_S + 5}.25,5"}}
    assert hashes.sign_ins == 3
    assert desk.run() == {}
    assert source.requests[-1].query["after"] == f"{NOON_S + 5}.25,5"
    hashes.put(hex_value(2), at=NOON_S + 9, deleted=True)
    assert desk.run() == {"ended": 1}


def test_an_empty_list_is_no_trouble(desk, source):
    assert desk.run() == {}
    assert (desk.row.trouble, len(source.requests)) == ("", 2)
    assert desk.run() == {}


def test_bad_entries_cost_themselves_alone(desk, source, hashes):
    hashes.put(hex_value(1), at=NOON_S, unknown="field")
    hashes.put(7, at=NOON_S)
    hashes.put(hex_value(3), at=NOON_S)
    del hashes.entries[2]["file_type"]
    hashes.put("xyz-secret", at=NOON_S)
    rows = [*hashes.entries, "no object"]
    page = {"count": 5, "next": None, "previous": None, "checkpoint": "", "results": rows}
    signing_in = hashes

    def answer(request):
        return signing_in(request) if "token-auth" in request.path else (200, page)

    source.play = answer
    assert desk.run() == {"refused": 4, "shared": 1}
    assert not any("xyz-secret" in line for line in desk.log())


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((500, {}), "it answers 500"),
        ((200, b"<html>"), "its answer is not one that can be read (JSONDecodeError)"),
        ((200, []), "its answer is no page of hashes"),
        ((200, {"results": []}), "its answer is not one that can be read (KeyError)"),
    ],
)
def test_a_broken_answer_is_shown_with_its_reason(desk, source, hashes, answer, words):
    source.play = lambda one: hashes(one) if "token-auth" in one.path else answer
    assert desk.run() == {}
    assert desk.row.trouble == words


def test_a_clock_ahead_and_pages_without_end_are_errors(desk, source, hashes):
    hashes.put(hex_value(1), at=NOON_S)

    def again(request):
        status, page = hashes(request)
        return status, page | ({"next": "offset=0"} if "results" in page else {})

    source.play = again
    assert desk.run() == {"shared": 1}
    assert desk.row.trouble.startswith("it says that there is more, and brings nothing new")
    source.play = hashes
    hashes.put(hex_value(2), at=NOON_S + 10 * 86_400)
    desk.run()
    assert desk.row.trouble.startswith("its clock is wrong")


def test_without_a_user_name_it_says_so(desk, server):
    desk.add("tcap", address=server.address, secret="open-sesame")
    desk.run()
    assert desk.row.trouble == "it needs a user name and a password: give both"


@pytest.fixture
def lines(tmp_path, desk):
    path = tmp_path / "a list.txt"
    path.write_text("")
    address = f"file://{str(path).replace(' ', '%20')}"
    desk.add("tx-file", address=address, path="")
    return path


def test_a_file_is_read_and_lines_that_are_gone_have_ended(desk, lines):
    lines.write_text(
        f"pdq {hex_value(1)}\nvideo_md5 {hex_value(2, digits=32)}\n\n"
        f"video_sha256 {hex_value(3)}\nurl https://evil.example/a\nraw_text words\npdq xyz-secret\n"
    )
    assert desk.run() == {"shared": 4, "refused": 1}
    assert "not taken: 1 of type raw_text" in desk.log()
    assert not any("xyz-secret" in line for line in desk.log())
    seen = set(Record.objects.values_list("pk", "seen_at"))
    desk.later(minutes=5)
    assert desk.run() == {}
    assert set(Record.objects.values_list("pk", "seen_at")) == seen  # nothing was read again
    lines.write_text(f"pdq {hex_value(1)}\npdq {hex_value(9)}\n")
    desk.later(minutes=5)
    assert desk.run() == {"shared": 1, "ended": 3}
    assert desk.live() == sorted([hex_value(1), hex_value(9)])


def test_a_list_of_one_type_has_its_type_in_the_address(desk, tmp_path):
    (tmp_path / "list").write_text(f"{hex_value(1)}\n")
    desk.add("tx-file", address=f"file://{tmp_path}/list?type=pdq", path="")
    assert desk.run() == {"shared": 1}


def test_a_long_file_is_read_in_pages(desk, lines, monkeypatch):
    monkeypatch.setattr("stemtide.hub.rooms.exchanges.sources.tx.pull.PAGE", 3)
    lines.write_text("".join(f"pdq {hex_value(number)}\n" for number in range(1, 9)))
    assert desk.run() == {"shared": 8}
    assert desk.log().count("pulled: 3 shared") == 2


def test_a_file_that_cannot_be_read_ends_nothing(desk, lines, monkeypatch):
    lines.write_text(f"pdq {hex_value(1)}\n")
    desk.run()
    lines.rename(lines.with_suffix(".gone"))
    desk.run()
    assert desk.row.trouble == "there is no such file: look at the address"
    lines.write_bytes(b"\xff\xfe")
    desk.run()
    assert desk.row.trouble == "its answer is not one that can be read (UnicodeDecodeError)"
    lines.write_text("\n\n\n")
    monkeypatch.setattr(file, "MAX_LINES", 2)
    desk.run()
    assert desk.row.trouble == "the file has more than 2 lines: split it"
    monkeypatch.setattr(file, "MAX_BYTES", 2)
    desk.run()
    assert desk.row.trouble == "the file has more than 2 bytes: split it"
    assert desk.live() == [hex_value(1)]


@pytest.mark.parametrize("is_folder", [False, True], ids=["file", "folder"])
def test_no_symbolic_link_is_followed_to_a_file(desk, tmp_path, is_folder):
    """Who may write to the folder could have the hub read any file of its own."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "list").write_text(f"pdq {hex_value(1)}\n")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "other" / ("" if is_folder else "list"))
    desk.add("tx-file", address=f"file://{link / 'list' if is_folder else link}", path="")
    assert desk.run() == {}
    assert desk.row.trouble == "the address has a symbolic link: give the path of the file itself"


def test_only_a_regular_file_is_read(desk, lines):
    lines.unlink()
    os.mkfifo(lines)
    assert desk.run() == {}
    assert desk.row.trouble == "this is no regular file: look at the address"
    lines.unlink()
    lines.mkdir()
    desk.run()
    assert desk.row.trouble == "this is no regular file: look at the address"


def test_the_words_of_a_wrong_file_are_not_shown(desk, lines):
    """The log of an exchange is for people who may not read the hub's files."""
    lines.write_text("hub-Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6 a key\nPASSWORD=hunter2 more\nphotodna aa\n")
    assert desk.run() == {}
    (line,) = [line for line in desk.log() if line.startswith("not taken")]
    assert line == "not taken: 2 of type ?, 1 of type photodna"


def test_only_files_of_this_machine_are_addresses(desk):
    for address in ("https://host.example/list", "file://host/list", "/list"):
        with pytest.raises(InvalidError, match="file on the hub's machine"):
            desk.add("tx-file", address=address, path="")


@pytest.mark.parametrize("kind", ["tcap", "tx-file"])
def test_nothing_is_pushed_to_a_list(desk, kind):
    with pytest.raises(InvalidError, match="but not push to it"):
        desk.add(kind, address="file:///a", path="", direction="both")


@pytest.mark.parametrize("place", ["soon", "inf,1", "nan,1"])
def test_a_place_that_is_none_is_trouble_of_the_list_alone(desk, source, hashes, place):
    hashes.put(hex_value(1), at=NOON_S)
    signing_in = hashes

    def answer(request):
        status, body = signing_in(request)
        return status, body | ({"checkpoint": place} if "results" in body else {})

    source.play = answer
    assert desk.run() == {}
    assert desk.row.trouble == "its answer names no place from which to continue"


def test_a_name_has_no_characters_that_a_database_does_not_store():
    assert key_of("A\x00\u200b", "a value").startswith("A??:")
