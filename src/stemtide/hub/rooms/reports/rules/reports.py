# SPDX-License-Identifier: Apache-2.0
"""Who may export, write, agree and publish what stays of a crisis; which counts are withheld.

source: Regulation (EU) 2022/2065 Art. 48: public reporting on measures, duration and outcomes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from stemtide.hub.platform.errors import ConflictError, InvalidError, NotAllowedError
from stemtide.hub.platform.permissions import (
    LEADING_ROLES,
    allows,
    check_person_may_lead,
    check_person_may_write,
)
from stemtide.protocol.enums import PartyKind, ReportAudience, ReportState, Role
from stemtide.protocol.messages.reports import SectionDefinition

__all__ = [
    "Hand",
    "ReportFacts",
    "allows",
    "check_act",
    "check_agree",
    "check_done",
    "check_export",
    "check_note",
    "check_open",
    "check_publish",
    "check_section",
    "check_size",
    "check_unchanged",
    "check_write",
    "fingerprint",
    "may_publish_counts",
    "may_read",
]

LEADING_KINDS = frozenset({PartyKind.AUTHORITY, PartyKind.AGENCY})
"""Kinds of party that answer for a crisis; beside them, whoever opened it."""

EXPORTING_ROLES = LEADING_ROLES | {Role.DATA_PROTECTION_OFFICER}
"""Roles in which a person takes a whole timeline out of the hub."""

MOST_ON_PAPER = 5000
"""Entries of a timeline that become a PDF: some 160 pages, and some seconds of work."""

LEAST_PROVIDERS = 4
"""Counts of fewer providers are withheld: two that put theirs together still face two others."""

LEAST_COUNT = 10
"""A smaller sum is withheld."""

LEAST_REST = 0.1
"""What is left of a sum without its two largest parts, as a part of the largest: or withheld.

source: the p-percent rule of statistical disclosure control, at p = 10.
"""


@dataclass(frozen=True, slots=True)
class Hand:
    """Somebody who acted. party: its name; ref: as the ledger names the person or the key."""

    party: str
    ref: str

    @property
    def is_key(self) -> bool:
        """Whether a machine acted: who stood behind it is not known."""
        return not self.ref.startswith("person:")


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """What the rules must know of a report, and of its crisis.

    authors: whose hands wrote into it. texts: by the name of the section.
    """

    state: ReportState
    audience: ReportAudience | None
    opened_by: str
    is_crisis_closed: bool
    authors: tuple[Hand, ...]
    texts: Mapping[str, str]


def check_export(*, kind: PartyKind, role: Role | None) -> None:
    """Who leads, and who watches over personal data, takes a timeline out; each time is recorded.

    One pair of eyes suffices: what is exported is what its reader may read page by page. The other
    pair is the ledger, where every party of the room sees the export.
    """
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers read the timeline here: ask the agency for a copy")
    if role is not None and role not in EXPORTING_ROLES:
        raise NotAllowedError(
            "your role ({role}) does not export: ask a duty officer, a coordinator or the data"
            " protection officer of your party",
            role=role.replace("_", " "),
        )


def check_size(entries: int, *, as_: str) -> None:
    """Paper holds so much; JSON has no such bound."""
    if as_ == "pdf" and entries > MOST_ON_PAPER:
        raise ConflictError(
            "{entries} entries are too many for paper, which takes {most_on_paper}: export JSON",
            entries=entries,
            most_on_paper=MOST_ON_PAPER,
        )


def check_open(
    *, kind: PartyKind, name: str, role: Role | None, crisis_opened_by: str, was_active: bool
) -> None:
    """Who answers for the crisis opens its report, once there is something to report."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=crisis_opened_by)
    _check_hand(role)
    if not was_active:
        raise ConflictError("the protocol was not activated for this crisis: there is no report")


