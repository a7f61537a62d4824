# SPDX-License-Identifier: Apache-2.0
"""Own banks on the review page: create, browse, search, change, delete, put back, files."""

import json
import re

import pytest

from tests.agent.test_own_banks import BANK, ONE, TWO, act
from tests.agent.test_review import Moderator, config, events, wait_event
from tests.agent.test_review_own_list import entry_id
from tests.agent.world import picture, until
from tests.rounds import rounds

__all__ = ["config"]


@pytest.fixture
def anna(agent, config):
    with Moderator(agent, config) as moderator:
        yield moderator


@pytest.fixture
def bank(anna):
    """A bank that blocks."""
    page = anna.post("banks/create", name=BANK, action="block", about="what we removed")
    assert page.status_code == 200, page.text
    return BANK


def add(moderator, bank, *, file=None, **fields):
    fields = {"form_token": moderator.form_token, "bank": bank, "kind": "sha256"} | fields
    files = {"file": ("upload", file or b"")}
    moderator.page = moderator.http.post(f"{moderator.home}/own-list/add", data=fields, files=files)
    return moderator.page


def import_file(moderator, bank, content):
    moderator.page = moderator.http.post(
        f"{moderator.home}/own-list/import",
        data={"form_token": moderator.form_token, "bank": bank},
        files={"file": ("list.txt", content)},
    )
    return moderator.page


def items(moderator, bank, **query):
    page = moderator.get("/own-list", bank=bank, **query).text
    return re.findall(r'id=[0-9a-f-]{36}"><bdi>([^<]*)</bdi>', page)


def test_a_bank_is_created_changed_deleted_and_put_back(agent, anna):
    assert "You have no banks." in anna.get("/banks").text
    page = anna.post("banks/create", name="lower", action="block")
    assert (page.status_code, "capital letters" in page.text) == (400, True)
    assert 'value="lower"' in page.text
    page = anna.post("banks/create", name=BANK, action="hold", percent="50", about="a list")
    assert "tried on 50 % of uploads" in page.text
    assert "Nothing is on the list." in page.text
    assert "already" in anna.post("banks/create", name=BANK, action="hold").text
    page = anna.post("banks/change", bank=BANK, action="block", percent="200", about="")
    assert (page.status_code, "from 0 to 100" in page.text) == (400, True)
    anna.post("banks/change", bank=BANK, action="block", percent="100", about="our removals")
    add(anna, BANK, value=ONE, reason="a film")
    assert act(agent, sha256=ONE) == "block"
    assert "is deleted." in anna.post("banks/delete", bank=BANK).text
    assert act(agent, sha256=ONE) is None
    assert re.search(r"by <bdi>Anna", anna.get("/banks").text)
    assert "is back, with its items." in anna.post("banks/restore", bank=BANK).text
    assert act(agent, sha256=ONE) == "block"
    assert "It was not deleted." in anna.post("banks/restore", bank=BANK).text
    assert "There is no such bank." in anna.get("/own-list", bank="NONE").text


def test_copies_of_a_file_that_was_added_match(agent, anna, bank):
    cat = picture("chelsea.png")
    page = add(anna, bank, kind="file", file=cat, reason="the cat").text
    assert "Also pdq" in page
    assert "No upload matched it." in page
    answer = agent.match(cat, ref="copy")
    assert answer["decision"]["action"] == "block"
    assert {match["kind"] for match in answer["matches"]} == {"sha256", "md5", "pdq"}
    page = anna.get("/own-list/entry", id=entry_id(anna)).text
    assert "<bdi>copy</bdi>" in page


NO_ITEMS = [
    ({"kind": "file"}, "file: choose one"),
    ({"kind": "pdq", "file": b"no picture"}, "not one picture"),
    ({"value": "ab"}, "value: a sha256 value is 64 hex digits"),
    ({"value": ""}, "value: "),
    ({"value": ONE, "expires_on": "soon"}, "last day: write it as"),
    ({"kind": "pdq", "value": ONE, "within_bits": "99"}, "distance: write a number"),
]


@pytest.mark.parametrize(
    ("fields", "why"),
    rounds(NO_ITEMS[1:3], nightly=NO_ITEMS),
)
def test_what_is_no_item_is_refused_and_nothing_typed_is_lost(anna, bank, fields, why):
    page = add(anna, bank, **({"reason": "a film"} | fields))
    assert (page.status_code, why in page.text) == (400, True), page.text
    assert 'value="a film"' in page.text
    assert items(anna, bank) == []


