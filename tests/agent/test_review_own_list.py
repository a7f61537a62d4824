# SPDX-License-Identifier: Apache-2.0
"""The agent's own list on the review page: search, add, end, put back, files, what it matched."""

import hashlib
import json
import re
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from stemtide.agent.outbox import actions
from stemtide.agent.recognise.own_list import OwnListError, read_file
from stemtide.agent.store.database import Store
from stemtide.agent.store.schema import connect
from stemtide.protocol.sync.allowlists import MAX_LIST
from tests.agent.test_review import ON, Moderator, config, held, wait_event
from tests.agent.world import agent_of, config_of, picture, sha256
from tests.rounds import rounds

__all__ = ["config"]

ONE, TWO = sha256(b"one"), sha256(b"two")
OURS = {"reason": "our own trailer", "source": "our studio"}


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


@pytest.fixture
def ben(agent, config):
    with Moderator(agent, config, "Ben") as moderator:
        yield moderator


def add(moderator, *, file=None, **fields):
    """Fill the form in to add an entry."""
    fields = {"form_token": moderator.form_token, "kind": "sha256"} | OURS | fields
    files = {"file": ("upload", file or b"")}
    moderator.page = moderator.http.post(f"{moderator.home}/own-list/add", data=fields, files=files)
    return moderator.page


def import_file(moderator, content, **fields):
    moderator.page = moderator.http.post(
        f"{moderator.home}/own-list/import",
        data={"form_token": moderator.form_token} | fields,
        files={"file": ("list.jsonl", content)},
    )
    return moderator.page


def entries(moderator, **query):
    """What the list shows, newest first: the reasons."""
    page = moderator.get("/own-list", **query).text
    return re.findall(r'id=[0-9a-f-]{36}"><bdi>([^<]*)</bdi>', page)


def entry_id(moderator):
    return re.search(r"id=([0-9a-f-]{36})", str(moderator.page.url))[1]


def act(agent, ref, **item):
    return agent.ask({"ref": ref, **item})[0]["decision"]["action"]


def test_an_entry_covers_uploads_and_says_what_it_matched(hub, agent, anna):
    signal = hub.share(ONE)
    agent.wait(position=hub.head)
    page = add(anna, value=ONE).text
    assert "Added to your own list: 1." in page
    assert "No upload was kept from an action by it." in page
    assert act(agent, "post-1", sha256=ONE) == "log"
    page = anna.get("/own-list/entry", id=entry_id(anna)).text
    assert "<bdi>post-1</bdi>" in page
    assert str(signal.id) in page
    assert re.search(r"by <bdi>Anna", page)
    assert re.search(r"<span>1, last <time", anna.get("/own-list").text)
    (row,) = agent.http.get("/allowlist").json()["entries"]
    assert (row["matches"], bool(row["matched_at"])) == (1, True)


def test_an_entry_is_ended_with_a_reason_and_put_back(hub, agent, anna, ben):
    hub.share(ONE)
    agent.wait(position=hub.head)
    add(anna, value=ONE)
    uid = entry_id(anna)
    assert ben.post("own-list/end", id=uid, reason=" ").status_code == 400
    assert entries(ben) == ["our own trailer"]
    page = ben.post("own-list/end", id=uid, reason="the studio sold it").text
    assert re.search(r"by <bdi>Ben</bdi>: <bdi>the studio sold it", page)
    assert (entries(anna), entries(anna, state="ended")) == ([], ["our own trailer"])
    assert act(agent, "a", sha256=ONE) == "block"
    page = anna.post("own-list/restore", id=uid).text
    assert "held or blocked now: 1" in page  # nothing is released unasked
    assert entries(anna) == []
    assert (
        "Released, because it is on the list now: 1."
        in anna.post("own-list/restore", id=uid, may_release="1").text
    )
    assert entries(anna) == ["our own trailer"]
    assert act(agent, "b", sha256=ONE) == "log"
    assert "Nothing was put back" in anna.post("own-list/restore", id=uid).text


def test_an_entry_that_releases_content_is_added_only_when_told_so(hub, agent, config, anna):
    held(hub, agent, "a", value=ONE)
    link = re.search(r'href="([^"]*own-list\?ref=a)"', anna.open("a").text)[1]
    form = anna.http.get(link).text
    assert f'value="{ONE}"' in form
    page = add(anna, value=ONE)
    assert (page.status_code, "held or blocked now: 1" in page.text) == (400, True)
    assert (entries(anna), anna.queue()) == ([], ["a"])
    assert (
        "Released, because it is on the list now: 1." in add(anna, value=ONE, may_release="1").text
    )
    assert anna.queue() == []
    wait_event(config, "a", "content.release")
    (row,) = agent.http.get("/allowlist").json()["entries"]
    assert "<bdi>a</bdi>" in anna.get("/own-list/entry", id=row["id"]).text


