# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.orders.reads import decisions as reads_decisions, orders as reads
from stemtide.hub.rooms.orders.writes import deadlines as writes_due, endings as writes_endings
from stemtide.hub.rooms.signals.reads import signals
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.messages.orders import OrderReasonIn, ScrutinyIn
from tests.hub.orders import cast
from tests.hub.orders.cast import after
from tests.rounds import rounds
from tests.world import NOON

pytestmark = pytest.mark.django_db


def ask(world, uid, *, at=None):
    body = ScrutinyIn(basis="provider", reasons="It is a news report.")
    by = world.actor(world.small_provider)
    return writes_endings.open_scrutiny(uid, body=body, by=by, now=at or after(30))


def test_an_infringement_ends_the_order_its_signals_and_asks_to_reinstate(orders):
    signal = orders.share()
    uid = cast.issue(orders, signals=(signal.id,)).id
    cast.execute(orders, uid)
    cast.examine(orders, uid)
    told = cast.decide(orders, uid, "announce", "infringe")
    assert told.state is OrderState.UNDONE
    assert told.end_reason == "It is a news report: Art. 1(3)."
    assert told.scrutinies[0].state == "infringed"
    found = signals.signal(signal.id, viewer=orders.small_provider)
    assert (found.state, found.withdraw_reason) == ("withdrawn", "order_annulled")
    assert orders.ledger_kinds()[-6:] == [
        *("scrutiny.opened", "scrutiny.announced", "scrutiny.infringed"),
        *("scrutiny.communicated", "signal.withdrawn", "order.annulled"),
    ]
    assert orders.last_entry().detail["parties"] == ["small-forum", "be-crisis-centre"]


