# SPDX-License-Identifier: Apache-2.0
"""Sharing from the desk without JavaScript: hashes, addresses, texts, a file; preview and undo."""

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import signals as reads
from stemtide.protocol.enums import Role
from tests.fingerprints.languages import SENTENCES
from tests.hub.desk.conftest import PDQ
from tests.hub.desk.test_board import text
from tests.rounds import at_night, few

SHA = "ab12" * 16
GERMAN = " ".join(SENTENCES["de"])
NEAR = f"{int(PDQ, 16) ^ 0b111:064x}"
MARKS = {
    "labels": ["livestream"],
    "severity": "high",
    "tlp": "amber",
    "pap": "green",
    "provenance": "unknown",
}


def items_of(page):
    """The hidden field of the page, as it is sent again."""
    return page.context["items"]


def preview(desk, path="/share", **sent):
    return desk.post(path, {"step": "check", **sent})


def share(desk, page, path="/share", **changed):
    return desk.post(path, {"step": "share", "items": items_of(page), **MARKS, **changed})


def live(world, party="authority"):
    """The values that a party sees live, with their sharers."""
    page = reads.feed(0, viewer=world.party[party], exercise=True)
    return {(entry.value, entry.shared_by) for entry in page.entries if entry.op == "put"}


def test_a_hash_is_previewed_then_shared_then_taken_back(world):
    desk = world.desk("authority")
    page = preview(desk, value=SHA)
    assert page.status_code == 200
    assert "Nothing is shared yet" in text(page)
    assert live(world) == set()
    done = share(desk, page)
    assert done.status_code == 302
    assert live(world, "provider") == {(SHA, "authority")}
    world.agent("provider", position=99)
    undone = desk.post(
        "/share/undo", {"content": json.loads(items_of(page))[0]["content"]}, follow=True
    )
    assert "The provider" in text(undone)
    assert live(world) == set()


@at_night
@pytest.mark.parametrize(
    ("typed", "kinds"),
    [
        (f"pdq:{PDQ}", ["pdq"]),
        (f"{SHA}\nmd5:{'0a1b' * 8}", ["sha256", "md5"]),
        ("https://video.example/watch?v=1", ["url"]),
    ],
)
def test_lines_are_recognised_for_what_they_are(world, typed, kinds):
    items = json.loads(items_of(preview(world.desk("authority"), value=typed)))
    assert [row["prints"][0]["kind"] for row in items] == kinds


def test_what_was_typed_is_not_typed_again(world):
    page = preview(world.desk("authority"), value=SHA)
    assert page.context["content"]["value"].value() is None


def test_a_wrong_hash_is_named(world):
    page = preview(world.desk("authority"), value="pdq:abcd")
    assert page.status_code == 422
    assert "64 hex digits, this has 4" in text(page)


def test_a_text_is_not_read_without_consent(world):
    words = "they met at the harbour before the attack and filmed what they did " * 8
    desk = world.desk("authority")
    refused = preview(desk, value=words)
    assert refused.status_code == 422
    assert items_of(refused) == "[]"
    page = preview(desk, value=words, agree="on")
    assert [row["kind"] for row in json.loads(items_of(page))[0]["prints"]] == ["text"]


@at_night
def test_the_language_of_a_text_is_suggested_and_shared_if_nobody_changes_it(world):
    desk = world.desk("authority")
    page = preview(desk, value=GERMAN, agree="on")
    assert "probably German (99% sure). This is a suggestion" in text(page)
    language = page.context["marks"]["language"].value()
    assert language == "de"
    share(desk, page, language=language)
    assert Signal.objects.get().language == "de"


def test_a_language_that_somebody_changed_stays_changed(world):
    desk = world.desk("authority")
    page = preview(desk, value=GERMAN, agree="on")
    again = preview(desk, items=items_of(page), value=SHA, **MARKS, language="nl")
    assert again.context["marks"]["language"].value() == "nl"
    share(desk, again, language="")
    assert {row.language for row in Signal.objects.all()} == {None}


