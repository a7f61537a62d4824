# SPDX-License-Identifier: Apache-2.0
"""Read competences. The register is public: the Commission publishes one, too.

source: Regulation (EU) 2021/784 Art. 12(4).
"""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Competence, CompetenceProposal, Party
from stemtide.protocol.enums import Duty


@dataclass(frozen=True, slots=True)
class CompetenceRow:
    """An authority with one of its duties."""

    party: str
    title: str
    country: str
    duty: Duty
    named_at: datetime


@dataclass(frozen=True, slots=True)
class ProposedCompetence:
    """A proposal about a competence that waits. author_ref: who made it, as the ledger names it."""

    number: int
    duty: Duty
    ends: bool
    reason: str
    by: str
    author_ref: str
    at: datetime
    expires_at: datetime


def duties(party: Party) -> list[Duty]:
    """Return the duties for which a party is appointed at present."""
    rows = Competence.objects.filter(party=party, ended_at=None)
    return [Duty(duty) for duty in rows.values_list("duty", flat=True)]


def proposed(party: Party, *, now: datetime) -> ProposedCompetence | None:
    """Return the proposal about a competence of a party that waits, if there is one."""
    rows = CompetenceProposal.objects.filter(party=party, expires_at__gt=now)
    row = rows.select_related("by").first()
    if row is None:
        return None
    return ProposedCompetence(
        number=row.pk,
        duty=Duty(row.duty),
        ends=row.ends,
        reason=row.reason,
        by=row.by.name,
        author_ref=row.by_ref,
        at=row.at,
        expires_at=row.expires_at,
    )


def is_competent(party: Party, duty: Duty) -> bool:
    """Whether a party is at present appointed for a duty."""
    return Competence.objects.filter(party=party, duty=duty, ended_at=None).exists()


def competent_since(party: Party, duty: Duty) -> datetime | None:
    """Return when a party was appointed for a duty; None if it is not."""
    row = Competence.objects.filter(party=party, duty=duty, ended_at=None).first()
    return row.named_at if row else None


@needs_no_viewer("it is public")
def competent(country: str, duty: Duty) -> list[Party]:
    """Return the authorities that a Member State appointed for a duty, by name; no bot's."""
    authorities = Party.objects.filter(
        country=country, competences__duty=duty, competences__ended_at=None, exercise=False
    )
    return list(authorities.order_by("name").distinct())


@needs_no_viewer("it is public")
def register() -> list[CompetenceRow]:
    """Return all authorities and their duties, by country and name; none of an exercise."""
    named = Competence.objects.filter(ended_at=None, party__exercise=False)
    competences = named.select_related("party")
    return [
        CompetenceRow(
            party=competence.party.name,
            title=competence.party.title,
            country=competence.party.country,
            duty=Duty(competence.duty),
            named_at=competence.named_at,
        )
        for competence in competences.order_by("party__country", "party__name", "duty")
    ]