@pytest.mark.nightly
def test_an_order_that_was_not_executed_simply_has_no_effect(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    cast.examine(orders, uid)
    told = cast.decide(orders, uid, "announce", "infringe")
    assert (told.state, told.due_at) == (OrderState.ANNULLED, None)
    assert writes_due.note_due(after(500)) == 0


@pytest.mark.nightly
def test_an_order_that_stands_goes_on(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    cast.examine(orders, uid)
    told = cast.decide(orders, uid, "uphold")
    assert (told.state, told.due_at) == (OrderState.RECEIVED, after(60))
    with pytest.raises(ConflictError, match="is decided: No infringement"):
        cast.decide(orders, uid, "announce")


def test_a_request_of_the_provider_is_taken_up_by_an_authority_with_a_copy(orders):
    uid = cast.issue(orders).id
    told = ask(orders, uid)
    assert (told.scrutinies[0].basis, told.scrutinies[0].by) == ("provider", "")
    assert told.scrutinies[0].due_at == after(30 + 72 * 60)
    assert orders.last_entry().detail["parties"] == ["fr-referral-unit", "be-crisis-centre"]
    assert cast.decide(orders, uid, "announce").scrutinies[0].by == "fr-referral-unit"


@pytest.mark.nightly
def test_a_request_changes_nothing_in_the_hour(orders):
    uid = cast.issue(orders).id
    cast.receive(uid)
    assert ask(orders, uid).due_at == after(60)


@pytest.mark.nightly
def test_an_authority_enters_the_request_of_a_content_provider(orders):
    uid = cast.issue(orders).id
    body = ScrutinyIn(
        basis="content_provider", reasons="My report on the attack.", informed_at=after(5)
    )
    by = orders.actor(orders.other_authority)
    told = writes_endings.open_scrutiny(uid, body=body, by=by, now=after(60))
    assert told.scrutinies[0].by == "fr-referral-unit"


def test_scrutiny_that_is_overdue_is_noted_once_and_decided_all_the_same(orders):
    uid = cast.issue(orders).id
    ask(orders, uid)
    late = after(31 + 72 * 60)
    assert writes_due.note_due(late) == 1
    assert writes_due.note_due(late) == 0
    told = cast.decide(orders, uid, "announce", "infringe", at=late)
    assert told.scrutinies[0].was_late
    assert told.state is OrderState.ANNULLED


@pytest.mark.nightly
def test_an_overdue_scrutiny_of_an_authority_is_told_to_it(orders):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    assert writes_due.note_due(after(31 + 72 * 60)) == 1
    assert orders.last_entry().detail["parties"] == ["fr-referral-unit", "small-forum"]


@pytest.mark.nightly
def test_an_order_that_is_withdrawn_closes_its_scrutiny(orders):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    by = orders.actor(orders.authority)
    told = writes_endings.withdraw(uid, body=OrderReasonIn(text="A mistake."), by=by, now=after(40))
    assert told.scrutinies[0].state == "closed"
    assert "scrutiny.closed" in orders.ledger_kinds()


def test_nothing_is_decided_that_nobody_opened(orders):
    uid = cast.issue(orders).id
    with pytest.raises(ConflictError, match="open one first"):
        cast.decide(orders, uid, "announce")


@pytest.mark.parametrize("who", ["authority", "small_provider"])
def test_issuer_and_provider_do_not_decide(orders, who):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    by = orders.actor(getattr(orders, who))
    with pytest.raises(NotAllowedError):
        writes_endings.decide_scrutiny(
            uid, step="uphold", body=OrderReasonIn(text="Fine."), by=by, now=after(40)
        )


@pytest.mark.nightly
def test_lists_show_what_waits_first_and_each_side_its_own(orders):
    first = cast.issue(orders).id
    second = cast.issue(orders).id
    cast.receive(second)
    cast.receive(first, at=after(1))
    third = cast.issue(orders).id
    cast.execute(orders, third)
    listed = [one.id for one in reads.orders(viewer=orders.small_provider)]
    assert listed == [second, first, third]
    assert [one.id for one in reads.orders(viewer=orders.authority, is_open=False)] == [third]
    assert len(reads.orders(viewer=orders.other_authority, side=reads.Side.HOME)) == 3
    assert reads.orders(viewer=orders.other_authority, side=reads.Side.ISSUER) == []
    assert len(reads.inbox(viewer=orders.small_provider)) == 3
    assert reads.waiting(viewer=orders.small_provider) == 2
    only = reads.orders(viewer=orders.authority, state=OrderState.EXECUTED, limit=1)
    assert [one.id for one in only] == [third]


def test_what_was_told_before_a_first_order_is_read_by_both(orders):
    told = reads.informations(viewer=orders.small_provider)
    assert [one.sent_by for one in told] == ["be-crisis-centre"]
    assert told[0].order_from == NOON.replace(hour=11)
    assert reads.informations(viewer=orders.big_provider) == []


@pytest.mark.parametrize("before", [(), ("announce",)][: rounds(1, nightly=None)])
@pytest.mark.nightly
def test_a_late_own_initiative_finding_leaves_order_and_signals_alone_by_article_4_3(
    orders, before
):
    signal = orders.share()
    uid = cast.issue(orders, signals=(signal.id,)).id
    cast.examine(orders, uid)
    cast.decide(orders, uid, *before)
    late = after(30 * 24 * 60)
    with pytest.raises(ConflictError, match=r"can no longer be found \(Art. 4\(3\)\)"):
        cast.decide(orders, uid, "infringe" if before else "announce", at=late)
    assert signals.signal(signal.id, viewer=orders.small_provider).state == "live"
    told = cast.decide(orders, uid, "uphold", at=late)
    assert (told.state, told.scrutinies[0].state) == (OrderState.ISSUED, "upheld")


@pytest.mark.nightly
def test_a_request_takes_the_place_of_an_examination_that_may_lapse(orders):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    told = ask(orders, uid, at=after(60))
    assert [scrutiny.state for scrutiny in told.scrutinies] == ["closed", "opened"]
    late = after(61 + 72 * 60)
    found = cast.decide(orders, uid, "announce", "infringe", at=late)
    assert [scrutiny.state for scrutiny in found.scrutinies] == ["closed", "infringed"]


@pytest.mark.parametrize(
    "steps", [("uphold",), ("announce", "infringe")][: rounds(1, nightly=None)]
)
def test_under_article_4_6_agencies_read_the_decision_and_nothing_else_of_the_order(orders, steps):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    told = cast.decide(orders, uid, *steps)
    assert [(sent.to, sent.sent_at) for sent in told.scrutinies[0].sent] == [
        ("eu-referral-unit", after(40))
    ]
    found = reads_decisions.decisions(viewer=orders.agency)
    assert [(one.by, one.decision) for one in found] == [
        ("fr-referral-unit", "It is a news report: Art. 1(3).")
    ]
    assert cast.URL not in found[0].model_dump_json()
    with pytest.raises(NotFoundError):
        reads.order(uid, viewer=orders.agency, now=after(41))


def test_an_announcement_is_no_decision_and_goes_to_no_agency(orders):
    uid = cast.issue(orders).id
    cast.examine(orders, uid)
    cast.decide(orders, uid, "announce")
    assert reads_decisions.decisions(viewer=orders.agency) == []
    assert reads_decisions.decisions(viewer=orders.big_provider) == []
