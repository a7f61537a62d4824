# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/understand/permissions.md, cell by cell, against the rules themselves."""

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from stemtide.hub.platform.permissions import allows, check_person_may_write
from stemtide.hub.rooms.allowlists import rules as allowlists
from stemtide.hub.rooms.approvals import rules as approvals
from stemtide.hub.rooms.crises.rules import crises, moves, participants, roles
from stemtide.hub.rooms.orders.rules import orders
from stemtide.hub.rooms.parties.rules import (
    competences,
    independence,
    joining,
    keys,
    standing as standings,
    suspensions,
)
from stemtide.hub.rooms.signals.rules import disputes, questions, runaways, signals
from stemtide.hub.rooms.signals.rules.disputes import Dispute, DisputeFacts
from stemtide.hub.rooms.signals.rules.runaways import FloodFacts
from stemtide.hub.rooms.signals.rules.signals import SignalFacts
from stemtide.hub.rooms.tasks import rules as tasks
from stemtide.protocol.enums import (
    ApprovalState,
    CheckAnswer,
    JoinState,
    PartyKind,
    ProposalAct,
    ProposalState,
    Role,
    Scope,
    SignalState,
    Standing,
)
from stemtide.protocol.enums.orders import OrderState
from stemtide.protocol.enums.response import ResponseRole, TaskState
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.trust.second_look import WaitReason, second_look
from stemtide.protocol.trust.standing import PartyTrust, independent
from tests.world import NOON

PAGE = Path(__file__).parents[2] / "docs/understand/permissions.md"
LATER = NOON + timedelta(hours=1)
PROVIDER, AUTHORITY, AGENCY = PartyKind.PROVIDER, PartyKind.AUTHORITY, PartyKind.AGENCY
ONE = PartyTrust("one", PROVIDER, Standing.MEMBER)
DOES_NOT_ARISE = "\N{EN DASH}"
ALWAYS = ("new", "member", "trusted", "suspended")


@dataclass(frozen=True)
class Who:
    """A person or a key of a party, as the rules see it: role None for a key."""

    kind: PartyKind
    standing: Standing = Standing.MEMBER
    name: str = "us"
    role: Role | None = Role.COORDINATOR
    ref: str = "person:us"
    country: str = "BE"
    group: str = ""

    @property
    def trust(self):
        return PartyTrust(self.name, self.kind, self.standing, state=self.country)


def yes(is_allowed):
    return "yes" if is_allowed else "no"


def passes(check, *facts, **named):
    return yes(allows(check, *facts, **named))


# Signals


def shares(who, *, reach=None):
    if not allows(signals.check_share, kind=who.kind):
        return "no"
    return "waits" if reach and WaitReason.REACH in second_look().rules else "yes"


def withdraws(who, *, shared_by):
    live = SignalFacts(SignalState.LIVE, shared_by)
    return passes(signals.check_withdraw, live, kind=who.kind, name=who.name)


def may_opine(who):
    return allows(signals.check_opinion, SignalFacts(SignalState.LIVE, "one"), kind=who.kind)


def dispute_counts(who):
    own, other = Dispute(who.trust), Dispute(ONE)
    if not may_opine(who):
        return "no"
    if disputes.stops_everywhere([own], sharer="sharer"):
        return "alone"
    return "with a second" if disputes.stops_everywhere([own, other], sharer="sharer") else "no"


def sends_question(who):
    facts = SignalFacts(SignalState.LIVE, "one")
    return passes(
        questions.check_question, facts, None, kind=who.kind, name=who.name, role=who.role
    )


def handles_questions(who):
    """What a person or key of a provider may do: send a question, and answer one."""
    sends = sends_question(official(who, kind=PROVIDER))
    to_us = questions.QuestionFacts("one", sharer=who.name, is_answered=False)
    assert passes(questions.check_answer, to_us, name=who.name, role=who.role) == sends
    return sends


def dispute_of(party, **more):
    facts = {"kind": PROVIDER, "is_open": True, "is_set_aside": False, "is_answered": False}
    return DisputeFacts(party=party, **facts | more)


def sets_aside(who):
    return passes(
        disputes.check_set_aside, dispute_of("one"), kind=who.kind, name=who.name, role=who.role
    )


def dismisses(who):
    facts = disputes.OpenDisputes("one", PROVIDER, count=3)
    return passes(
        disputes.check_dismiss, facts, shown=3, kind=who.kind, name=who.name, role=who.role
    )


