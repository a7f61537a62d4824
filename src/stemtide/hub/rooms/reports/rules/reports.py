# SPDX-License-Identifier: Apache-2.0
"""Rules of reports: who exports, writes, agrees and publishes, and which counts are withheld.

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
"""Kinds of party that answer for a crisis; its opener does too."""

EXPORTING_ROLES = LEADING_ROLES | {Role.DATA_PROTECTION_OFFICER}
"""Roles that may export a whole timeline."""

MOST_ON_PAPER = 5000
"""Entries of a timeline that become a PDF: some 160 pages, and some seconds of work."""

LEAST_PROVIDERS = 4
"""Counts of fewer providers are withheld: two that combine theirs then still face two others."""

LEAST_COUNT = 10
"""A smaller sum is withheld."""

LEAST_REST = 0.1
"""A sum is withheld if, without its two largest parts, it is below this share of the largest.

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
    """The facts that the rules need of a report and its crisis.

    authors: whose hands wrote into it. texts: by the name of the section.
    """

    state: ReportState
    audience: ReportAudience | None
    opened_by: str
    is_crisis_closed: bool
    authors: tuple[Hand, ...]
    texts: Mapping[str, str]


def check_export(*, kind: PartyKind, role: Role | None) -> None:
    """Check that a leading person or data protection officer exports a timeline. It is recorded.

    One pair of eyes suffices: what is exported is what its reader may read page by page. The other
    pair is the ledger, where every party of the room sees the export.
    """
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot export the timeline: ask the agency for a copy")
    if role is not None and role not in EXPORTING_ROLES:
        raise NotAllowedError(
            "your role ({role}) cannot export: ask a duty officer, a coordinator or the data "
            "protection officer of your party",
            role=role.replace("_", " "),
        )


def check_size(entries: int, *, as_: str) -> None:
    """Check that a timeline fits a PDF. JSON has no such limit."""
    if as_ == "pdf" and entries > MOST_ON_PAPER:
        raise ConflictError(
            "{entries} entries are too many for a PDF, which has at most {most_on_paper}: "
            "export JSON",
            entries=entries,
            most_on_paper=MOST_ON_PAPER,
        )


def check_open(
    *, kind: PartyKind, name: str, role: Role | None, crisis_opened_by: str, was_active: bool
) -> None:
    """Check that the party answers for the crisis, and that the crisis was active."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=crisis_opened_by)
    _check_hand(role)
    if not was_active:
        raise ConflictError("the protocol was not activated for this crisis: there is no report")


def check_write(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Check that those who answer for the crisis write its report, until it is published."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=facts.opened_by)
    _check_hand(role)
    _check_unpublished(facts)


def check_section(name: str, *, sections: Iterable[SectionDefinition]) -> None:
    """Check that a section is one of the report's framework."""
    names = [section.name for section in sections]
    if name not in names:
        raise InvalidError(
            "section",
            "there is no {name!r}; known are {known}",
            name=name[:40],
            known=", ".join(names),
        )


def fingerprint(text: str) -> str:
    """Return a fingerprint of a section's text, to notice changes by others."""
    return sha256(text.strip().encode()).hexdigest()


def check_unchanged(*, text: str, basis: str) -> None:
    """Refuse to overwrite a section that was saved by others in the meantime.

    text: as it is saved now. basis: the fingerprint of the text that was changed; "" for any.

    raises: ConflictError.
    """
    if basis and basis != fingerprint(text):
        raise ConflictError(
            "somebody else saved a section of this report while you were writing, so nothing of"
            " yours was saved: compare both texts below, and save again"
        )


def check_note(facts: ReportFacts, *, kind: PartyKind, role: Role | None) -> None:
    """Check that a party in the room, not an observer, adds to the debrief before agreement.

    What was agreed to is what is published: nobody adds a word to it unseen.
    """
    if kind is PartyKind.OBSERVER:
        raise NotAllowedError("observers cannot add notes: tell the agency")
    _check_hand(role)
    _check_unpublished(facts)
    if facts.state is ReportState.AGREED:
        raise ConflictError("this report is agreed: ask its author to edit it, then add your note")


def check_act(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Check that those who answer for the crisis assign actions while the report is written."""
    check_write(facts, kind=kind, name=name, role=role)


def check_done(*, owner: str, is_done: bool, name: str, role: Role | None) -> None:
    """Check that an action's owner completes it, once, also after publication."""
    if name != owner:
        raise NotAllowedError(
            "only {owner}, who owns this action, can mark it as done", owner=owner
        )
    _check_hand(role)
    if is_done:
        raise ConflictError("this action is already done")


def check_agree(facts: ReportFacts, *, kind: PartyKind, role: Role | None, by: Hand) -> None:
    """Check that a second leading person, who wrote nothing of it, agrees to a report with content.

    Where a machine is on either side, the second must be of another party.
    """
    _check_answers_for(kind=kind, name=by.party, crisis_opened_by=facts.opened_by)
    check_person_may_lead(role)
    if facts.state is not ReportState.DRAFT:
        raise ConflictError("this report is already {state}", state=facts.state)
    if empty := [name for name, text in facts.texts.items() if not text.strip()]:
        raise ConflictError("these sections are empty: {empty}", empty=", ".join(empty))
    for author in facts.authors:
        if author.ref == by.ref or (author.party == by.party and (author.is_key or by.is_key)):
            raise NotAllowedError(
                "an author of this report cannot agree to it: ask another person with a "
                "deciding role, of another party if a program wrote or agrees"
            )


def check_publish(facts: ReportFacts, *, kind: PartyKind, name: str, role: Role | None) -> None:
    """Check that a leading person publishes the agreed report of a closed crisis."""
    _check_answers_for(kind=kind, name=name, crisis_opened_by=facts.opened_by)
    check_person_may_lead(role)
    if facts.state is ReportState.DRAFT:
        raise ConflictError(
            "nobody has agreed to this report yet: ask a second person with a deciding role"
        )
    _check_unpublished(facts)
    if not facts.is_crisis_closed:
        raise ConflictError("the crisis is not closed: close it before you publish its report")


def may_read(facts: ReportFacts, *, is_in_room: bool) -> bool:
    """Whether a party reads a report: before publication the room, then its audience."""
    if is_in_room:
        return True
    return facts.state is ReportState.PUBLISHED and facts.audience is not ReportAudience.ROOM


def may_publish_counts(counts: Sequence[int]) -> bool:
    """Whether a sum may be published. counts: the share of each provider in it.

    1. Enough providers, so that two that combine theirs cannot compute a third one's.
    2. A large enough sum.
    3. Enough left without the two largest, so that the second cannot compute the first.
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
    """Check that the party answers for the crisis: authorities, agencies and its opener do."""
    if kind not in LEADING_KINDS and name != crisis_opened_by:
        raise NotAllowedError(
            "only the party that opened the crisis, authorities and agencies can write its "
            "report: add a note"
        )


def _check_hand(role: Role | None) -> None:
    """Check that a person has a role that may write; None is a machine."""
    if role is not None:
        check_person_may_write(role)


def _check_unpublished(facts: ReportFacts) -> None:
    """Refuse changes to a published report."""
    if facts.state is ReportState.PUBLISHED:
        raise ConflictError("this report is published and cannot change: open the next version")
