# SPDX-License-Identifier: Apache-2.0
"""Signals that match too much: who lowers them everywhere, and who cannot."""

from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from stemtide.hub.platform.errors import InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.alerts.models import Alert
from stemtide.hub.rooms.alerts.writes import alerts
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.writes.parties import add_party
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import runaways as reads, signals as signal_reads
from stemtide.hub.rooms.signals.rules import runaways as rules
from stemtide.hub.rooms.signals.rules.runaways import FloodFacts
from stemtide.hub.rooms.signals.writes import disputes, runaways, signals
from stemtide.protocol.enums import PartyKind, Role, Standing
from stemtide.protocol.messages.signals import OpinionIn
from stemtide.protocol.sync.runaways import RunawayDecisionIn, RunawayReportIn
from stemtide.protocol.trust.standing import PartyTrust
from tests.hub.rooms.test_disputes import change
from tests.rounds import at_night, some_of
from tests.world import NOON

PROVIDER, AUTHORITY, AGENCY = PartyKind.PROVIDER, PartyKind.AUTHORITY, PartyKind.AGENCY
WHY = RunawayDecisionIn(reason="It is a logo.")


def party(name, kind=PROVIDER, standing="member", group=""):
    return PartyTrust(name, kind, Standing(standing), group)


A, B, C = party("a"), party("b"), party("c")
NEW, OUT = party("n", standing="new"), party("s", standing="suspended")
SISTERS = (party("x", group="owner"), party("y", group="owner"))
MEMBER, OFFICE = party("m"), party("o", AUTHORITY)

TABLE = [
    # behind the signal, agents of these parties report it -> its mark
    ((MEMBER,), (), ""),
    ((MEMBER,), (A,), ""),
    ((MEMBER,), (A, NEW, OUT), ""),
    ((MEMBER,), SISTERS, ""),
    ((MEMBER,), (A, B), "lowered"),
    ((MEMBER, A), (B, C), ""),
    ((OFFICE,), (A, B), ""),
    ((OFFICE,), (A, *SISTERS), ""),
    ((OFFICE,), (A, B, C), "lowered"),
    ((OFFICE, MEMBER), (A, B, C), ""),
]


@pytest.mark.parametrize(("behind", "reporting", "mark"), TABLE)
def test_what_lowers_a_signal_everywhere(behind, reporting, mark):
    assert rules.flood_mark(FloodFacts(behind, reporting)) == mark


@given(st.lists(st.sampled_from(["new", "member", "trusted", "suspended"])), st.booleans())
def test_no_reports_by_parties_of_one_group_lower_anything(standings, is_official):
    sisters = tuple(
        party(f"p{number}", standing=standing, group="owner")
        for number, standing in enumerate(standings)
    )
    behind = (OFFICE,) if is_official else (MEMBER,)
    assert rules.flood_mark(FloodFacts(behind, sisters)) == ""


def test_an_agencys_decision_comes_before_reports_and_confirmations():
    assert rules.flood_mark(FloodFacts((MEMBER,), (A, B), "cleared")) == "cleared"
    assert rules.flood_mark(FloodFacts((MEMBER, A), (), "lowered")) == "lowered"


@pytest.mark.parametrize(
    ("kind", "role", "may"),
    [
        (AGENCY, None, True),
        (AGENCY, Role.COORDINATOR, True),
        (AGENCY, Role.DUTY_OFFICER, True),
        (AGENCY, Role.ANALYST, False),
        (AUTHORITY, Role.COORDINATOR, False),
        (PROVIDER, Role.COORDINATOR, False),
    ],
)
def test_who_decides(kind, role, may):
    if may:
        rules.check_decide(kind=kind, role=role)
        return
    with pytest.raises(NotAllowedError):
        rules.check_decide(kind=kind, role=role)


def seen(**more):
    counts = {"state": "lowered", "since": NOON, "matches": 60, "lookups": 900, "most": 29}
    return RunawayReportIn.model_validate(counts | more)


def tell(uid, *, by, agent="uploads", **more):
    now = NOON + timedelta(minutes=5)
    return runaways.report(uid, agent=agent, body=seen(**more), by=by, now=now)


@pytest.fixture
def third(world):  # noqa: ARG001 - after the cast
    """A third provider whose word counts."""
    made = add_party("third", title="Third", kind="provider", country="IE", actor="t", now=NOON)
    Party.objects.filter(pk=made.pk).update(standing="member")
    return Party.objects.get(pk=made.pk)


@pytest.fixture
def shared(world, third):
    """A signal of one provider, which two others can report."""
    return world.share(by=third, tlp="green")


def feed_entry(uid, *, viewer):
    return {entry.id: entry for entry in signal_reads.feed(0, viewer=viewer).entries}[uid]


def test_one_provider_lowers_nothing_however_many_agents_it_has(world, shared):
    for number in range(5):
        out = tell(shared.id, by=world.big_provider, agent=f"agent-{number}")
    assert (out.lowered, out.reporting, out.needed) == (False, 1, 2)
    assert Signal.objects.get(uid=shared.id).position == shared.position