def restores_many(who):
    facts = disputes.DismissalFacts(is_restored=False, answered={"one": False})
    return passes(disputes.check_restore_many, facts, kind=who.kind, role=who.role)


def answers_many(who):
    facts = disputes.DismissalFacts(is_restored=False, answered={who.name: False})
    return passes(disputes.check_answer_many, facts, name=who.name, role=who.role)


def restores(who):
    aside = dispute_of("one", is_set_aside=True)
    return passes(disputes.check_restore, aside, kind=who.kind, role=who.role)


def answers(who):
    aside = dispute_of(who.name, is_set_aside=True)
    return passes(disputes.check_answer, aside, name=who.name, role=who.role)


def report_counts(who):
    def lowers(*reporting):
        return runaways.flood_mark(FloodFacts(behind=(), reporting=reporting)) != ""

    if not allows(runaways.check_report, kind=who.kind):
        return "no"
    if lowers(who.trust):
        return "alone"
    return "with a second" if lowers(who.trust, ONE) else "no"


SIGNALS = {
    "share an address or a file": shares,
    "share a folder or host of the web": lambda who: shares(who, reach="host"),
    "withdraw its own signal": lambda who: withdraws(who, shared_by="us"),
    "withdraw the signal of another party": lambda who: withdraws(who, shared_by="one"),
    "confirm or dispute a signal": lambda who: yes(may_opine(who)),
    "send the sharer of a signal a question": sends_question,
    "its confirmation counts": lambda who: yes(may_opine(who) and independent([who.trust])),
    "its dispute counts at others": dispute_counts,
    "set a dispute of another party aside": sets_aside,
    "let a dispute count again": restores,
    "answer that its own dispute was set aside": answers,
    "set all disputes of another party aside": dismisses,
    "let all of them count again": restores_many,
    "answer that its own disputes were set aside": answers_many,
    "report that a signal matches too much": lambda who: passes(
        runaways.check_report, kind=who.kind
    ),
    "its report counts at others": report_counts,
    "lower a signal, or clear it": lambda who: passes(
        runaways.check_decide, kind=who.kind, role=who.role
    ),
    "change the hub's allow-list": lambda who: passes(
        allowlists.check_change, kind=who.kind, role=who.role
    ),
}


# Second looks


def waiting(reason, *, asker, **more):
    """What waits for this reason, asked for by a person of the party."""
    facts = {"party": asker, "ref": "person:asker", "who": second_look().deciders([reason])}
    facts |= {"is_by_leaders": second_look().is_by_leaders([reason])}
    facts |= {"state": ApprovalState.WAITING, "expires_at": LATER}
    return approvals.ApprovalFacts(**facts | more)


def looks(reason, who, *, asker):
    """Whether the party approves what waits; it refuses exactly what it may approve."""
    facts = waiting(reason, asker=asker)
    named = {"by": who, "trust": who.trust, "now": NOON}
    approves = passes(approvals.check_approve, facts, count=1, **named)
    assert passes(approvals.check_refuse, facts, **named) == approves
    return approves


def looker(kind, standing, *, of_asker=False, country="BE"):
    name = "asker" if of_asker else "looker"
    state = country if kind is AUTHORITY else ""
    return Who(kind, standing, name=name, ref="person:looker", country=state)


LOOKERS = {
    "own party": lambda standing, kind: looker(kind, standing, of_asker=True),
    "own agency": lambda standing, _: looker(AGENCY, standing, of_asker=True),
    "provider": lambda standing, _: looker(PROVIDER, standing),
    "consortium": lambda standing, _: looker(PartyKind.CONSORTIUM, standing),
    "observer": lambda standing, _: looker(PartyKind.OBSERVER, standing),
    "authority, same state": lambda standing, _: looker(AUTHORITY, standing),
    "other authority": lambda standing, _: looker(AUTHORITY, standing, country="FR"),
    "agency": lambda standing, _: looker(AGENCY, standing),
}


# Crises, parties and orders


def crisis(stage="early_warning", **more):
    tests = framework("eucp-2023").tests
    facts = {"opened_by": "opener", "countries": ("BE", "FR"), "measures": 1}
    facts |= {"answers": dict.fromkeys(tests, CheckAnswer.YES)}
    facts |= {"states": {"us": JoinState.JOINED}}
    return crises.CrisisFacts(framework=framework("eucp-2023"), stage=stage, **facts | more)


