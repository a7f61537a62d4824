# SPDX-License-Identifier: Apache-2.0
"""Who decides on the standing of parties: role by kind by standing, written out."""

from datetime import timedelta

import pytest

from stemtide.hub.platform.errors import ConflictError, NotAllowedError
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import Actor
from stemtide.hub.rooms.parties.rules import standing as rules, suspensions
from stemtide.protocol.enums import PartyKind, ProposalState, Role, Standing
from stemtide.protocol.trust.limits import limits
from stemtide.protocol.trust.standing import PartyTrust
from tests.world import NOON


def actor(kind="agency", *, role="coordinator", name="", ref=""):
    party = Party(name=name or str(kind), kind=kind)
    return Actor(party, ref or f"person:{role}", Role(role) if role else None)


def trust(standing="member", *, kind="provider", name="somebody", **more):
    return PartyTrust(name=name, kind=PartyKind(kind), standing=Standing(standing), **more)


def outcome_of(check, *args, **named):
    """y: it passes; n: not allowed to them; c: not as things stand."""
    try:
        check(*args, **named)
    except NotAllowedError:
        return "n"
    except ConflictError:
        return "c"
    return "y"


ROLES = [
    *("duty_officer", "analyst", "coordinator", "data_protection_officer"),
    *("observer", "administrator", ""),
]

# A letter a role, in this order; "" is a key.
WHO = {
    "authority": "nnnnnnn",
    "agency": "nnynnny",
    "provider": "nnnnnnn",
    "consortium": "nnnnnnn",
    "observer": "nnnnnnn",
}

ACTS = {
    "grant": lambda by: rules.check_grant(trust(), to=Standing.TRUSTED, by=by),
    "group": lambda by: rules.check_set_group(trust(), group="owner", by=by),
    "digests": lambda by: rules.check_grant_digests(trust(), speaks=True, by=by),
    "suspend": lambda by: suspensions.check_propose(facts(), by=by),
    "lift": lambda by: suspensions.check_propose(facts("suspended", lifts=True), by=by),
    "decline": lambda by: suspensions.check_decline(made(by="other"), by=by, now=NOON),
    "withdraw": lambda by: suspensions.check_withdraw(made(by=by.name), by=by, now=NOON),
}


def facts(standing="member", *, lifts=False, agencies=2, kind="provider", **more):
    party = trust(standing, kind=kind, name=more.pop("name", "somebody"))
    return suspensions.SuspensionFacts(party=party, lifts=lifts, agencies=agencies, **more)


def made(standing="member", *, by="agency", ref="person:1", is_machine=False, **more):
    """A proposal that waits."""
    expires_at = more.pop("expires_at", NOON + timedelta(hours=1))
    return facts(
        standing, author=by, author_ref=ref, is_machine=is_machine, expires_at=expires_at, **more
    )


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("kind", WHO)
def test_only_coordinators_and_keys_of_agencies_decide(act, kind):
    letters = [outcome_of(ACTS[act], actor(kind, role=role)) for role in ROLES]
    assert "".join(letters) == WHO[kind]


STANDINGS = ("new", "member", "trusted", "suspended")

# From each standing, in the order of STANDINGS, to each.
GRANTS = {
    "authority": {"new": "cycc", "member": "ccyc", "trusted": "cycc", "suspended": "cccc"},
    "agency": {"new": "cycc", "member": "ccyc", "trusted": "cycc", "suspended": "cccc"},
    "provider": {"new": "cycc", "member": "ycyc", "trusted": "cycc", "suspended": "cccc"},
    "consortium": {"new": "cycc", "member": "ycyc", "trusted": "cycc", "suspended": "cccc"},
    "observer": {"new": "cycc", "member": "ycyc", "trusted": "cycc", "suspended": "cccc"},
}


@pytest.mark.parametrize("kind", GRANTS)
@pytest.mark.parametrize("before", STANDINGS)
def test_one_person_moves_a_party_one_step_and_never_silences_an_authority(kind, before):
    party = trust(before, kind=kind)
    letters = [
        outcome_of(rules.check_grant, party, to=Standing(to), by=actor()) for to in STANDINGS
    ]
    assert "".join(letters) == GRANTS[kind][before]


# In the order of STANDINGS: may the right be granted, and taken back where it was granted?
DIGESTS = {
    "authority": ("cccc", "cccc"),
    "agency": ("cccc", "cccc"),
    "provider": ("yyyc", "yyyc"),
    "consortium": ("yyyc", "yyyc"),
    "observer": ("yyyc", "yyyc"),
}