def check_write(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Who answers for the crisis writes its report, until it is published."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=facts.opened_by)
    _check_hand(role)
    _check_unpublished(facts)


def check_section(name: str, *, sections: Iterable[SectionDefinition]) -> None:
    """A report has the sections of its framework and no other."""
    known = [section.name for section in sections]
    if name not in known:
        raise InvalidError(
            "section",
            "there is no {name!r}; known are {known}",
            name=name[:40],
            known=", ".join(known),
        )


def fingerprint(text: str) -> str:
    """Return what stands for the text of a section that somebody began to change."""
    return sha256(text.strip().encode()).hexdigest()


def check_unchanged(*, text: str, basis: str) -> None:
    """Refuse to overwrite a section that somebody else saved meanwhile.

    text: as it is saved now. basis: the fingerprint of the text that was changed; "" for any.

    raises: ConflictError.
    """
    if basis and basis != fingerprint(text):
        raise ConflictError(
            "somebody else saved a section of this report while you were writing, so nothing of"
            " yours was saved: compare both texts below, and save again"
        )


def check_note(facts: ReportFacts, *, kind: PartyKind, role: Role | None) -> None:
    """Everyone in the room but observers speaks in the debrief, until the report is agreed.

    What was agreed to is what is published: nobody adds a word to it unseen.
    """
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers add no notes: tell the agency")
    _check_hand(role)
    _check_unpublished(facts)
    if facts.state is ReportState.AGREED:
        raise ConflictError(
            "this report is agreed as it stands: ask who wrote it to edit it, then add your note"
        )


def check_act(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Who answers for the crisis gives out actions, while the report is written."""
    check_write(facts, kind=kind, name=name, role=role)


def check_done(*, owner: str, is_done: bool, name: str, role: Role | None) -> None:
    """Who owns an action says that it is done, also after publication; once."""
    if name != owner:
        raise NotAllowedError(
            "only {owner}, who owns this action, says that it is done", owner=owner
        )
    _check_hand(role)
    if is_done:
        raise ConflictError("this action is done already")


def check_agree(facts: ReportFacts, *, kind: PartyKind, role: Role | None, by: Hand) -> None:
    """A second person who leads, and wrote nothing of it, agrees to a report that says something.

    Where a machine is on either side, the second must be of another party.
    """
    _check_answers_for(kind=kind, name=by.party, crisis_opened_by=facts.opened_by)
    check_person_may_lead(role)
    if facts.state is not ReportState.DRAFT:
        raise ConflictError("this report is {state} already", state=facts.state)
    if empty := [name for name, text in facts.texts.items() if not text.strip()]:
        raise ConflictError("these sections say nothing yet: {empty}", empty=", ".join(empty))
    for author in facts.authors:
        if author.ref == by.ref or (author.party == by.party and (author.is_key or by.is_key)):
            raise NotAllowedError(
                "who wrote this report does not agree to it: ask somebody else who leads, of"
                " another party where a machine wrote or agrees"
            )


def check_publish(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """An agreed report of a closed crisis is published by somebody who leads."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=facts.opened_by)
    check_person_may_lead(role)
    if facts.state is ReportState.DRAFT:
        raise ConflictError("nobody has agreed to this report yet: ask a second person who leads")
    _check_unpublished(facts)
    if not facts.is_crisis_closed:
        raise ConflictError("the crisis is not closed: its report is published after it")


def may_read(facts: ReportFacts, *, is_in_room: bool) -> bool:
    """Whether a party reads a report: before publication the room, then whom it is for."""
    if is_in_room:
        return True
    return facts.state is ReportState.PUBLISHED and facts.audience is not ReportAudience.ROOM


def may_publish_counts(counts: Sequence[int]) -> bool:
    """Whether a sum may be told. counts: what each provider has in it.

    1. Enough providers, so that two who put theirs together learn no third one's.
    2. Enough of a sum.
    3. Enough left without the two largest, so that the second does not reckon the first.
    """
    parts = sorted((count for count in counts if count > 0), reverse=True)
    if not parts:
        return True
    rest = sum(parts[2:])
    return (
        len(parts) >= LEAST_PROVIDERS
        and sum(parts) >= LEAST_COUNT
        and rest >= LEAST_REST * parts[0]
    )


def _check_answers_for(*, kind: PartyKind, name: str, crisis_opened_by: str) -> None:
    """Authorities, agencies, and who opened a crisis answer for it."""
    if kind not in LEADING_KINDS and name != crisis_opened_by:
        raise NotAllowedError(
            "only who opened the crisis, authorities and agencies write its report: add a note"
        )


def _check_hand(role: Role | None) -> None:
    """People write in a role that writes."""
    if role is not None:
        check_person_may_write(role)


def _check_unpublished(facts: ReportFacts) -> None:
    """What is published stays."""
    if facts.state is ReportState.PUBLISHED:
        raise ConflictError("this report is published and stays: open the next version of it")