def takes_role(who, role=ResponseRole.MEDIA):
    return passes(roles.check_take, crisis(), roles.RoleFacts(role), by=who)


def gives_task(who):
    return passes(tasks.check_give, crisis(), by=who)


def proposal(kind=AUTHORITY, act="activate", **more):
    facts = {"act": ProposalAct(act), "state": ProposalState.OPEN, "author": "other"}
    facts |= {
        "kind": kind,
        "country": "FR" if kind is AUTHORITY else "",
        "author_ref": "person:other",
    }
    return moves.ProposalFacts(**facts | {"is_machine": False, "expires_at": LATER} | more)


def confirms(who, waiting):
    return passes(moves.check_confirm, crisis(), by=who, proposal=waiting, now=NOON)


def decides_on_standing(who):
    granted = [
        allows(standings.check_grant, ONE, to=Standing.TRUSTED, by=who),
        allows(standings.check_set_group, ONE, group="owner", by=who),
        allows(standings.check_grant_digests, ONE, speaks=True, by=who),
    ]
    assert len(set(granted)) == 1
    return yes(granted[0])


def suspends(who):
    facts = suspensions.SuspensionFacts(party=ONE, lifts=False, agencies=2)
    made = suspensions.SuspensionFacts(
        ONE, lifts=False, agencies=2, author="eu", author_ref="person:eu"
    )
    allowed = [
        allows(suspensions.check_propose, facts, by=who),
        allows(suspensions.check_confirm, made, by=who, now=NOON),
        allows(suspensions.check_decline, made, by=who, now=NOON),
    ]
    assert len(set(allowed)) == 1
    return yes(allowed[0])


OTHERS = {
    "raise a warning": lambda who: passes(crises.check_warn, by=who),
    "join after an invitation": lambda who: passes(
        participants.check_join, crisis(states={"us": JoinState.INVITED}), by=who
    ),
    "join without an invitation, as an affected state": lambda who: passes(
        participants.check_join, crisis(states={}), by=who
    ),
    "propose to activate": lambda who: passes(
        moves.check_propose, crisis(), by=who, act=ProposalAct.ACTIVATE
    ),
    "confirm what the authority of another state proposed": lambda who: confirms(who, proposal()),
    "confirm what an agency proposed": lambda who: confirms(who, proposal(AGENCY)),
    "confirm what the authority of another state and one's own group proposed": lambda who: (
        confirms(replace(who, group="owner"), proposal(group="owner"))
    ),
    "confirm what a suspended authority proposed": lambda who: confirms(
        who, proposal(is_suspended=True)
    ),
    "activate as an emergency, before a second party agrees": lambda who: passes(
        moves.check_emergency, crisis(), by=who, is_used=False, pending=None
    ),
    "decline an emergency activation of another party": lambda who: passes(
        moves.check_refuse,
        crisis("active"),
        by=who,
        proposal=proposal(is_emergency=True),
        now=NOON,
    ),
    "close a warning that it raised": lambda who: passes(
        moves.check_close, crisis(opened_by="us"), by=who
    ),
    "close a warning of another party": lambda who: passes(moves.check_close, crisis(), by=who),
    "take an open role in the response": takes_role,
    "lead a response to a crisis that another party opened": lambda who: takes_role(
        who, ResponseRole.LEAD
    ),
    "add a task": gives_task,
    "finish a task between two other parties": lambda who: passes(
        tasks.check_move,
        crisis(),
        tasks.TaskFacts(TaskState.OPEN, given_by="one", owner="other"),
        by=who,
        to=TaskState.DONE,
    ),
    "propose to close an active crisis": lambda who: passes(
        moves.check_propose, crisis("active"), by=who, act=ProposalAct.CLOSE
    ),
    "grant standing, group or digests to another party": decides_on_standing,
    "propose, confirm or decline the suspension of another party": suspends,
    "propose or confirm the duty of an authority": lambda who: passes(
        competences.check_confirm, "person:7", by=who
    ),
    "confirm a person of another party as a [second person](../use/trust.md#two-people)": (
        lambda who: passes(independence.check_may_confirm, party="another", by=who)
    ),
    "take a party in": lambda who: passes(joining.check_take_in, by=who),
    "draft a removal order, named for it by its state": lambda who: passes(
        orders.check_draft, kind=who.kind, is_competent=True, role=who.role
    ),
}