@pytest.mark.parametrize(
    "words",
    [
        "Anna Kowalski, Pierre Dupont, Mehmet Yilmaz, John Smith, Carlos Ruiz, Lars Hansen",
        "El tren de la costa porta avui vint minuts de retard i la biblioteca torna a obrir",
    ],
    ids=["no language", "a language that is not in the list"],
)
def test_no_language_is_suggested_where_it_is_not_clear(world, words):
    page = preview(world.desk("authority"), value=words, agree="on")
    assert page.context["marks"]["language"].value() == ""
    assert "probably" not in text(page)


def test_texts_in_two_languages_preselect_none(world):
    desk = world.desk("authority")
    page = preview(desk, value=GERMAN, agree="on")
    english = " ".join(SENTENCES["en"])
    both = preview(desk, items=items_of(page), value=english, agree="on")
    assert "probably German" in text(both)
    assert "probably English" in text(both)
    assert both.context["marks"]["language"].value() == ""


def test_a_picture_is_fingerprinted_as_the_agent_does_it(world, picture):
    from stemtide.fingerprints.image.fingerprint import fingerprint_image
    from stemtide.fingerprints.limits import DecodingLimits

    file = SimpleUploadedFile("scene.png", picture)
    page = preview(world.desk("authority"), file=file, agree="on")
    prints = json.loads(items_of(page))[0]["prints"]
    expected = fingerprint_image(picture, limits=DecodingLimits()).each[0].hex
    assert [row["kind"] for row in prints] == ["sha256", "md5", "pdq"]
    assert prints[2]["value"] == expected
    assert "scene.png" in text(page)


def test_a_file_is_not_read_without_consent(world, picture):
    page = preview(world.desk("authority"), file=SimpleUploadedFile("scene.png", picture))
    assert page.status_code == 422
    assert items_of(page) == "[]"


def test_the_preview_names_known_signals_that_the_party_may_see(world):
    world.share(by="agency", value=PDQ)
    world.share(by="agency", value=NEAR)
    hidden = f"{int(PDQ, 16) ^ 1:064x}"
    world.share(by="neighbour", value=hidden, tlp="red", audience=["agency"])
    page = text(preview(world.desk("authority"), value=f"pdq:{PDQ}"))
    assert "Known: the same, The agency" in page
    assert "Known: near, 3 of 256 bits away, The agency" in page
    assert "The neighbour" not in page.partition("Only these parties")[0]


def test_what_the_party_shares_already_is_left_out(world):
    world.share(value=PDQ)
    page = preview(world.desk("authority"), value=f"pdq:{PDQ}")
    assert "your party shares it already" in text(page)
    assert "Nothing here can be shared" in text(page)


@at_night
def test_the_page_says_what_agents_will_do(world):
    assert "Can block at agents" in text(preview(world.desk("authority"), value=SHA))
    assert "no other party whose word counts" in text(preview(world.desk("provider"), value=SHA))


@at_night
def test_the_room_gives_crisis_and_marks(world):
    crisis = world.crisis(active=True)
    world.share(value=PDQ, crisis=crisis, severity="critical", tlp="green")
    path = f"/share?crisis={crisis}"
    page = preview(world.desk("authority"), path, value=SHA)
    marks = page.context["marks"]
    assert marks["crisis"].value() == str(crisis)
    assert marks["severity"].value() == "critical"
    assert marks["labels"].value() == ["livestream"]
    answer = share(world.desk("authority", Role.DUTY_OFFICER), page, path, crisis=str(crisis))
    assert answer.status_code == 302
    uid = re.search(r"crisis=([0-9a-f-]+)", answer.url)[1]
    assert uid == str(crisis)


def test_the_marks_of_a_red_signal_need_recipients(world):
    desk = world.desk("authority")
    page = share(desk, preview(desk, value=SHA), tlp="red")
    assert page.status_code == 422
    assert "TLP:RED needs named recipients" in text(page)
    assert live(world) == set()