FILES = [
    ("sha256", b"a file", sha256(b"a file")),
    ("md5", b"a file", hashlib.md5(b"a file", usedforsecurity=False).hexdigest()),
    ("pdq", picture("chelsea.png"), "within 8 of 256 bits"),
]


@pytest.mark.parametrize(
    ("kind", "file", "shown"),
    rounds(FILES[2:], nightly=FILES),
)
def test_the_agent_takes_the_fingerprint_of_a_file(anna, kind, file, shown):
    assert shown in add(anna, kind=kind, file=file).text


NO_ENTRIES = [
    ({"value": "abc"}, "value is 64 hex digits"),
    ({"value": ""}, "value: "),
    ({"value": ONE, "reason": "x"}, "reason: "),
    ({"value": ONE, "within_bits": "many", "kind": "pdq"}, "distance: write a number"),
    ({"value": ONE, "kind": "made-up"}, "kind: "),
    ({"value": "not an address", "kind": "url"}, "value: "),
    ({"value": ONE, "expires_on": "soon"}, "last day: write it as"),
    ({"file": b"no picture", "kind": "pdq"}, "not one picture"),
    ({"file": b"a page", "kind": "url"}, "a web address has no file"),
]


@pytest.mark.parametrize(
    ("fields", "why"),
    rounds([NO_ENTRIES[0], NO_ENTRIES[7]], nightly=NO_ENTRIES),
)
def test_what_is_no_entry_is_refused_and_nothing_typed_is_lost(anna, fields, why):
    page = add(anna, **fields)
    assert (page.status_code, why in page.text) == (400, True), page.text
    assert 'value="our studio"' in page.text
    assert entries(anna) == []


@pytest.mark.nightly
def test_entries_are_found_by_words_values_and_the_addresses_that_they_cover(anna):
    add(anna, value=ONE, reason="the hymn")
    add(anna, kind="url", value="https://studio.example/films/", reach="folder", reason="films")
    add(anna, kind="url", value="https://other.example/a", reason="a page")
    assert entries(anna, q="HYMN") == ["the hymn"]
    assert entries(anna, q=ONE.upper()) == ["the hymn"]
    assert entries(anna, q="https://studio.example/films/7?x=1") == ["films"]
    assert entries(anna, q="other.example") == ["a page"]
    assert len(entries(anna, q="our studio")) == 3
    assert entries(anna, q="nowhere") == []
    assert "Nothing matches." in anna.page.text


@pytest.mark.nightly
def test_a_list_is_taken_along_and_added_elsewhere(agent, anna):
    add(anna, value=ONE, expires_on="2999-12-31")
    add(anna, kind="url", value="https://studio.example/films/", reach="folder", reason="films")
    add(anna, kind="pdq", value=TWO, within_bits="3", reason="a still")
    file = anna.get("/own-list/file")
    assert "attachment" in file.headers["content-disposition"]
    before = agent.http.get("/allowlist").json()["entries"]
    for row in before:
        anna.post("own-list/end", id=row["id"], reason="moved")
    page = import_file(anna, file.content)
    assert "Added to your own list: 3." in page.text
    after = agent.http.get("/allowlist").json()["entries"]
    assert sorted(map(facts, after)) == sorted(map(facts, before))
    assert "left as they are: 3." in import_file(anna, file.content).text
    assert sorted(anna.get("/own-list/file").text.splitlines()) == sorted(file.text.splitlines())


def facts(row):
    return json.dumps({name: value for name, value in row.items() if name != "id"})


def test_a_file_is_added_whole_or_not_at_all_and_the_lines_are_named(hub, agent, anna):
    good = json.dumps({"kind": "sha256", "value": ONE} | OURS)
    page = import_file(anna, f"{good}\n\nnot json\n{good.replace('sha256', 'md5')}\n")
    assert page.status_code == 400
    assert "line 3: " in page.text
    assert "line 4: value: a md5 value is 32 hex digits" in page.text
    assert entries(anna) == []
    for empty in (b"", b"\n", b"\xff\xfe"):
        assert import_file(anna, empty).status_code == 400
    held(hub, agent, "a", value=ONE)
    assert "held or blocked now: 1" in import_file(anna, good).text
    assert entries(anna) == []
    assert "Released" in import_file(anna, good, may_release="1").text


def test_a_form_without_the_token_changes_no_list(anna, ben):
    add(anna, value=ONE)
    uid = entry_id(anna)
    for token in ("", ben.form_token):
        files = {"file": ("f", b"a")}
        for page in ("add", "import", "end", "restore"):
            answer = anna.http.post(
                f"{anna.home}/own-list/{page}",
                data={"form_token": token, "id": uid, "reason": "because", "kind": "sha256"},
                files=files,
            )
            assert answer.status_code == 403
    assert entries(anna) == ["our own trailer"]