# Roles


def official(who, *, kind=AGENCY):
    """The same person or key in a party of another kind, which may do the act."""
    return Who(kind, role=who.role, ref=who.ref)


def looks_at_share(who, *, asker):
    facts = waiting(WaitReason.REACH, asker=asker)
    named = {"by": official(who), "trust": official(who).trust}
    return passes(approvals.check_approve, facts, count=1, now=NOON, **named)


def order_waits(who):
    us = official(who, kind=AUTHORITY)
    return us, waiting(WaitReason.BINDING_ORDER, asker=us.trust)


def looks_at_order(who):
    us, facts = order_waits(who)
    return passes(approvals.check_approve, facts, by=us, trust=us.trust, count=1, now=NOON)


def moves_order(who):
    results = {
        passes(
            orders.check_move,
            orders.OrderFacts(OrderState(state), issued_by="us", addressee="one", issued_at=NOON),
            move,
            name="us",
            role=who.role,
        )
        for state, move in (("drafted", "submit"), ("drafted", "issue"), ("issued", "withdraw"))
    }
    assert len(results) == 1
    return results.pop()


def activates(who):
    us = official(who, kind=AUTHORITY)
    result = passes(moves.check_propose, crisis(), by=us, act=ProposalAct.ACTIVATE)
    assert confirms(us, proposal()) == result
    return result


ROLES = {
    "share a signal": lambda who: passes(check_person_may_write, who.role),
    # The writes of signals ask this rule before they look at the signal.
    "withdraw a signal": lambda who: passes(check_person_may_write, who.role),
    "confirm or dispute a signal": lambda who: passes(check_person_may_write, who.role),
    "send or answer a question about a signal": handles_questions,
    "set a dispute aside": lambda who: sets_aside(official(who)),
    "let a dispute count again": lambda who: restores(official(who)),
    "answer that a dispute was set aside": lambda who: answers(official(who, kind=PROVIDER)),
    "set all disputes of a party aside": lambda who: dismisses(official(who)),
    "let all of them count again": lambda who: restores_many(official(who)),
    "answer that all were set aside": lambda who: answers_many(official(who, kind=PROVIDER)),
    "lower a signal, or clear it": lambda who: SIGNALS["lower a signal, or clear it"](
        official(who)
    ),
    "change the hub's allow-list": lambda who: SIGNALS["change the hub's allow-list"](
        official(who)
    ),
    "give the second look at a share of one's own party": lambda who: looks_at_share(
        who, asker=official(who).trust
    ),
    "give the second look at a share of another party": lambda who: looks_at_share(who, asker=ONE),
    "take back a share": lambda who: passes(
        approvals.check_take_back,
        waiting(WaitReason.REACH, asker=official(who).trust),
        by=official(who),
        now=NOON,
    ),
    "give the second look at a removal order": looks_at_order,
    "take back a removal order": lambda who: passes(
        approvals.check_take_back, order_waits(who)[1], by=order_waits(who)[0], now=NOON
    ),
    "raise a warning": lambda who: passes(crises.check_warn, by=official(who)),
    "join a crisis": lambda who: passes(
        participants.check_join,
        crisis(states={"us": JoinState.INVITED}),
        by=official(who, kind=PROVIDER),
    ),
    "propose or confirm activation": activates,
    "activate as an emergency": lambda who: passes(
        moves.check_emergency, crisis(), by=official(who), is_used=False, pending=None
    ),
    "close a warning": lambda who: passes(moves.check_close, crisis(), by=official(who)),
    "take an open role in the response": lambda who: takes_role(official(who)),
    "open a role that another party holds": lambda who: passes(
        roles.check_lay_down,
        crisis(),
        roles.RoleFacts(ResponseRole.MEDIA, holder="other"),
        by=official(who),
    ),
    "add or finish a task": lambda who: gives_task(official(who)),
    "decide on standings and suspensions": lambda who: decides_on_standing(official(who)),
    "take a party in, and invite its first person": lambda who: passes(
        joining.check_invite_first, has_people=False, has_keys=False, by=official(who)
    ),
    "propose or confirm the duty of an authority": lambda who: passes(
        competences.check_confirm, "person:7", by=official(who)
    ),
    "confirm a person of its own party as a [second person](../use/trust.md#two-people)": (
        lambda who: passes(independence.check_may_confirm, party=who.name, by=who)
    ),
    "create a key that only reads, and revoke a key": lambda who: passes(
        keys.check_grant, keys.READING, role=who.role, kind=who.kind
    ),
    "create a key that shares, decides or answers": lambda who: passes(
        keys.check_grant, [Scope.ORDERS_WRITE], role=who.role, kind=who.kind
    ),
    "draft a removal order": lambda who: OTHERS["draft a removal order, named for it by its state"](
        official(who, kind=AUTHORITY)
    ),
    "issue or withdraw a removal order": moves_order,
}


