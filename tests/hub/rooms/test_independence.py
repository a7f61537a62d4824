# SPDX-License-Identifier: Apache-2.0
"""Whom the second person of an act cannot be: who added, reset or made the other. Decision 0107."""

import ast
import re
from pathlib import Path

import pytest

import stemtide.hub.rooms
from stemtide.hub.platform.errors import ConflictError, NotAllowedError, NotFoundError
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.approvals.writes import approvals as approval_writes
from stemtide.hub.rooms.crises.writes import moves
from stemtide.hub.rooms.exchanges.writes import proposals
from stemtide.hub.rooms.exchanges.writes.exchanges import NewExchange
from stemtide.hub.rooms.parties.reads import independence as reads, parties as party_reads
from stemtide.hub.rooms.parties.reads.people import has_other
from stemtide.hub.rooms.parties.writes import (
    competences,
    hub_settings,
    independence,
    joining,
    keys,
    people,
    suspensions,
)
from stemtide.hub.rooms.signals.writes import signals
from stemtide.interop.exchanges import Terms
from stemtide.protocol.approvals import ApproveIn
from stemtide.protocol.enums import Duty, ExchangeKind, Scope
from stemtide.protocol.messages.crises import ProposalIn
from stemtide.protocol.trust.parties import ConfirmPersonIn, DutyIn, SuspensionIn
from tests.rounds import at_night, some_of
from tests.world import NOON, PASSWORD, signal_in

pytestmark = pytest.mark.django_db
ROOMS = Path(stemtide.hub.rooms.__path__[0])
REFUSED = "you count as the first one"


def number_of(by):
    return int(by.ref.removeprefix("person:"))


@pytest.fixture
def first(world):
    """A coordinator of the agency, whom the operator added."""
    return party_reads.actor(world.person(world.agency, role="coordinator"))


@pytest.fixture
def third(world):
    """An administrator of the agency, whom the operator added as well."""
    return party_reads.actor(world.person(world.agency, role="administrator"))


def add(by, *, name="second", role="coordinator"):
    """Have somebody add a colleague, who follows the link."""
    address = f"{name}@{by.party.name}.example"
    _, secret = people.add_colleague(address, role=role, by=by, now=NOON)
    return join(secret)


def join(secret):
    return party_reads.actor(people.accept_invitation(secret, password=PASSWORD, now=NOON))


def confirm(person, *, by):
    body = ConfirmPersonIn(person=number_of(person))
    independence.confirm_person(person.party.name, body=body, by=by, now=NOON)


def suspend(world, first, second):
    body = SuspensionIn(lifts=False, reason="spam")
    proposal = suspensions.propose(world.small_provider.name, body=body, by=first, now=NOON)
    suspensions.confirm(proposal.id, by=second, now=NOON)


def name_duty(_world, first, second):
    body = DutyIn(duty=Duty.ISSUE, reason="published there")
    proposal = competences.propose_duty("fr-referral-unit", body=body, by=first, now=NOON)
    competences.confirm_duty("fr-referral-unit", proposal.pk, by=second, now=NOON)


def share_a_folder(_world, first, second):
    address = f"https://site.example/of-{first.ref}/"
    folder = signal_in(kind="url", value=address, reach="folder")
    signals.share(folder, by=first.party, now=NOON, actor_ref=first.ref)
    look = approvals.approvals(viewer=first.party).approvals[0]
    approval_writes.approve(look.id, body=ApproveIn(count=1), by=second, now=NOON)


def close_a_crisis(world, first, second):
    crisis = world.activate()
    body = ProposalIn(act="close", reason="it is over")
    proposed = moves.propose(crisis.id, body=body, by=first, now=NOON).proposals[-1]
    moves.confirm(crisis.id, proposed.id, by=second, now=NOON)


def add_an_exchange(world, first, second):
    address = "https://hub.example/taxii2/hub/collections/signals/"
    draft = NewExchange("other-hub", kind=ExchangeKind.TAXII, address=address, every_s=3600)
    party = world.small_provider.name
    proposals.propose(draft, terms=Terms(), party=party, by=first, now=NOON)
    proposals.confirm("other-hub", by=second, now=NOON)


def change_a_setting(_world, first, second):
    hub_settings.propose_value("media_max_days", 60, reason="it is too low", by=first, now=NOON)
    hub_settings.confirm_value("media_max_days", value=60, by=second, now=NOON)


RULES = [
    *(suspend, name_duty, share_a_folder, close_a_crisis),
    *(add_an_exchange, change_a_setting),
]


def test_every_write_that_needs_a_second_person_asks_whether_they_may_be_the_first():
    """Those of orders ask in approve()."""
    asking, missing = 0, []
    for path in ROOMS.glob("*/writes*/**/*.py"):
        for function in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(function, ast.FunctionDef):
                continue
            body = ast.unparse(function)
            if re.search(r"rules\.check_(confirm|approve|agree)\(|moves\.check_confirm\(", body):
                asking += 1
                missing += [] if "check_second_person(" in body else [f"{path}: {function.name}"]
    for path in ROOMS.glob("*/writes.py"):
        source = path.read_text("utf-8")
        asking += "rules.check_approve(" in source and "check_second_person(" in source
    assert (asking, missing) == (9, [])


