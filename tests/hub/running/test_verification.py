# SPDX-License-Identifier: Apache-2.0
"""`stemtide hub verify` is silent about a right database, and names what differs in a wrong one."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from stemtide.hub import host_keys
from stemtide.hub.checks import verification
from stemtide.hub.checks.results import Level
from stemtide.hub.rooms.complaints.models import Complaint
from stemtide.hub.rooms.complaints.writes import complaints
from stemtide.hub.rooms.ledger.models import Entry, Follower, HubKey, Placement
from stemtide.hub.rooms.media import keys as media_keys, writes as previews
from stemtide.hub.rooms.media.models import Preview
from stemtide.hub.rooms.signals.models import LongValue, Signal, SignalTally
from stemtide.hub.rooms.signals.writes import signals
from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.writes import leads
from stemtide.hub.rooms.transparency.models import Leaf
from stemtide.hub.rooms.transparency.writes import leaves
from stemtide.protocol.messages.complaints import ComplaintIn
from stemtide.protocol.messages.previews import PreviewIn
from stemtide.protocol.messages.situation import LeadIn
from tests.cli.conftest import run
from tests.hub.api.conftest import laid_database
from tests.hub.conftest import guards_lifted
from tests.hub.situation.conftest import LEAD
from tests.rounds import on_sqlite, some_of
from tests.world import NOON, hex_value, signal_in

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture
def filled(world, settings, tmp_path):
    """A hub in which everything is there that is checked."""
    settings.DATA_DIR = tmp_path
    settings.MEDIA_KEY_FILE = tmp_path / "media.key"
    settings.SIGNING_KEY_FILE = tmp_path / "signing.key"
    settings.SEGMENTS_FOLDER = tmp_path / "segments"
    settings.SEGMENTS_FOLDER.mkdir()
    host_keys.record(actor="operator", now=NOON)
    signal = signals.share(signal_in(crisis=world.warn().id), by=world.authority, now=NOON).id
    signals.share(signal_in(value=hex_value(2)), by=world.authority, now=NOON)
    previews.add(
        signal,
        body=PreviewIn(excerpt="Words of it.", expires_at=NOON + timedelta(days=2)),
        by=world.actor(world.authority),
        now=NOON,
        keys=media_keys.keys_in(settings.MEDIA_KEY_FILE),
        most=timedelta(days=14),
    )
    leads.report_lead(LeadIn(**LEAD), by=world.actor(world.big_provider, role="analyst"), now=NOON)
    complaint = ComplaintIn(
        reference="case-1",
        basis="signal",
        ground=signal,
        measure="blocked",
        acted_at=NOON - timedelta(hours=1),
        text="This is my own report.",
    )
    reviewer = world.actor(world.big_provider, role="duty_officer")
    complaints.file_for(complaint, by=reviewer, now=NOON)
    leaves.follow_ledger(NOON)
    connection.check_constraints()  # or PostgreSQL lets nobody lift the guards
    return settings


def failures():
    found = verification.verify(NOON)
    return [(one.check, one.text) for one in found if one.level is not Level.OK]


@pytest.mark.usefixtures("filled")
def test_a_right_database_passes_every_check():
    found = list(verification.verify(NOON))

    assert {one.level for one in found} == {Level.OK}, found
    assert len({one.check for one in found}) == 13


def lose_an_entry(_):
    with guards_lifted():
        Entry.objects.filter(number=3).delete()


def lose_the_last_entry(_):
    with guards_lifted():
        Entry.objects.order_by("number").last().delete()


def change_an_entry(_):
    with guards_lifted():
        Entry.objects.filter(number=2).update(actor="party:somebody-else")


def run_ahead(_):
    Follower.objects.update_or_create(name="alerts", defaults={"number": 10**6})


def lose_a_placement(_):
    Placement.objects.order_by("first").first().delete()


def move_a_signal(_):
    Signal.objects.filter(position=1).update(position=10**6)


def change_a_total(_):
    SignalTally.objects.update(live=7)


def damage_a_value(_):
    LongValue.objects.create(digest="0" * 64, size_bytes=3, value=b"abc")


def lose_the_key_of_previews(settings):
    Path(settings.MEDIA_KEY_FILE).unlink()
    media_keys.keys_in(settings.MEDIA_KEY_FILE)


def keep_a_destroyed_preview(_):
    Preview.objects.update(destroyed_at=NOON)


def lose_the_secret(settings):
    settings.SECRET_KEY = "another"


def keep_erased_words(_):
    Lead.objects.update(erased_at=NOON)


def keep_words_of_a_complaint(_):
    Complaint.objects.update(erased_at=NOON)


def damage_a_segment(settings):
    (Path(settings.SEGMENTS_FOLDER) / ("a" * 64)).write_bytes(b"other")


def change_the_recorded_key(_):
    HubKey.objects.filter(name="seal").update(fingerprint="0" * 64)


def lose_a_leaf(_):
    Leaf.objects.filter(number=2).delete()


@pytest.mark.parametrize(
    ("change", "check", "text"),
    some_of(
        5,
        [
            (lose_an_entry, "ledger", "1 entries are missing, the first is 3"),
            (lose_the_last_entry, "ledger", "the counter is at entry"),
            (change_an_entry, "log", "2"),
            (run_ahead, "ledger", "alerts has read entry 1000000"),
            (lose_a_placement, "feed", "positions 1 to"),
            (move_a_signal, "feed", "1 signals have positions"),
            (change_a_total, "totals", "tally"),
            (damage_a_value, "values", "value 000"),
            (lose_the_key_of_previews, "previews", "preview"),
            (keep_a_destroyed_preview, "previews", "preview"),
            (lose_the_secret, "leads", "lead"),
            (lose_the_secret, "complaints", "complaint"),
            (keep_erased_words, "leads", "lead"),
            (keep_words_of_a_complaint, "complaints", "complaint"),
            (damage_a_segment, "segments", "segment aaa"),
            (change_the_recorded_key, "keys", "the seal key"),
            (lose_a_leaf, "log", "2"),
        ],
    ),
)
def test_what_is_wrong_is_named(filled, change, check, text):
    change(filled)

    found = [line for name, line in failures() if name == check]

    assert any(text in line for line in found), failures()


@pytest.mark.usefixtures("filled")
def test_a_row_that_points_to_nothing_is_named():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL always enforces its foreign keys")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE complaints_complaint SET party_id = 99999")
    found = [line for name, line in failures() if name == "database"]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM complaints_complaint")

    assert "of complaints_complaint points to no parties_party" in found[0]


@on_sqlite
def test_the_command_exits_1_and_says_the_remedy(tmp_path):
    with laid_database(tmp_path) as database:
        at = {**database, "STEMTIDE_DATA_DIR": str(tmp_path)}
        (tmp_path / "segments").mkdir()
        (tmp_path / "segments" / ("a" * 64)).write_bytes(b"other")
        done = run("hub", "verify", **at)

    wrong = [line for line in done.out.splitlines() if not line.startswith("ok ")]
    assert (done.code, len(wrong)) == (1, 1)
    assert wrong[0].startswith("fail  segments: segment aaa")
    assert "Remedy: delete these files" in wrong[0]
