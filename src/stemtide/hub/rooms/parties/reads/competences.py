# SPDX-License-Identifier: Apache-2.0
"""Read competences. The register is public: the Commission publishes one, too.

source: Regulation (EU) 2021/784 Art. 12(4).
"""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.rooms.parties.models import Competence, Party
from stemtide.protocol.enums import Duty


@dataclass(frozen=True, slots=True)
class CompetenceRow:
    """An authority with one of its duties."""

    party: str
    title: str
    country: str
    duty: Duty
    named_at: datetime


def is_competent(party: Party, duty: Duty, *, viewer: Party) -> bool:  # noqa: ARG001  # public
    """Whether a party is at present appointed for a duty."""
    return Competence.objects.filter(party=party, duty=duty, ended_at=None).exists()


def competent(country: str, duty: Duty, *, viewer: Party) -> list[Party]:  # noqa: ARG001  # public
    """Return the authorities that a Member State appointed for a duty, by name."""
    authorities = Party.objects.filter(
        country=country, competences__duty=duty, competences__ended_at=None
    )
    return list(authorities.order_by("name").distinct())


def register(*, viewer: Party) -> list[CompetenceRow]:  # noqa: ARG001  # public
    """Return all authorities and their duties, by country and name."""
    return _rows()


def whole_register(*, by: str) -> list[CompetenceRow]:  # noqa: ARG001  # public
    """Return all authorities and their duties, for the operator at the hub's own console."""
    return _rows()


def _rows() -> list[CompetenceRow]:
    """Return the register."""
    competences = Competence.objects.filter(ended_at=None).select_related("party")
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
