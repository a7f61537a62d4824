# SPDX-License-Identifier: Apache-2.0
"""Previews at the desk: an act with a purpose, a veil first, and nothing for strangers."""

from datetime import timedelta

import pytest

from stemtide.hub.desk import times
from stemtide.hub.rooms.media.models import Look, Preview
from stemtide.protocol.enums import Role
from tests.fingerprints.pictures import encoded, photo
from tests.hub.desk.test_board import text
from tests.rounds import at_night
from tests.world import hex_value

pytestmark = pytest.mark.django_db
PICTURE = encoded(photo("coffee.png"), "PNG")
JPEG = b"\xff\xd8\xff"


@pytest.fixture(autouse=True)
def _own_key(settings, tmp_path):
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"


@pytest.fixture
def crisis(world):
    return world.crisis(active=True, joined=("provider",))


@pytest.fixture
def signal(world, crisis):
    """A signal of the authority with a preview that its duty officer sent at the desk."""
    uid = world.share(crisis=crisis)
    desk = world.desk("authority", Role.COORDINATOR)
    sent = desk.post(f"/signals/{uid}/preview", {"still": _file(PICTURE), "days": "3"})
    assert sent.status_code == 302, text(sent)
    return uid


def _file(content):
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile("still.png", content)


def begin(desk, uid):
    answer = desk.post(f"/signals/{uid}/look", {"purpose": "review"})
    assert answer.status_code == 302, text(answer)
    return answer.headers["Location"]


def still_of(desk, look):
    preview = Preview.objects.get().uid
    return desk.get(f"{look}/{preview}")


def test_a_look_is_begun_with_its_purpose_and_opens_behind_a_veil(world, signal):
    desk = world.desk("agency")
    look = begin(desk, signal)
    page = desk.get(look)
    assert "Preview, blurred" in text(page)
    veil = still_of(desk, look)
    desk.post(f"{look}/reveal")
    whole = still_of(desk, look)
    assert veil.content.startswith(JPEG)
    assert whole.content.startswith(JPEG)
    assert len(veil.content) < len(whole.content) / 2
    assert "Preview, not blurred" in text(desk.get(look))