def test_values_of_strangers_are_shown_on_the_list_and_not_run(hub, agent, anna):
    name = '"><script>alert(1)</script>\u202e'
    hub.share(ONE)
    agent.wait(position=hub.head)
    add(anna, value=ONE, reason=name, source=name)
    uid = entry_id(anna)
    act(agent, name, sha256=ONE)
    for page in (anna.get("/own-list"), anna.get("/own-list/entry", id=uid)):
        assert "<script>alert" not in page.text
        assert "⟨202E⟩" in page.text
        # A field to change it in has it as it is.
        assert "\u202e" not in re.sub(r'value="[^"]*"', "", page.text)
    assert "<script>alert" not in anna.get("/own-list", q=name).text
    assert "<script>alert" not in add(anna, value=name, reason=name).text


@pytest.mark.nightly
def test_an_agent_that_takes_one_item_at_a_time_has_the_whole_form(hub, sandbox, tmp_path):
    config = config_of(hub, tmp_path, review=ON, max_items=1)
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        assert add(anna, value=ONE, within_bits="", reach="", expires_on="").status_code == 200
        assert entries(anna) == ["our own trailer"]


@pytest.mark.nightly
def test_matches_and_ended_entries_are_forgotten_with_the_records_of_actions(hub, config, sandbox):
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        hub.share(ONE)
        agent.wait(position=hub.head)
        add(anna, value=ONE)
        act(agent, "post-1", sha256=ONE)
        anna.post("own-list/end", id=entry_id(anna), reason="no more")
        add(anna, value=TWO, reason="stays")
    store = Store(config.data_dir)
    for days, left in ((-1, (2, 1)), (1, (1, 0))):
        with store.write() as tx:
            actions.forget(tx, before=datetime.now(UTC) + timedelta(days=days))
        counts = [
            store.read(f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - our own
            for table in ("own_entries", "own_matches")
        ]
        assert tuple(counts) == left
    store.close()


@pytest.mark.nightly
def test_the_entries_of_an_older_agent_are_on_the_page(config, sandbox):
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        add(anna, value=TWO)
    with older_agent(config) as allowed:
        allowed.execute(
            "INSERT INTO allowed (id, list, kind, value, within_bits, reason, source, added_at)"
            " VALUES ('x', 'own', 'url', ?, 0, 'an old entry', 'somebody', 1)",
            (ONE,),
        )
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        assert entry_reasons(agent) == {"an old entry", "our own trailer"}
        assert "an old entry" in anna.get("/own-list").text
        lines = anna.get("/own-list/file").text.splitlines()
        (line,) = [line for line in lines if "an old entry" in line]
        assert json.loads(line)["value"] == ONE  # the digest: the address was not kept
        anna.post("own-list/end", id="x", reason="again")
        assert "Added to your own list: 1." in import_file(anna, line).text


@pytest.mark.nightly
def test_an_entry_that_an_older_agent_removed_is_ended(config, sandbox):
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        add(anna, value=ONE)
        add(anna, value=TWO, reason="stays")
    with older_agent(config) as allowed:
        allowed.execute("DELETE FROM allowed WHERE value = ?", (ONE,))
    with agent_of(config, sandbox) as agent, Moderator(agent, config) as anna:
        assert entry_reasons(agent) == {"stays"}
        assert entries(anna, state="ended") == ["our own trailer"]


@contextmanager
def older_agent(config):
    """Change the file as an agent did that knew the table `allowed` only."""
    with closing(connect(config.data_dir / "agent.db")) as connection:
        yield connection


def entry_reasons(agent):
    return {row["reason"] for row in agent.http.get("/allowlist").json()["entries"]}


@pytest.mark.nightly
def test_the_agents_file_is_read_again_with_every_line_break_of_unicode(agent, anna):
    reason = "one\u2028two\u2029three\x85four"
    entry = OURS | {"kind": "sha256", "value": ONE, "reason": reason}
    assert agent.http.post("/allowlist", json=entry).status_code == 201
    (row,) = read_file(anna.get("/own-list/file").content)
    assert row.reason == reason
    windows = json.dumps(entry) + "\r\n"
    assert len(read_file(windows.encode() * 2)) == 2


@pytest.mark.nightly
def test_a_file_longer_than_the_list_is_refused_before_anything_is_written():
    """Else its entries would hold the store's lock, and uploads wait, until all are refused."""
    line = json.dumps({"kind": "sha256", "value": ONE} | OURS)
    assert len(read_file(f"{line}\n".encode() * 3)) == 3
    with pytest.raises(OwnListError, match=f"more than {MAX_LIST} entries"):
        read_file(f"{line}\n".encode() * (MAX_LIST + 1))