@pytest.mark.parametrize("needs_two", some_of(2, RULES))
def test_whoever_was_added_by_one_person_is_no_second_person_to_them(world, first, needs_two):
    with pytest.raises(NotAllowedError, match=REFUSED):
        needs_two(world, first, add(first))


@pytest.mark.parametrize("needs_two", some_of(2, RULES))
def test_once_somebody_else_has_confirmed_them_they_are(world, first, third, needs_two):
    second = add(first)
    confirm(second, by=third)
    needs_two(world, first, second)


def test_neither_are_they_the_other_way_round(world, first):
    with pytest.raises(NotAllowedError, match=REFUSED):
        share_a_folder(world, add(first), first)


def test_nor_two_whom_one_person_added(world, first):
    with pytest.raises(NotAllowedError, match=REFUSED):
        share_a_folder(world, add(first), add(first, name="another"))


def test_nor_whoever_they_add_in_turn_even_once_one_of_them_is_confirmed(world, first, third):
    second = add(first)
    fourth = add(second, name="fourth")
    confirm(second, by=third)
    for other in (first, second):
        with pytest.raises(NotAllowedError, match=REFUSED):
            share_a_folder(world, other, fourth)


@at_night
@pytest.mark.parametrize("reset", ["password", "factors"])
def test_who_resets_a_sign_in_counts_as_that_person(world, first, third, reset):
    share_a_folder(world, first, third)
    if reset == "factors":
        people.remove_factors(number_of(third), by=first, now=NOON)
    else:
        _, secret = people.invite_again(number_of(third), by=first, now=NOON)
        join(secret)
    with pytest.raises(NotAllowedError, match=REFUSED):
        share_a_folder(world, third, first)


def test_a_role_given_by_a_colleague_changes_nothing(world, first, third):
    people.change_role(number_of(third), role="coordinator", by=first, now=NOON)
    share_a_folder(world, first, third)


def test_a_key_counts_as_whoever_made_it(world, first, third):
    key, text = keys.create_key(
        "uploads", scopes=[Scope.SIGNALS_WRITE], expires_at=None, by=first, now=NOON
    )
    caller = party_reads.caller(text, now=NOON).actor
    assert caller.ref == key.ref
    with pytest.raises(NotAllowedError, match=REFUSED):
        share_a_folder(world, caller, first)
    share_a_folder(world, caller, third)


def test_who_may_use_an_account_does_not_confirm_it(first):
    second = add(first)
    fourth = add(second, name="fourth")
    for person, by in [(second, first), (second, second), (fourth, first), (second, fourth)]:
        with pytest.raises(NotAllowedError, match=REFUSED):
            confirm(person, by=by)


def test_an_account_that_nobody_uses_yet_is_not_confirmed(first, third):
    person, _ = people.add_colleague("x@agency.example", role="analyst", by=first, now=NOON)
    with pytest.raises(ConflictError, match="signed in"):
        confirm(party_reads.actor(person), by=third)


def test_only_their_party_and_agencies_confirm(world, first):
    officer = party_reads.actor(world.person(role="coordinator"))
    added = add(officer)
    for by in (world.actor(world.big_provider, role="coordinator"), world.actor(world.agency)):
        with pytest.raises(NotAllowedError):
            confirm(added, by=by)
    elsewhere = ConfirmPersonIn(person=number_of(added))
    with pytest.raises(NotFoundError):
        independence.confirm_person("big-video", body=elsewhere, by=first, now=NOON)
    (waiting,) = reads.unconfirmed(world.authority, by=first)
    assert (waiting.number, waiting.controllers) == (number_of(added), (officer.ref,))
    confirm(added, by=first)
    assert reads.unconfirmed(world.authority, by=first) == []
    assert world.ledger_kinds()[-1] == "person.confirmed"


def test_an_agency_does_not_activate_with_the_authority_whose_first_person_it_invited(world, first):
    _, secret = joining.invite_first(
        "fr-referral-unit", name="", email="a@fr.example", role="coordinator", by=first, now=NOON
    )
    invited = join(secret)
    crisis = world.warn()
    world.join(crisis, invited.party)
    world.answer_all(crisis)
    body = ProposalIn(act="activate", reason="it spreads")
    proposed = moves.propose(crisis.id, body=body, by=invited, now=NOON).proposals[-1]
    with pytest.raises(NotAllowedError, match=REFUSED):
        moves.confirm(crisis.id, proposed.id, by=first, now=NOON)


def test_an_authority_with_accounts_of_one_person_has_no_second_person(world):
    officer = party_reads.actor(world.person(role="coordinator"))
    added = add(officer)
    assert not has_other(world.authority, ref=officer.ref, is_leader=True)
    confirm(added, by=party_reads.actor(world.person(world.agency, role="coordinator")))
    assert has_other(world.authority, ref=officer.ref, is_leader=True)