def test_items_are_searched_changed_ended_and_put_back(agent, anna, bank):
    add(anna, bank, value=ONE, reason="the hymn")
    uid = entry_id(anna)
    add(anna, bank, kind="url", value="https://bad.example/films/", reach="folder", reason="films")
    assert items(anna, bank, q=ONE.upper()) == items(anna, bank, q="HYMN") == ["the hymn"]
    assert items(anna, bank, q="https://bad.example/films/7") == ["films"]
    assert items(anna, "", q="hymn") == []
    anna.post(
        "own-list/change", id=uid, reason="the other hymn", source="", expires_on="2999-01-02"
    )
    assert 'value="2999-01-02"' in anna.page.text
    assert items(anna, bank, q="other") == ["the other hymn"]
    anna.post("own-list/change", id=uid, reason="x" * 301, source="")
    assert (anna.page.status_code, "300 characters" in anna.page.text) == (400, True)
    assert anna.post("own-list/end", id=uid, reason=" ").status_code == 400
    assert "It matches no new uploads." in anna.post("own-list/end", id=uid, reason="wrong").text
    assert act(agent, sha256=ONE) is None
    assert items(anna, bank, state="ended") == ["the other hymn"]
    assert "Put back." in anna.post("own-list/restore", id=uid).text
    assert act(agent, sha256=ONE) == "block"


def test_an_entry_of_the_allow_list_can_be_changed_too(hub, agent, anna):
    hub.share(ONE)
    agent.wait(position=hub.head)
    add(anna, "", value=ONE, reason="our trailer", source="our studio")
    uid = entry_id(anna)
    assert anna.post("own-list/change", id=uid, reason="x", source="us").status_code == 400
    anna.post("own-list/change", id=uid, reason="our second trailer", source="our studio")
    answer = agent.ask({"sha256": ONE})[0]["decision"]
    assert (answer["action"], "our second trailer" in answer["why"]) == ("log", True)


def test_a_partners_list_is_added_whole_or_not_at_all_and_taken_along(agent, anna, bank):
    lines = f"sha256 {ONE}\n\n" + json.dumps({"kind": "sha256", "value": TWO, "reason": "a film"})
    page = import_file(anna, bank, f"{lines}\nsha256 ab\nvideo\n".encode())
    assert page.status_code == 400
    assert "line 4: value: " in page.text
    assert "line 5: value: " in page.text
    assert items(anna, bank) == []
    assert f"Added to {bank}: 2." in import_file(anna, bank, lines.encode()).text
    assert "left as they are: 2." in import_file(anna, bank, lines.encode()).text
    assert [act(agent, sha256=value) for value in (ONE, TWO)] == ["block", "block"]
    file = anna.get("/own-list/file", bank=bank)
    assert f'filename="{bank}.jsonl"' in file.headers["content-disposition"]
    anna.post("banks/create", name="COPY", action="log")
    assert "Added to COPY: 2." in import_file(anna, "COPY", file.content).text
    copy = anna.get("/own-list/file", bank="COPY").text
    assert sorted(copy.splitlines()) == sorted(file.text.splitlines())


def test_values_of_strangers_are_shown_in_banks_and_not_run(anna, bank):
    name = '"><script>alert(1)</script>\u202e'
    add(anna, bank, value=ONE, reason=name, source=name)
    anna.post("banks/change", bank=bank, action="block", percent="100", about=name)
    pages = (("/own-list", {"bank": bank}), ("/banks", {}), ("/banks/bank", {"bank": bank}))
    for page, query in pages:
        text = anna.get(page, **query).text
        assert "<script>alert" not in text
    assert "<script>alert" not in anna.get("/own-list", bank=name).text
    assert "<script>alert" not in anna.post("banks/create", name=name, action=name).text


def test_a_form_without_the_token_changes_no_bank(anna, bank):
    for page in ("create", "change", "delete", "restore"):
        answer = anna.http.post(
            f"{anna.home}/banks/{page}", data={"form_token": "", "bank": bank, "name": "OTHER"}
        )
        assert answer.status_code == 403
    assert re.findall(r"bank=(\w+)\"", anna.get("/banks").text) == [bank]


@pytest.mark.usefixtures("searched_often")
def test_the_page_says_what_an_item_stops_and_releases_it_on_demand(agent, config, anna, bank):
    add(anna, bank, value=ONE, reason="a film")
    uid = entry_id(anna)
    assert "Release what it holds or blocks now" not in anna.page.text
    assert act(agent, sha256=ONE, ref="a") == "block"
    assert "stops it: 1" in anna.get("/own-list/entry", id=uid).text
    assert "items that do: 1" in anna.get("/banks/bank", bank=bank).text
    page = anna.post("own-list/end", id=uid, reason="wrong", may_release="1").text
    assert "Released, because it ended: 1." in page
    wait_event(config, "a", "content.release")
    anna.post("own-list/restore", id=uid)
    until(lambda: events(config, "a")[-1]["type"] == "content.block", what="a search for it")
    assert act(agent, sha256=ONE, ref="b") == "block"
    assert "Released: 2." in anna.post("banks/delete", bank=bank, may_release="1").text
    wait_event(config, "b", "content.release")