def test_new_content_is_previewed_before_it_is_shared(world):
    desk = world.desk("authority")
    page = share(desk, preview(desk, value=SHA), value=f"pdq:{PDQ}")
    assert page.status_code == 200
    assert len(json.loads(items_of(page))) == 2
    assert live(world) == set()


def test_an_item_can_be_left_out(world):
    desk = world.desk("authority")
    page = preview(desk, value=f"{SHA} pdq:{PDQ}")
    first = json.loads(items_of(page))[0]["content"].replace("-", "")
    share(desk, page, omit=first)
    assert live(world) == {(PDQ, "authority")}


@pytest.mark.parametrize(
    "items",
    few(
        (0, 2), of=["no json", '{"a": 1}', '[{"prints": [{"kind": "pdq", "value": "zz"}]}]', "[1]"]
    ),
)
def test_forged_fingerprints_are_not_shared(world, items):
    desk = world.desk("authority")
    desk.post("/share", {"step": "share", "items": items, **MARKS})
    assert live(world) == set()


def test_only_the_own_party_takes_a_share_back(world):
    desk = world.desk("authority")
    page = preview(desk, value=SHA)
    share(desk, page)
    content = json.loads(items_of(page))[0]["content"]
    world.desk("agency").post("/share/undo", {"content": content})
    assert live(world) == {(SHA, "authority")}
    assert "shared nothing of this" in text(
        world.desk("provider").get(f"/share/done?content={content}")
    )


def test_a_measured_file_comes_back_as_fingerprints_alone(world, picture):
    desk = world.desk("authority")
    file = SimpleUploadedFile("scene.png", picture)
    answer = desk.post("/share", {"step": "measure", "file": file, "agree": "on"})
    assert [row["kind"] for row in answer.json()["items"][0]["prints"]] == ["sha256", "md5", "pdq"]
    assert live(world) == set()


def test_what_waits_for_a_second_person_is_said_before_it_is_shared(world):
    desk = world.desk("authority")
    page = preview(desk, value="https://host.example/a/b")
    warned = share(desk, page, reach="host")
    assert "A second person has to look at this" in text(warned)
    done = share(desk, page, reach="host", waits="known")
    assert live(world) == set()
    assert "1 signal waits for a second person" in text(desk.get(done.url))
    content = json.loads(items_of(page))[0]["content"]
    undone = desk.post("/share/undo", {"content": content}, follow=True)
    assert "Withdrawn: 1 signal" in text(undone)


@pytest.mark.parametrize(
    ("party", "role", "offered"),
    few(
        (0, 3),
        of=[
            ("authority", Role.ANALYST, True),
            ("provider", Role.ANALYST, True),
            ("observer", Role.ANALYST, False),
            ("authority", Role.OBSERVER, False),
        ],
    ),
)
def test_the_board_offers_to_share_to_those_who_may(world, party, role, offered):
    page = world.desk(party, role).get("/").content.decode()
    assert ('data-share="/share"' in page) is offered


@at_night
def test_a_room_offers_to_share_to_those_who_take_part(world):
    crisis = world.crisis(active=True, joined=["provider"])
    offers = {
        party: f'data-share="/share?crisis={crisis}"'
        in world.desk(party).get(f"/crises/{crisis}").content.decode()
        for party in ("authority", "provider", "neighbour")
    }
    assert offers == {"authority": True, "provider": True, "neighbour": False}


def test_an_exercise_is_shared_as_one(world):
    desk = world.desk("provider")
    share(desk, preview(desk, value=SHA), exercise="on")
    assert live(world, "authority") == {(SHA, "provider")}
    assert reads.feed(0, viewer=world.party["authority"]).entries == []


@pytest.fixture
def picture():
    """A picture with enough in it to be known again."""
    from io import BytesIO

    from PIL import Image

    file = BytesIO()
    Image.effect_mandelbrot((200, 160), (-2, -1.5, 1, 1.5), 60).save(file, "PNG")
    return file.getvalue()
