# SPDX-License-Identifier: Apache-2.0
"""Rules of leads to a threat to life: who reports, sees and handles them.

source: Regulation (EU) 2021/784 Art. 14(5); Regulation (EU) 2022/2065 Art. 18.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import allows, check_person_may_lead, check_person_may_write
from stemtide.hub.rooms.parties.rules.parties import check_country
from stemtide.protocol.enums import CountryGround, LeadBasis, LeadState, PartyKind, Role

__all__ = [
    "ERASE_AFTER",
    "ERASE_AFTER_CLOSURE",
    "LeadFacts",
    "allows",
    "check_close",
    "check_grounds",
    "check_lead",
    "check_pass_on",
    "check_receive",
    "check_report",
    "choose",
    "erase_due",
    "may_see",
    "seal_digest",
]

ERASE_AFTER = timedelta(days=180)
"""A lead's words are kept no longer than this. source: our choice, after the six months of
Regulation (EU) 2021/784 Art. 6 for content that was removed."""

ERASE_AFTER_CLOSURE = timedelta(days=30)
"""A closed lead keeps its texts this long, for questions that come later. source: our choice."""

_DUTIES = frozenset({LeadBasis.TCO_14_5, LeadBasis.DSA_18})


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """The facts that the rules need of a lead. Parties by name; recipients: all but the sender."""

    state: LeadState
    sent_by: str
    recipients: frozenset[str]


def may_see(facts: LeadFacts, *, name: str, kind: PartyKind) -> bool:
    """Whether a party sees a lead: its sender, its addressees, and every agency."""
    return kind is PartyKind.AGENCY or name == facts.sent_by or name in facts.recipients


def check_report(*, kind: PartyKind, role: Role | None) -> None:
    """Check that the party may report leads: all but observers may; people in a writing role."""
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot report leads here: call the police")
    if role is not None:
        check_person_may_write(role)


def check_lead(
    bases: Sequence[LeadBasis], *, kind: PartyKind, country: str, posted_at: datetime | None
) -> None:
    """Check a lead: only providers have the two duties, countries exist, times name their zone."""
    if kind is PartyKind.PROVIDER and not set(bases) <= _DUTIES:
        raise InvalidError("bases", "a provider names its duty: tco_14_5, dsa_18 or both")
    if kind is not PartyKind.PROVIDER and set(bases) != {LeadBasis.VOLUNTARY}:
        raise InvalidError("bases", "only providers have these duties: write voluntary")
    if len(set(bases)) != len(bases):
        raise InvalidError("bases", "contains one duty twice: remove one")
    if country:
        check_country(country)
    if (
        posted_at is not None and posted_at.utcoffset() is None
    ):  # pydantic requires a time zone before this
        raise InvalidError("posted_at", "has no time zone: write 2026-11-24T12:00:00+01:00")


def check_grounds(grounds: Sequence[CountryGround], *, country: str) -> None:
    """Check that reasons why a country is concerned come with a country, and each once.

    source: Regulation (EU) 2022/2065 Art. 18(2); Regulation (EU) 2021/784 recital 41.
    """
    if grounds and not country:
        raise InvalidError("country_grounds", "need a country: enter it, or leave the grounds out")
    if len(set(grounds)) != len(grounds):
        raise InvalidError("country_grounds", "contain one ground twice: remove one")


def choose(candidates: Sequence[str], *, to: str, country: str) -> str:
    """Return the addressee of a lead, among the names of possible ones.

    candidates: the authorities of its country, or the agencies where that is not known.
    raises: InvalidError that names them, where there is none, several or another one.
    """
    addressee_kind = f"authority of {country}" if country else "agency"
    if to:
        if to not in candidates:
            raise InvalidError(
                "to",
                "{to!r} is no {what}: choose {candidates}",
                to=to[:60],
                what=addressee_kind,
                candidates=_listed(candidates),
            )
        return to
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise InvalidError(
            "to",
            "more than one {what} is here: choose {candidates}",
            what=addressee_kind,
            candidates=_listed(candidates),
        )
    remedy = "leave the country out, and it goes to the agency" if country else "call the police"
    raise InvalidError(
        "country", "no {what} is in this hub: {remedy}", what=addressee_kind, remedy=remedy
    )


def _listed(names: Sequence[str]) -> str:
    """Join names with "or"."""
    return " or ".join(names) or "another country"


def check_receive(facts: LeadFacts, *, name: str, kind: PartyKind, role: Role | None) -> None:
    """Check that an addressee or agency acknowledges a lead, once."""
    _check_recipient(facts, name=name, kind=kind)
    if role is not None:
        check_person_may_write(role)
    if facts.state is not LeadState.REPORTED:
        raise ConflictError("this lead is already {state}", state=_word(facts.state))


def check_pass_on(facts: LeadFacts, *, name: str, kind: PartyKind, role: Role | None) -> None:
    """Check that a recipient passes a lead on to those who can act."""
    _check_recipient(facts, name=name, kind=kind)
    check_person_may_lead(role)
    if facts.state is LeadState.REPORTED:
        raise ConflictError("nobody has received this lead yet: confirm first that you have it")
    if facts.state is not LeadState.RECEIVED:
        raise ConflictError("this lead is already {state}", state=_word(facts.state))


def check_close(facts: LeadFacts, *, name: str, kind: PartyKind, role: Role | None) -> None:
    """Check that a recipient closes a lead with its outcome, after it was received."""
    _check_recipient(facts, name=name, kind=kind)
    check_person_may_lead(role)
    if facts.state is LeadState.REPORTED:
        raise ConflictError("nobody has received this lead yet: confirm first that you have it")
    if facts.state is LeadState.CLOSED:
        raise ConflictError("this lead is already closed")


def erase_due(reported_at: datetime, *, closed_at: datetime | None = None) -> datetime:
    """Return when a lead's words are erased."""
    latest = reported_at + ERASE_AFTER
    return latest if closed_at is None else min(latest, closed_at + ERASE_AFTER_CLOSURE)


def seal_digest(words: Mapping[str, str], *, salt: str) -> str:
    """Return the digest of a lead's words for the ledger: SHA-256 of salt and sorted JSON.

    Somebody who kept words and salt can show later that they were reported then. Once the hub has
    erased both, the digest says nothing about them.
    """
    canonical_json = json.dumps(
        dict(words), sort_keys=True, ensure_ascii=False, separators=(",", ":")
    )
    return hashlib.sha256(f"{salt}\n{canonical_json}".encode()).hexdigest()


def _check_recipient(facts: LeadFacts, *, name: str, kind: PartyKind) -> None:
    """Check that the party may act on a lead: its addressees and agencies may."""
    if kind is not PartyKind.AGENCY and name not in facts.recipients:
        raise NotAllowedError("only the addressees or the agency can move this lead on")


def _word(state: LeadState) -> str:
    """Return a state in words."""
    return state.value.replace("_", " ")
