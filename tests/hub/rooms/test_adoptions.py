# SPDX-License-Identifier: Apache-2.0
"""Which signals of a crisis stay after it: adopted ones do, the others end with its tail."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import (
    ConflictError,
    InvalidError,
    NotAllowedError,
    NotFoundError,
)
from stemtide.hub.rooms.adoptions import reads, writes
from stemtide.hub.rooms.adoptions.models import Adoption
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import life
from stemtide.hub.rooms.crises.writes import crises, moves
from stemtide.hub.rooms.ledger.models import Entry
from stemtide.hub.rooms.retention.writes import holds
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.writes import entries, signals
from stemtide.hub.rooms.signals.writes.endings import erasure
from stemtide.protocol.enums import SignalState
from stemtide.protocol.law.deadlines import months_after
from stemtide.protocol.law.retention import RowClass
from stemtide.protocol.law.retention.adoptions import AdoptIn, AdoptionAnswerIn, UnadoptIn
from stemtide.protocol.law.retention.messages import RetentionChangeIn, RetentionIn
from stemtide.protocol.messages.crises import CloseIn, ProposalIn, TriageIn
from stemtide.protocol.messages.signals import WithdrawIn
from tests.rounds import at_night, on_sqlite
from tests.world import NOON, hex_value, signal_in

pytestmark = on_sqlite

TAIL = timedelta(days=30)
PERPETRATOR = {"labels": ["perpetrator-content"], "provenance": "unknown"}
OTHER = {"labels": ["glorification"], "provenance": "unknown"}


@pytest.fixture
def crisis(world):
    return world.activate().id


def share(world, crisis, number, *, by=None, **facts):
    return world.share(by, value=hex_value(number), crisis=crisis, **({**OTHER, **facts})).id


def join(world, crisis, *parties):
    world.join(life.life(crisis, viewer=world.agency), *parties)


def leader(world):
    return world.actor(world.authority)


def answer(world, crisis, choice, *, by=None, now=NOON):
    body = AdoptionAnswerIn(adopt=choice)
    return writes.answer(crisis, body=body, by=by or leader(world), now=now)


def adopt(world, crisis, *uids, by=None, now=NOON, **more):
    body = AdoptIn(signals=uids, **more)
    return writes.adopt(crisis, body=body, by=by or leader(world), now=now)


def unadopt(world, crisis, *uids, by=None):
    return writes.unadopt(crisis, body=UnadoptIn(signals=uids), by=by or leader(world), now=NOON)


def propose_closure(world, crisis, **body):
    body = ProposalIn(act="close", reason="it is over", **body)
    return writes.propose(crisis, body=body, by=world.actor(world.agency), now=NOON)


def close(world, crisis, **body):
    told = propose_closure(world, crisis, **body)
    return moves.confirm(crisis, told.proposals[-1].id, by=leader(world), now=NOON)


def pass_tail(now=NOON + TAIL):
    writes.limit_due(now)
    moves.note_due(now)
    signals.expire_due(now)
    writes.limit_due(now)


def state_of(uid):
    return Signal.objects.get(uid=uid).state


# The question


def test_closing_waits_for_the_answer(world, crisis):
    share(world, crisis, 1)
    with pytest.raises(ConflictError, match="say first which signals stay"):
        propose_closure(world, crisis)
    answer(world, crisis, "none")
    assert close(world, crisis).stage == "closed"


def test_a_crisis_without_signals_closes_without_an_answer(world, crisis):
    assert close(world, crisis).stage == "closed"


@at_night
def test_the_proposal_can_carry_the_answer(world, crisis):
    uid = share(world, crisis, 1)
    close(world, crisis, adopt="all")
    assert Adoption.objects.get().signal.uid == uid


@at_night
def test_an_answer_with_a_refused_proposal_adopts_nothing(world, crisis):
    share(world, crisis, 1)
    join(world, crisis, world.big_provider)
    body = ProposalIn(act="close", reason="it is over", adopt="all")
    with pytest.raises(NotAllowedError):
        writes.propose(crisis, body=body, by=world.actor(world.big_provider), now=NOON)
    assert not Adoption.objects.exists()


@at_night
def test_a_warning_waits_too_and_its_closing_can_carry_the_answer(world):
    crisis = world.warn().id
    share(world, crisis, 1)
    by = leader(world)
    with pytest.raises(ConflictError, match="say first"):
        writes.close(crisis, body=CloseIn(reason="a hoax"), by=by, now=NOON)
    closed = writes.close(crisis, body=CloseIn(reason="a hoax", adopt="none"), by=by, now=NOON)
    assert closed.stage == "closed"


def test_a_rating_does_not_close_a_warning_past_the_question(world):
    crisis = world.warn().id
    share(world, crisis, 1)
    body = TriageIn(harm=1, virality=1, close=True)
    with pytest.raises(ConflictError, match="say first"):
        crises.triage(crisis, body=body, by=leader(world), now=NOON)


@at_night
def test_signals_that_come_after_the_answer_ask_again_before_a_proposal(world, crisis):
    share(world, crisis, 1)
    answer(world, crisis, "none")
    share(world, crisis, 2)
    with pytest.raises(ConflictError, match="say first"):
        propose_closure(world, crisis)
    shown = reads.adoption(crisis, by=leader(world), show="new")
    assert (shown.is_answered, shown.is_current, len(shown.rows)) == (True, False, 1)


@at_night
def test_signals_that_come_after_the_proposal_do_not_stop_its_confirmation(world, crisis):
    share(world, crisis, 1)
    told = propose_closure(world, crisis, adopt="none")
    share(world, crisis, 2)
    by = leader(world)
    assert moves.confirm(crisis, told.proposals[-1].id, by=by, now=NOON).stage == "closed"


@at_night
def test_a_first_signal_after_the_proposal_stops_its_confirmation(world, crisis):
    told = propose_closure(world, crisis)
    share(world, crisis, 1)
    with pytest.raises(ConflictError, match="nobody has said"):
        moves.confirm(crisis, told.proposals[-1].id, by=leader(world), now=NOON)


# What is pre-selected, and who may choose


@at_night
@pytest.mark.parametrize(
    ("facts", "suggested"),
    [
        (PERPETRATOR, ["perpetrator-content"]),
        ({"labels": ["manifesto", "glorification"], "provenance": "unknown"}, ["manifesto"]),
        ({"labels": ["glorification"], "provenance": "perpetrator"}, ["perpetrator"]),
        (OTHER, []),
    ],
)
def test_content_of_perpetrators_is_pre_selected(world, crisis, facts, suggested):
    uid = share(world, crisis, 1, **facts)
    shown = reads.adoption(crisis, by=leader(world))
    assert (shown.rows[0].id, shown.rows[0].suggested_by) == (uid, suggested)
    assert shown.suggested == bool(suggested)
    listed = reads.adoption(crisis, by=leader(world), show="suggested").rows
    assert len(listed) == bool(suggested)
    left = reads.adoption(crisis, by=leader(world), show="left").rows
    assert len(left) == (not suggested)


@at_night
def test_suggested_adopts_what_is_pre_selected_and_nothing_else(world, crisis):
    wanted, other = share(world, crisis, 1, **PERPETRATOR), share(world, crisis, 2)
    told = answer(world, crisis, "suggested")
    assert (told.live, told.adopted, told.suggested, told.is_current) == (2, 1, 0, True)
    assert [row.id for row in told.rows if row.adopted_by] == [wanted]
    assert other in {row.id for row in told.rows}


def test_a_party_that_joined_reads_and_chooses_nothing(world, crisis):
    uid = share(world, crisis, 1)
    join(world, crisis, world.big_provider)
    by = world.actor(world.big_provider)
    for act in (
        lambda: reads.adoption(crisis, by=by),
        lambda: adopt(world, crisis, uid, by=by),
        lambda: unadopt(world, crisis, uid, by=by),
        lambda: answer(world, crisis, "none", by=by),
    ):
        with pytest.raises(NotAllowedError):
            act()


def test_a_leader_adopts_only_signals_that_it_may_see(world, crisis):
    marks = {"tlp": "red", "audience": ["big-video"]}
    join(world, crisis, world.big_provider)
    hidden = share(world, crisis, 1, by=world.big_provider, **marks)
    told = answer(world, crisis, "all")
    assert (told.live, told.rows, Adoption.objects.count()) == (0, [], 0)
    with pytest.raises(NotFoundError, match="no live signal"):
        adopt(world, crisis, hidden)


def test_signals_of_other_crises_are_not_adopted(world, crisis):
    elsewhere = world.share(value=hex_value(7)).id
    with pytest.raises(NotFoundError):
        adopt(world, crisis, elsewhere)


@at_night
def test_a_filter_chooses_by_label_and_sharer(world, crisis):
    wanted = share(world, crisis, 1, **PERPETRATOR)
    share(world, crisis, 2)
    body = AdoptIn(label="perpetrator-content", shared_by=world.authority.name)
    writes.adopt(crisis, body=body, by=leader(world), now=NOON)
    assert [row.signal.uid for row in Adoption.objects.all()] == [wanted]


@at_night
def test_the_list_has_pages(world, crisis):
    uids = [share(world, crisis, number) for number in range(1, 6)]
    first = reads.adoption(crisis, by=leader(world), limit=3)
    second = reads.adoption(crisis, by=leader(world), limit=3, after=first.next)
    assert [row.id for row in first.rows + second.rows] == uids
    assert second.next is None


# What an adopted signal gets


def test_an_adopted_signal_gets_a_basis_purpose_and_date_of_its_adopter(world, crisis):
    uid = share(world, crisis, 1, by=world.agency, expires_at=NOON + timedelta(days=3))
    before = Signal.objects.get(uid=uid).position
    adopt(world, crisis, uid, by=leader(world))
    row, until = Signal.objects.get(uid=uid), months_after(NOON, 36)
    assert (row.legal_basis, row.purpose) == ("led", "contain_spread")
    assert row.retention_rule == "retention-2026 signal/authority"
    assert (row.expires_at, row.erase_due) == (until, months_after(until, 6))
    assert row.position > before
    entry = Entry.objects.filter(kind="signals.adopted").get()
    assert entry.detail["count"] == 1
    assert (entry.detail["basis"], entry.detail["first"]) == ("led", row.position)


@at_night
def test_a_leader_can_give_a_basis_of_its_kind_only(world, crisis):
    uid = share(world, crisis, 1)
    with pytest.raises(InvalidError) as refused:
        adopt(world, crisis, uid, legal_basis="europol")
    assert refused.value.field == "legal_basis"
    adopt(world, crisis, uid, legal_basis="tco")
    row = Signal.objects.get(uid=uid)
    assert (row.legal_basis, row.retention_rule) == ("tco", "retention-2026 signal/authority given")


def test_a_purpose_that_limits_readers_stays(world, crisis):
    marks = {"tlp": "amber", "audience": ["eu-referral-unit"]}
    uid = share(world, crisis, 1, retention=RetentionIn(purpose="investigate"), **marks)
    adopt(world, crisis, uid)
    assert Signal.objects.get(uid=uid).purpose == "investigate"


@at_night
def test_the_first_adoption_stays(world, crisis):
    uid = share(world, crisis, 1)
    adopt(world, crisis, uid)
    adopt(world, crisis, uid, by=world.actor(world.agency))
    assert Adoption.objects.get().party == world.authority


@at_night
def test_thousands_are_adopted_in_batches(world, crisis, monkeypatch):
    monkeypatch.setattr(writes, "AT_ONCE", 20)
    bodies = [signal_in(value=hex_value(n), crisis=crisis, **OTHER) for n in range(50)]
    signals.share_many(bodies, by=world.authority, now=NOON)
    assert answer(world, crisis, "all").adopted == 50
    counts = [entry.detail["count"] for entry in Entry.objects.filter(kind="signals.adopted")]
    assert counts == [20, 20, 10]


# Undo


def test_an_undo_restores_what_was(world, crisis):
    uid = share(world, crisis, 1, expires_at=NOON + timedelta(days=3))
    columns = ("legal_basis", "purpose", "retention_rule", "erase_due", "expires_at")
    before = Signal.objects.values_list(*columns).get(uid=uid)
    adopt(world, crisis, uid, legal_basis="tco")
    assert Signal.objects.values_list(*columns).get(uid=uid) != before
    told = unadopt(world, crisis, uid)
    assert Signal.objects.values_list(*columns).get(uid=uid) == before
    assert (told.adopted, Adoption.objects.count()) == (0, 0)
    assert world.ledger_kinds()[-1] == "adoptions.reverted"


@at_night
def test_an_undo_leaves_what_was_changed_since(world, crisis):
    uid = share(world, crisis, 1)
    adopt(world, crisis, uid)
    body = RetentionChangeIn(reason="the provision of our law", legal_basis="national")
    officer = world.actor(role="data_protection_officer")
    holds.change(RowClass.SIGNAL, uid, body=body, by=officer, now=NOON)
    unadopt(world, crisis, uid)
    assert Signal.objects.get(uid=uid).legal_basis == "national"


def test_nobody_undoes_the_adoption_of_another_party(world, crisis):
    uid = share(world, crisis, 1)
    adopt(world, crisis, uid)
    with pytest.raises(ConflictError, match="only the party that adopted"):
        unadopt(world, crisis, uid, by=world.actor(world.agency))
    assert Adoption.objects.count() == 1


@at_night
def test_nothing_is_undone_once_the_crisis_is_closed(world, crisis):
    uid = share(world, crisis, 1)
    close(world, crisis, adopt="all")
    with pytest.raises(ConflictError, match="is closed"):
        unadopt(world, crisis, uid)
    with pytest.raises(ConflictError, match="is closed"):
        answer(world, crisis, "none")


# The end


def test_the_others_end_with_the_tail_and_agents_learn_of_it_at_once(world, crisis):
    stays, ends = share(world, crisis, 1, **PERPETRATOR), share(world, crisis, 2)
    close(world, crisis, adopt="suggested")
    before = Signal.objects.get(uid=ends).position
    writes.limit_due(NOON)
    row = Signal.objects.get(uid=ends)
    assert (row.state, row.expires_at, row.position > before) == (
        SignalState.LIVE,
        NOON + TAIL,
        True,
    )
    entry = Entry.objects.filter(kind="signals.limited").get()
    assert (entry.actor, entry.detail["count"], entry.detail["first"]) == ("clock", 1, row.position)
    pass_tail()
    assert (state_of(stays), state_of(ends)) == (SignalState.LIVE, SignalState.EXPIRED)
    assert Signal.objects.get(uid=ends).erase_due == months_after(NOON + TAIL, 6)
    assert Crisis.objects.get(uid=crisis).ends_signals is False


@at_night
def test_an_earlier_end_stays(world, crisis):
    soon = NOON + timedelta(days=2)
    uid = share(world, crisis, 1, expires_at=soon)
    close(world, crisis, adopt="none")
    writes.limit_due(NOON)
    assert Signal.objects.get(uid=uid).expires_at == soon


@at_night
def test_signals_of_the_tail_end_with_it_unless_they_are_adopted(world, crisis):
    close(world, crisis)
    stays, ends = share(world, crisis, 1), share(world, crisis, 2)
    writes.limit_due(NOON)
    later = NOON + timedelta(days=5)
    adopt(world, crisis, stays, now=later)
    pass_tail()
    assert (state_of(stays), state_of(ends)) == (SignalState.LIVE, SignalState.EXPIRED)
    with pytest.raises(ConflictError, match="is over"):
        adopt(world, crisis, stays, now=NOON + TAIL)


def test_a_sharer_cannot_extend_a_signal_beyond_its_crisis(world, crisis):
    ends, stays = share(world, crisis, 1), share(world, crisis, 2)
    close(world, crisis, adopt="none")
    adopt(world, crisis, stays)
    writes.limit_due(NOON)
    until = NOON + timedelta(days=60)
    with pytest.raises(ConflictError, match="ends with its crisis"):
        entries.extend(ends, until=until, by=world.authority, now=NOON, through="key:1")


@at_night
def test_the_signals_of_a_false_alarm_end_at_once(world):
    crisis = world.warn().id
    uid = share(world, crisis, 1)
    body = CloseIn(reason="a hoax", adopt="none")
    writes.close(crisis, body=body, by=leader(world), now=NOON)
    pass_tail(NOON)
    assert state_of(uid) == SignalState.EXPIRED


@at_night
def test_who_opened_a_warning_ends_and_adopts_no_signal_of_others(world):
    crisis = world.warn().id
    own = share(world, crisis, 1)
    join(world, crisis, world.big_provider)
    other = share(world, crisis, 2, by=world.big_provider)
    body = CloseIn(reason="a hoax", adopt="none")
    writes.close(crisis, body=body, by=leader(world), now=NOON)
    pass_tail(NOON)
    assert [state_of(uid) for uid in (own, other)] == [SignalState.EXPIRED, SignalState.LIVE]


@at_night
def test_what_comes_while_all_are_adopted_is_asked_about_later(world, crisis):
    share(world, crisis, 1)
    late = share(world, crisis, 2)
    Signal.objects.filter(uid=late).update(shared_at=NOON + timedelta(seconds=5))
    answer(world, crisis, "all")
    assert not reads.adoption(crisis, by=leader(world)).is_current
    close(world, crisis, adopt="none")


@at_night
def test_a_given_date_of_erasure_follows_the_new_end(world, crisis):
    until = months_after(NOON, 12)
    uid = share(world, crisis, 1, retention=RetentionIn(until=until))
    close(world, crisis, adopt="none")
    pass_tail()
    assert Signal.objects.get(uid=uid).erase_due == months_after(NOON + TAIL, 6)


@at_night
def test_crises_that_older_code_closed_end_no_signals(world, crisis):
    uid = share(world, crisis, 1)
    close(world, crisis, adopt="none")
    Crisis.objects.update(ends_signals=False)
    pass_tail()
    assert state_of(uid) == SignalState.LIVE


@at_night
def test_a_run_ends_a_bounded_number(world, crisis, monkeypatch):
    monkeypatch.setattr(writes, "AT_ONCE", 10)
    monkeypatch.setattr(writes, "BATCHES", 2)
    bodies = [signal_in(value=hex_value(n), crisis=crisis, **OTHER) for n in range(25)]
    signals.share_many(bodies, by=world.authority, now=NOON)
    close(world, crisis, adopt="none")
    assert [writes.limit_due(NOON) for _ in range(3)] == [20, 5, 0]


@at_night
def test_a_withdrawn_signal_is_not_asked_about(world, crisis):
    uid = share(world, crisis, 1)
    signals.withdraw(uid, body=WithdrawIn(reason="mistake"), by=world.authority, now=NOON)
    assert close(world, crisis).stage == "closed"


# What hangs on an adoption


@at_night
def test_an_adoption_is_deleted_once_its_signal_is_erased(world, crisis):
    gone, there = share(world, crisis, 1), share(world, crisis, 2)
    adopt(world, crisis, gone, there)
    row = Signal.objects.get(uid=gone)
    erasure.erase([row], now=NOON)
    writes.limit_due(NOON)
    assert [adoption.signal.uid for adoption in Adoption.objects.all()] == [there]


@at_night
def test_an_undo_takes_a_basis_back_although_the_sharer_extended_the_signal(world, crisis):
    uid = share(world, crisis, 1, by=world.agency)
    before = Signal.objects.get(uid=uid)
    adopt(world, crisis, uid)
    until = months_after(NOON, 36) + timedelta(days=1)
    row = Signal.objects.get(uid=uid)
    Signal.objects.filter(pk=row.pk).update(
        expires_at=until, erase_due=months_after(until, 6)
    )  # as an extension does, once the term allows it
    unadopt(world, crisis, uid)
    after = Signal.objects.get(uid=uid)
    assert (after.legal_basis, after.purpose) == (before.legal_basis, before.purpose)
    assert (after.retention_rule, after.expires_at) == (before.retention_rule, until)


@at_night
def test_many_adoptions_are_undone_with_few_statements(
    world, crisis, django_assert_max_num_queries
):
    """An undo holds the ledger's lock: others wait for as long as it writes."""
    bodies = [
        signal_in(value=hex_value(n), crisis=crisis, expires_at=NOON + timedelta(days=n % 3 + 1))
        for n in range(60)
    ]
    signals.share_many(bodies, by=world.authority, now=NOON)
    answer(world, crisis, "all")
    uids = list(Signal.objects.values_list("uid", flat=True))
    with django_assert_max_num_queries(90):  # with those for each chosen id
        unadopt(world, crisis, *uids)
    ends = Signal.objects.order_by("pk").values_list("expires_at", flat=True)
    assert list(ends) == [body.expires_at for body in bodies]
    positions = Signal.objects.values_list("position", flat=True)
    assert len(set(positions)) == 60


@at_night
def test_a_signal_from_before_the_warning_keeps_its_end(world, crisis):
    own = share(world, crisis, 1)
    joined = world.share(value=hex_value(2), expires_at=NOON + timedelta(days=40)).id
    Signal.objects.filter(uid=joined).update(shared_at=NOON - timedelta(days=3))
    entries.join_crisis(joined, crisis=crisis, by=world.authority, now=NOON, through="key:1")
    close(world, crisis, adopt="none")
    writes.limit_due(NOON)
    until = NOON + timedelta(days=60)
    entries.extend(joined, until=until, by=world.authority, now=NOON, through="key:1")
    pass_tail()
    assert (state_of(own), state_of(joined)) == (SignalState.EXPIRED, SignalState.LIVE)