# The page


@cache
def table_under(heading):
    """The table below a heading of the page: its columns, and the cells of each row."""
    text = PAGE.read_text("utf-8").split(f"# {heading}\n", 1)[1]
    lines = [line for line in re.split(r"\n#+ ", text)[0].splitlines() if line.startswith("|")]
    head, _, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    return head, rows


def standings_of(cell):
    return ALWAYS if cell == "any" else tuple(cell.split(", "))


def wrong_cells(heading, found):
    """The cells below a heading that the rules do not give, as "row, column: what they give"."""
    (first, _, *columns), rows = table_under(heading)
    assert first in ("act", "what waits")
    return [
        f"{act}, {standing} {column}: {found(act, Standing(standing), column)}"
        for act, of, *cells in rows
        for standing in standings_of(of)
        for column, cell in zip(columns, cells, strict=True)
        if cell != DOES_NOT_ARISE and cell != found(act, Standing(standing), column)
    ]


@pytest.mark.parametrize(
    ("heading", "acts"), [("Signals", SIGNALS), ("Crises, parties and orders", OTHERS)]
)
def test_what_a_party_may_do_by_its_kind_and_standing(heading, acts):
    def found(act, standing, column):
        return acts[act](Who(PartyKind(column), standing))

    assert wrong_cells(heading, found) == []


def test_whose_second_look_it_may_be_by_kind_and_standing():
    def found(act, standing, column):
        reason = WaitReason(act.strip("`"))
        kind = AUTHORITY if second_look().rules[reason].act == "order" else PROVIDER
        asker = Who(AGENCY if column == "own agency" else kind, name="asker", country="")
        if kind is AUTHORITY:
            asker = Who(kind, name="asker")
        return looks(reason, LOOKERS[column](standing, kind), asker=asker.trust)

    assert wrong_cells("Second looks", found) == []


@pytest.mark.parametrize("reason", WaitReason)
def test_nobody_approves_what_a_suspended_party_asked_for_and_it_can_be_refused(reason):
    kind = AUTHORITY if second_look().rules[reason].act == "order" else PROVIDER
    facts = waiting(reason, asker=Who(kind, Standing.SUSPENDED, name="asker").trust)
    agency = Who(AGENCY)
    named = {"by": agency, "trust": agency.trust, "now": NOON}
    assert not allows(approvals.check_approve, facts, count=1, **named)
    is_open_to_agency = "agency" in second_look().deciders([reason])
    assert allows(approvals.check_refuse, facts, **named) is is_open_to_agency


def test_what_a_person_may_do_by_their_role_and_what_a_key():
    (_, *columns), rows = table_under("By role of the person")
    people = {
        column: Who(AGENCY, role=None, ref="key:us")
        if column == "key"
        else Who(AGENCY, role=Role(column.replace(" ", "_")))
        for column in columns
    }
    assert {column for column in columns if column != "key"} == {
        role.replace("_", " ") for role in Role
    }
    wrong = [
        f"{act}, {column}: {ROLES[act](people[column])}"
        for act, *cells in rows
        for column, cell in zip(columns, cells, strict=True)
        if cell != ROLES[act](people[column])
    ]
    assert wrong == []


def test_the_tables_have_every_act_and_every_standing():
    for heading, acts in (("Signals", SIGNALS), ("Crises, parties and orders", OTHERS)):
        _, rows = table_under(heading)
        for act in acts:
            told = [one for row in rows if row[0] == act for one in standings_of(row[1])]
            assert sorted(told) == sorted(ALWAYS), act
        assert {row[0] for row in rows} == set(acts)
    _, rows = table_under("Second looks")
    told = [(row[0].strip("`"), one) for row in rows for one in standings_of(row[1])]
    assert sorted(told) == sorted((reason, one) for reason in WaitReason for one in ALWAYS)
    assert {row[0] for row in table_under("By role of the person")[1]} == set(ROLES)
