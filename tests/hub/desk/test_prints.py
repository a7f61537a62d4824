# SPDX-License-Identifier: Apache-2.0
import hashlib
from uuid import uuid4

import pytest
from django.utils import translation

from stemtide.fingerprints.kinds import Kind
from stemtide.hub.desk import labels as words, long_fingerprints as prints, times
from stemtide.hub.desk.templatetags import desk
from stemtide.hub.rooms.signals.reads import signals as reads
from tests.hub.desk.test_board import text
from tests.prints import LONG, long_value
from tests.rounds import at_night, few

SAYS = {
    "video": ("video (frames)", "12.0 s, 48 frames, 256 by 144 pixels"),
    "audio": ("sound", "5.5 s, something to hear in 5.5 s"),
    "text": ("text (passages)", " passages, of 1996 in the text"),
    "gop": ("video (same encode)", "6 groups of pictures, 144 frames"),
}


@at_night
@pytest.mark.parametrize("kind", LONG)
def test_the_page_says_what_a_long_fingerprint_is_and_does_not_show_it(world, kind):
    value = long_value(kind)
    uid = world.share(kind=kind, value=value.hex())
    page = world.desk("authority").get(f"/signals/{uid}")
    told = text(page)
    assert page.status_code == 200
    assert hashlib.sha256(value).hexdigest() in told
    assert f"the fingerprint itself has {len(value) / 1000:.1f} KB" in told
    assert [one for one in SAYS[kind] if one not in told] == []
    assert value.hex() not in page.content.decode()
    assert "Matches within" not in told


@pytest.mark.parametrize("kind", few((0,), of=LONG))
def test_it_is_judged_and_withdrawn_from_its_page(world, kind):
    uid = world.share(kind=kind, value=long_value(kind).hex())
    desk = world.desk("authority")
    wrong = desk.post(f"/signals/{uid}/do/dispute", {})
    desk.post(f"/signals/{uid}/do/dispute", {"dispute-text": "It is the evening news."})
    gone = {"withdraw-reason": "mistake", "withdraw-note": ""}
    desk.post(f"/signals/{uid}/withdraw", gone)
    found = reads.signal(uid, viewer=world.party["authority"])
    assert wrong.status_code == 422
    assert (found.state, found.disputed) == ("withdrawn", True)


@at_night
def test_a_video_stands_for_its_files_on_the_board(world):
    content = uuid4()
    world.share(kind="sha256", value="0a" * 32, content=content)
    world.share(kind="md5", value="0b" * 16, content=content)
    for kind in ("gop", "audio", "video"):
        world.share(kind=kind, value=long_value(kind).hex(), content=content)
    page = world.desk("authority").get("/")
    told = text(page)
    (row,) = reads.board(viewer=world.party["authority"])
    first = desk.main_signal(row.signals)
    assert first.kind is Kind.VIDEO
    assert f"Video {first.value[:8]}" in told
    shown = [one.kind for one in desk.others(row.signals, first)]
    assert shown == [Kind.AUDIO, Kind.GOP, Kind.SHA256, Kind.MD5]
    assert first.value == hashlib.sha256(long_value("video")).hexdigest()


@pytest.mark.parametrize("kind", LONG)
def test_what_this_version_cannot_read_still_has_a_page(kind):
    told = prints.describe(Kind(kind), "00ff")
    assert told == prints.FingerprintSummary(hashlib.sha256(b"\0\xff").hexdigest(), "0.0 KB", ())


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_and_those_with_long_values_say_what_they_hold(kind):
    assert words.label(kind, "kind") != kind
    assert words.KINDS_SHORT[kind]
    assert (prints.describe(kind, "00") is not None) is (kind in {*LONG, Kind.EXTERNAL})


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (9.96, "10.0 s"),
        (72, "1 min 12 s"),
        (3723, "1 h 02 min"),
        (9e4, "25 h 00 min"),
    ],
)
def test_a_span_is_said_in_its_largest_units(seconds, says):
    assert times.span(seconds) == says


@pytest.mark.parametrize(
    ("language", "shown"), [("en", "5.5 s"), ("fr", "5,5 s"), ("de", "5,5 s"), ("nl", "5,5 s")]
)
def test_a_length_has_the_decimal_sign_of_its_language(language, shown):
    with translation.override(language):
        assert times.span(5.5) == shown