def test_a_picture_is_kept_nowhere_and_runs_nothing(world, signal):
    desk = world.desk("agency")
    headers = still_of(desk, begin(desk, signal)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Type"] == "image/jpeg"


@at_night
def test_a_look_without_a_purpose_is_none(world, signal):
    desk = world.desk("agency")
    assert desk.post(f"/signals/{signal}/look", {"purpose": "curiosity"}).status_code == 422
    assert not Look.objects.exists()


@at_night
def test_opening_the_page_is_no_look(world, signal):
    world.desk("agency").get(f"/signals/{signal}/look")
    assert not Look.objects.exists()


def test_a_look_is_shown_to_nobody_else(world, signal):
    desk = world.desk("agency")
    look = begin(desk, signal)
    other = world.desk("agency", Role.DUTY_OFFICER)
    assert other.get(look).status_code == 404
    assert still_of(other, look).status_code == 404
    assert other.post(f"{look}/reveal").status_code == 404


@at_night
def test_a_look_is_counted_at_once_in_the_room_of_who_took_it(world, crisis, signal):
    desk, other = world.desk("agency"), world.desk("agency", Role.DUTY_OFFICER)

    def is_counted(reader):
        blocks = reader.get(f"/crises/{crisis}/_blocks", headers={"HX-Request": "true"})
        return b'class="exposure' in blocks.content

    assert not is_counted(desk)
    begin(desk, signal)
    assert is_counted(desk)
    assert not is_counted(other)


LOOKS = {
    ("authority", Role.DUTY_OFFICER): 200,
    ("authority", Role.DATA_PROTECTION_OFFICER): 403,
    ("authority", Role.OBSERVER): 403,
    ("agency", Role.ANALYST): 200,
    ("provider", Role.ANALYST): 200,
    ("provider", Role.OBSERVER): 403,
    ("neighbour", Role.DUTY_OFFICER): 403,
    ("rival", Role.DUTY_OFFICER): 403,
    ("observer", Role.DUTY_OFFICER): 404,
}


def test_who_may_look(world, signal):
    found = {
        (party, role): world.desk(party, role).get(f"/signals/{signal}/look").status_code
        for party, role in LOOKS
    }
    assert found == LOOKS


@at_night
def test_the_link_stands_exactly_where_the_look_would_be_allowed(world, crisis, signal):
    link = f'href="/signals/{signal}/look"'
    for party, wanted in (("agency", True), ("provider", True), ("neighbour", False)):
        page = world.desk(party).get(f"/crises/{crisis}").content.decode()
        assert (link in page) is wanted, party


@at_night
def test_a_cluster_that_was_looked_at_says_so_to_that_person_alone(world, crisis, signal):
    desk = world.desk("agency")
    assert "you looked at a variant" not in text(desk.get(f"/crises/{crisis}"))
    begin(desk, signal)
    assert "you looked at a variant" in text(desk.get(f"/crises/{crisis}"))
    assert "Previews you opened: 1 today, 1 in this crisis." in text(desk.get(f"/crises/{crisis}"))
    assert "already opened a preview of a variant of this content" in text(
        desk.get(f"/signals/{signal}/look")
    )
    other = world.desk("agency", Role.DUTY_OFFICER)
    assert "you looked at a variant" not in text(other.get(f"/crises/{crisis}"))


@at_night
def test_after_many_looks_a_pause_is_asked_for(world, crisis, signal):
    desk = world.desk("agency")
    for _ in range(10):
        begin(desk, signal)
    assert "Take a break" in text(desk.get(f"/crises/{crisis}"))


def test_a_data_protection_officer_sees_counts_and_no_names(world, signal):
    begin(world.desk("authority", Role.DUTY_OFFICER), signal)
    page = world.desk("authority", Role.DATA_PROTECTION_OFFICER).get("/looks")
    assert "duty_officer@" not in text(page)
    assert times.day(world.now) in text(page)
    assert world.desk("authority", Role.ANALYST).get("/looks").status_code == 403


@at_night
def test_what_is_wrong_with_a_preview_is_said_at_its_field(world, crisis):
    uid = world.share(crisis=crisis)
    desk = world.desk("authority")
    for sent, says in (
        ({"days": "3"}, "either a picture or an excerpt"),
        ({"days": "3", "still": _file(b"no picture")}, "cannot create a preview image"),
        ({"days": "99", "excerpt": "words"}, "14 days at most"),
    ):
        page = desk.post(f"/signals/{uid}/preview", sent)
        assert page.status_code == 422
        assert says in text(page), says
    assert world.desk("agency").get(f"/signals/{uid}/preview").status_code == 403


@at_night
def test_a_preview_is_destroyed_from_the_page_of_its_signal(world, signal):
    preview = Preview.objects.get()
    desk = world.desk("authority")
    assert f"/previews/{preview.uid}/destroy" in desk.get(f"/signals/{signal}").content.decode()
    desk.post(f"/previews/{preview.uid}/destroy")
    preview.refresh_from_db()
    assert preview.destroyed_at - world.now < timedelta(minutes=1)
    assert f"/previews/{preview.uid}/destroy" not in desk.get(f"/signals/{signal}").content.decode()


@at_night
def test_where_no_preview_is_kept_any_more_a_page_says_so(world, signal):
    other = world.share(value=hex_value(2))
    desk = world.desk("authority", Role.DUTY_OFFICER)
    homeless = desk.get(f"/signals/{other}/preview")
    assert homeless.status_code == 409
    assert "has no crisis" in text(homeless)
    world.withdraw(signal)
    late = desk.get(f"/signals/{signal}/look")
    assert late.status_code == 409
    assert "There is no preview" in text(late)