@pytest.mark.parametrize("kind", DIGESTS)
def test_the_right_for_digests_is_for_those_whose_kind_does_not_give_it(kind):
    for speaks, expected in zip((True, False), DIGESTS[kind], strict=True):
        letters = [
            outcome_of(
                rules.check_grant_digests,
                trust(standing, kind=kind, speaks_for_digests=not speaks),
                speaks=speaks,
                by=actor(),
            )
            for standing in STANDINGS
        ]
        assert "".join(letters) == expected


# In the order of STANDINGS: suspend, lift.
SUSPENSIONS = {
    "authority": ("yyyc", "cccy"),
    "agency": ("yyyc", "cccy"),
    "provider": ("yyyc", "cccy"),
    "consortium": ("yyyc", "cccy"),
    "observer": ("yyyc", "cccy"),
}


@pytest.mark.parametrize("kind", SUSPENSIONS)
def test_any_kind_of_party_is_suspended_once_and_lifted_once(kind):
    for lifts, expected in zip((False, True), SUSPENSIONS[kind], strict=True):
        letters = [
            outcome_of(suspensions.check_propose, facts(one, lifts=lifts, kind=kind), by=actor())
            for one in STANDINGS
        ]
        assert "".join(letters) == expected


@pytest.mark.parametrize("act", sorted(set(ACTS) - {"withdraw"}))
def test_an_agency_decides_nothing_about_itself(act):
    assert outcome_of(ACTS[act], actor(name="somebody")) == "n"


def test_the_last_agency_cannot_be_suspended():
    other = actor(name="other")
    assert outcome_of(suspensions.check_propose, facts(kind="agency"), by=other) == "y"
    last = facts(kind="agency", agencies=1)
    assert outcome_of(suspensions.check_propose, last, by=other) == "c"


# Who proposed, and who may confirm: the author, a colleague, a colleague's key, a person of
# another agency, a key of another agency.
CONFIRMS = {"person": "nynyy", "key": "nnnyn"}


@pytest.mark.parametrize("proposer", CONFIRMS)
def test_another_person_confirms_and_with_a_key_a_person_of_another_agency(proposer):
    is_machine = proposer == "key"
    ref = "key:a" if is_machine else "person:1"
    waiting = made(ref=ref, is_machine=is_machine)
    hands = [
        actor(role="" if is_machine else "coordinator", ref=ref),
        actor(ref="person:2"),
        actor(role="", ref="key:b"),
        actor(name="other", ref="person:3"),
        actor(name="other", role="", ref="key:c"),
    ]
    letters = [outcome_of(suspensions.check_confirm, waiting, by=by, now=NOON) for by in hands]
    assert "".join(letters) == CONFIRMS[proposer]


DECISIONS = {
    "confirm": lambda waiting: suspensions.check_confirm(
        waiting, by=actor(ref="person:2"), now=NOON
    ),
    "decline": lambda waiting: suspensions.check_decline(
        waiting, by=actor(ref="person:2"), now=NOON
    ),
    "withdraw": lambda waiting: suspensions.check_withdraw(waiting, by=actor(), now=NOON),
}


@pytest.mark.parametrize("decision", DECISIONS)
def test_only_a_proposal_that_waits_is_decided(decision):
    for state in ProposalState:
        expected = "y" if state is ProposalState.OPEN else "c"
        assert outcome_of(DECISIONS[decision], made(state=state)) == expected
    assert outcome_of(DECISIONS[decision], made(expires_at=NOON)) == "c"


def test_the_author_withdraws_and_others_decline():
    own = actor(ref="person:1")
    assert outcome_of(suspensions.check_decline, made(), by=own, now=NOON) == "n"
    other = actor(name="other")
    assert outcome_of(suspensions.check_withdraw, made(), by=other, now=NOON) == "n"


@pytest.mark.parametrize(
    ("days", "confirmed", "is_vetted"),
    [(0, 0, False), (29, 9, False), (30, 0, True), (0, 10, True)],
)
def test_a_new_party_is_vetted_after_a_month_or_ten_confirmed_signals(days, confirmed, is_vetted):
    found = rules.is_vetted(
        new_since=NOON - timedelta(days=days),
        confirmed=confirmed,
        now=NOON,
        limits=limits().new_member,
    )
    assert found is is_vetted
