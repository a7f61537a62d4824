# SPDX-License-Identifier: Apache-2.0
from uuid import uuid4

import pytest

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.situation.reads import situation as reads
from stemtide.hub.rooms.situation.rules import situation as rules
from stemtide.hub.rooms.situation.writes import situation as writes
from stemtide.protocol.enums import PartyKind, PublicStatementState, Role, Vote
from stemtide.protocol.messages.situation import PublicStatementIn
from tests.hub.situation.test_log import CLOSED, NO, OPEN, YES, allowed
from tests.world import NOON

YEA, NAY = Vote.AGREE, Vote.OBJECT
KINDS = {
    "authority": PartyKind.AUTHORITY,
    "agency": PartyKind.AGENCY,
    "provider": PartyKind.PROVIDER,
    "rival": PartyKind.PROVIDER,
    "consortium": PartyKind.CONSORTIUM,
}


@pytest.mark.parametrize(
    ("proposed_by", "votes", "state"),
    [
        ("authority", {}, "proposed"),
        ("provider", {}, "proposed"),
        ("authority", {"provider": YEA}, "agreed"),
        ("provider", {"authority": YEA}, "agreed"),
        ("provider", {"agency": YEA}, "agreed"),
        ("provider", {"rival": YEA}, "proposed"),
        ("provider", {"rival": YEA, "consortium": YEA}, "proposed"),
        ("provider", {"rival": YEA, "agency": YEA}, "agreed"),
        ("authority", {"agency": NAY}, "objected"),
        ("authority", {"agency": YEA, "provider": NAY}, "objected"),
    ],
)
def test_a_line_is_agreed_by_two_of_whom_one_is_public(proposed_by, votes, state):
    found = rules.state_of_votes(votes, kinds=KINDS, proposed_by=proposed_by)
    assert found == PublicStatementState(state)


@pytest.mark.parametrize(
    ("kind", "role", "propose", "vote"),
    [
        ("authority", "duty_officer", YES, YES),
        ("authority", "coordinator", YES, YES),
        ("authority", "analyst", YES, NO),
        ("authority", "administrator", YES, NO),
        ("authority", "data_protection_officer", NO, NO),
        ("authority", "observer", NO, NO),
        ("provider", "duty_officer", YES, YES),
        ("provider", None, YES, YES),
        ("consortium", "coordinator", YES, YES),
        ("observer", "duty_officer", NO, NO),
    ],
)
def test_who_may_propose_and_vote(kind, role, propose, vote):
    kind, role = PartyKind(kind), role and Role(role)
    facts = rules.LineFacts(state=PublicStatementState.PROPOSED, proposed_by="somebody-else")
    assert propose is allowed(rules.check_propose, OPEN, kind=kind, role=role)
    assert vote is allowed(rules.check_vote, facts, OPEN, kind=kind, name="me", role=role)
    assert not allowed(rules.check_propose, CLOSED, kind=kind, role=role)
    assert not allowed(rules.check_vote, facts, CLOSED, kind=kind, name="me", role=role)


@pytest.mark.parametrize(
    ("state", "vote", "withdraw"),
    [
        ("proposed", YES, YES),
        ("agreed", YES, YES),
        ("objected", YES, YES),
        ("superseded", NO, NO),
        ("withdrawn", NO, NO),
    ],
)
def test_what_may_happen_to_a_line_in_each_state(state, vote, withdraw):
    facts = rules.LineFacts(state=PublicStatementState(state), proposed_by="big-video")
    kind = PartyKind.AUTHORITY
    assert vote is allowed(rules.check_vote, facts, OPEN, kind=kind, name="me", role=None)
    assert withdraw is allowed(rules.check_withdraw_line, facts, name="big-video", role=None)


def test_only_an_agreed_line_is_usable(room):
    line = room.propose()
    assert not line.usable
    assert room.vote(line, "big_provider").usable
    assert room.world.ledger_kinds()[-2:] == ["line.proposed", "line.agreed"]


def test_an_objection_takes_a_line_out_of_use_at_once(room):
    line = room.propose()
    room.vote(line, "big_provider")
    said = room.vote(line, "agency", vote="object")
    assert (said.state, said.usable, said.agreed_at) == ("objected", False, None)
    assert room.vote(line, "agency").usable


def test_a_line_is_superseded_once_another_is_agreed(room):
    first = room.propose()
    room.vote(first, "agency")
    second = room.propose(replaces=first.id, texts={"en": "New words.", "nl": "Nieuwe woorden."})
    assert reads.find_line(first.id, viewer=room.world.agency).state == "agreed"
    room.vote(second, "agency")
    states = {one.id: one.state for one in reads.lines(room.crisis.id, viewer=room.world.agency)}
    assert states == {first.id: "superseded", second.id: "agreed"}


def test_who_proposed_a_line_does_not_vote_on_it_and_may_withdraw_it(room):
    line = room.propose()
    with pytest.raises(ConflictError, match="withdraw it"):
        room.vote(line, "authority")
    with pytest.raises(NotAllowedError, match="object to it"):
        writes.withdraw_line(line.id, by=room.actor("agency"), now=NOON)
    assert writes.withdraw_line(line.id, by=room.actor("authority"), now=NOON).state == "withdrawn"
    with pytest.raises(ConflictError, match="already"):
        writes.withdraw_line(line.id, by=room.actor("authority"), now=NOON)
    with pytest.raises(ConflictError, match="withdrawn"):
        room.vote(line, "agency")


def test_a_line_replaces_one_of_its_own_crisis(room):
    with pytest.raises(InvalidError, match="no public line"):
        room.propose(replaces=uuid4())
    other = room.world.warn(name="Another attack")
    there = writes.propose_line(
        other.id,
        body=PublicStatementIn(texts={"en": "Words."}),
        by=room.actor("authority"),
        now=NOON,
    )
    with pytest.raises(InvalidError, match="another crisis"):
        room.propose(replaces=there.id)


def test_a_line_is_not_there_for_who_is_not_in_the_room(room):
    line = room.propose()
    with pytest.raises(NotFoundError):
        reads.find_line(line.id, viewer=room.world.observer)
