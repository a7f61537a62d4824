# SPDX-License-Identifier: Apache-2.0
"""Contact drills: who starts one, who answered, and the reminder of the quarter."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert, Drill
from stemtide.hub.rooms.alerts.reads import alerts as reads, drills as reads_drills
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.writes import alerts as writes, drills as writes_drills
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.protocol.enums import Role
from tests.world import NOON


def actor(party, role):
    return Actor(party=party, ref="person:1", role=role)


def start(names, *, by=None, now=NOON):
    return writes_drills.start(names, by=by, now=now)


@pytest.mark.parametrize(
    ("who", "role", "own", "others"),
    [
        ("agency", Role.DUTY_OFFICER, True, True),
        ("agency", Role.COORDINATOR, True, True),
        ("agency", None, True, True),
        ("agency", Role.ANALYST, False, False),
        ("agency", Role.ADMINISTRATOR, False, False),
        ("agency", Role.OBSERVER, False, False),
        ("agency", Role.DATA_PROTECTION_OFFICER, False, False),
        ("authority", Role.DUTY_OFFICER, True, False),
        ("authority", Role.ANALYST, False, False),
        ("big_provider", Role.COORDINATOR, True, False),
        ("consortium", Role.DUTY_OFFICER, True, False),
        ("observer", Role.DUTY_OFFICER, True, False),
        ("observer", Role.OBSERVER, False, False),
    ],
)
def test_who_drills_whom(world, who, role, own, others):
    party = getattr(world, who)
    for names, may in ((["small-forum"], others), (None, others), ([party.name], own)):
        Alert.objects.update(state="acknowledged")
        if may:
            start(names, by=actor(party, role))
        else:
            with pytest.raises(NotAllowedError):
                start(names, by=actor(party, role))


def test_a_drill_is_an_exercise_for_everybody_and_one_entry(world):
    uid = start(None, by=actor(world.agency, Role.DUTY_OFFICER))
    alerts = Alert.objects.filter(drill__uid=uid)
    assert alerts.count() == len(world.everyone)
    assert all(one.exercise for one in alerts)
    assert world.ledger_kinds() == ["drill.started"]
    entry = world.last_entry()
    assert (entry.detail["count"], entry.exercise) == (7, True)
    assert writes.raise_from_ledger(NOON) == 0


@pytest.mark.parametrize(
    ("names", "error"),
    [([], InvalidError), (["nobody"], NotFoundError), (["big-video"], ConflictError)],
)
def test_a_drill_that_cannot_be_is_refused(world, names, error):
    start(["big-video"])
    with pytest.raises(error):
        start(names)
    assert Drill.objects.count() == 1
    assert world


def test_a_drill_ends_once_when_nobody_is_waited_for(world):
    uid = start(["big-video", "small-forum"])
    alert = Alert.objects.get(party=world.big_provider)
    writes.acknowledge(alert.uid, by=actor(world.big_provider, Role.ANALYST), now=NOON)
    assert writes_drills.end_due(world.at(minutes=1)) == 0
    writes.escalate_due(world.at(hours=1))
    assert writes_drills.end_due(world.at(hours=1)) == 1
    assert writes_drills.end_due(world.at(hours=1)) == 0
    row = reads_drills.drill(uid, viewer=world.agency)
    assert (row.answered, row.missing, row.waiting) == (1, 1, 0)
    assert row.ended_at == world.at(hours=1)
    assert world.last_entry().detail == {"count": 2, "answered": 1}


def test_a_drill_that_another_clock_ended_is_left_alone(world):
    start(["big-video"])
    drill = Drill.objects.get()
    Drill.objects.update(ended_at=NOON)
    assert writes_drills._end(drill, now=world.at(hours=1)) == 0


def test_a_drill_without_an_answer_raises_no_alert_about_it(world):
    start(["big-video"])
    writes.escalate_due(world.at(hours=1))
    writes.raise_from_ledger(world.at(hours=1))
    assert set(Alert.objects.values_list("kind", flat=True)) == {"drill"}


def test_who_starts_a_drill_sees_all_of_it(world):
    uid = start(["big-video"], by=actor(world.big_provider, Role.DUTY_OFFICER))
    assert len(reads_drills.drill(uid, viewer=world.big_provider).answers) == 1
    assert reads_drills.drills(viewer=world.small_provider) == []
    assert len(reads_drills.all_drills()) == 1
    with pytest.raises(NotFoundError):
        reads_drills.drill(uid, viewer=world.authority)


def test_agencies_are_reminded_once_a_quarter_that_no_drill_was_held(world):
    quarter = rules.DRILL_EVERY
    assert writes_drills.remind_due(NOON + quarter - timedelta(days=1)) == 0
    assert writes_drills.remind_due(NOON + quarter) == 1
    assert writes_drills.remind_due(NOON + quarter + timedelta(days=1)) == 0
    row = reads.alerts(viewer=world.agency)[0]
    assert (row.kind, row.exercise, row.step_due) == ("drill_due", False, None)
    assert writes_drills.remind_due(NOON + 2 * quarter) == 1


def test_after_a_drill_nobody_is_reminded_for_a_quarter(world):
    now = NOON + 2 * rules.DRILL_EVERY
    start([world.agency.name], now=now)
    assert writes_drills.remind_due(now + timedelta(days=91)) == 0


def test_a_hub_without_an_agency_reminds_nobody_and_of_two_clocks_one_reminds(world):
    now = NOON + rules.DRILL_EVERY
    assert writes_drills._remind(now) == 1
    assert writes_drills._remind(now) == 0
    Alert.objects.all().delete()
    Party.objects.filter(kind="agency").update(kind="authority")
    assert writes_drills.remind_due(now) == 0
    assert world