def test_two_lower_it_everywhere_and_older_agents_read_it_as_disputed(world, shared):
    tell(shared.id, by=world.big_provider)
    out = tell(shared.id, by=world.small_provider)
    assert out.lowered
    entry = feed_entry(shared.id, viewer=world.big_provider)
    assert (entry.lowered, entry.disputed, entry.cleared) == (True, True, False)
    assert entry.position > shared.position
    assert world.ledger_kinds()[-3:] == ["runaway.reported"] * 2 + ["runaway.lowered"]


@at_night
def test_a_suspended_reporter_ceases_to_count_and_counts_again_once_it_is_lifted(world, shared):
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    change(world.small_provider, standing="suspended")
    assert disputes.reweigh_due(NOON) == 1
    assert not feed_entry(shared.id, viewer=world.agency).lowered
    assert world.ledger_kinds()[-2:] == ["disputes.weighed", "runaway.ended"]
    change(world.small_provider, standing="member")
    assert disputes.reweigh_due(NOON) == 1
    assert feed_entry(shared.id, viewer=world.agency).lowered
    assert world.ledger_kinds()[-1] == "runaway.lowered"


def test_a_sharers_standing_is_weighed_again_as_well(world):
    """Two reports lower a signal only while no authority stands behind it."""
    shared = world.share(tlp="green")
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    assert not feed_entry(shared.id, viewer=world.agency).lowered
    change(world.authority, standing="suspended")
    assert disputes.reweigh_due(NOON) == 1
    assert feed_entry(shared.id, viewer=world.agency).lowered


@at_night
def test_a_confirmers_standing_is_weighed_again_as_well(world, shared):
    signals.give_opinion(shared.id, body=OpinionIn(opinion="agree"), by=world.authority, now=NOON)
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    change(world.authority, standing="suspended")
    assert disputes.reweigh_due(NOON) == 1
    assert feed_entry(shared.id, viewer=world.agency).lowered


def test_a_report_that_is_sent_again_changes_nothing_but_its_counts(world, shared):
    tell(shared.id, by=world.big_provider)
    before = world.ledger_kinds()
    out = tell(shared.id, by=world.big_provider, matches=300)
    assert [report.matches for report in out.reports] == [300]
    assert world.ledger_kinds() == before


def test_a_confirmation_ends_it(world, shared):
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    signals.give_opinion(shared.id, body=OpinionIn(opinion="agree"), by=world.authority, now=NOON)
    assert not feed_entry(shared.id, viewer=world.big_provider).disputed


@at_night
def test_what_an_agency_cleared_is_not_lowered_by_reports(world, shared):
    by = world.actor(world.agency)
    for reporter in (world.big_provider, world.small_provider):
        tell(shared.id, by=reporter)
    out = runaways.clear(shared.id, body=WHY, by=by, now=NOON)
    assert (out.lowered, out.cleared, out.reason) == (False, True, WHY.reason)
    assert [report.counts for report in out.reports] == [False, False]
    for reporter in (world.big_provider, world.small_provider):
        tell(shared.id, by=reporter, agent="another")
    assert feed_entry(shared.id, viewer=world.agency).cleared
    assert runaways.lower(shared.id, body=WHY, by=by, now=NOON).lowered


@pytest.mark.parametrize(
    ("decide", "mark"), some_of(1, [("lower", "lowered"), ("clear", "cleared")])
)
def test_what_an_agency_decided_does_not_count_while_it_is_suspended(world, shared, decide, mark):
    getattr(runaways, decide)(shared.id, body=WHY, by=world.actor(world.agency), now=NOON)
    for standing, expected in (("suspended", ""), ("member", mark)):
        change(world.agency, standing=standing)
        assert disputes.reweigh_due(NOON) == 1
        assert Signal.objects.get(uid=shared.id).flood == expected


@pytest.mark.parametrize(
    "counts",
    [
        {"matches": 29},
        {"matches": 9_000_000_000, "lookups": 9_000_000_000},
        {"since": NOON + timedelta(hours=1)},
    ],
)
def test_implausible_counts_are_refused(world, shared, counts):
    with pytest.raises(InvalidError):
        tell(shared.id, by=world.big_provider, **counts)


def test_only_providers_report_and_only_what_they_may_see(world, shared):
    with pytest.raises(NotAllowedError):
        tell(shared.id, by=world.authority)
    hidden = world.share(tlp="red", audience=["eu-referral-unit"])
    with pytest.raises(NotFoundError):
        tell(hidden.id, by=world.big_provider)


def test_a_provider_reads_its_own_reports_and_the_sharer_and_agencies_all(world, shared, third):
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    viewers = (world.agency, third, world.big_provider, world.observer)
    read = {
        viewer.name: [len(row.reports) for row in reads.runaways(viewer=viewer)]
        for viewer in viewers
    }
    assert read == {
        "eu-referral-unit": [2],
        "third": [2],
        "big-video": [1],
        world.observer.name: [],
    }


@at_night
def test_sharer_and_agency_are_alerted_once(world, shared):
    for by in (world.big_provider, world.small_provider):
        tell(shared.id, by=by)
    alerts.raise_from_ledger(NOON)
    raised = sorted(Alert.objects.values_list("kind", "party__name"))
    assert raised == [
        ("signal_lowered", "eu-referral-unit"),
        ("signal_lowered", "third"),
        ("signal_runs_away", "eu-referral-unit"),
        ("signal_runs_away", "third"),
    ]
