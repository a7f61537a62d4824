# SPDX-License-Identifier: Apache-2.0
"""The only readers of competences. The register is public: the Commission keeps one, too.

source: Regulation (EU) 2021/784 Art. 12(4).
"""

from dataclasses import dataclass
from datetime import datetime

from stemtide.hub.rooms.parties.models import Competence, Party
from stemtide.protocol.enums import Duty


@dataclass(frozen=True, slots=True)
class CompetenceRow:
    """One authority and one of its duties."""

    party: str
    title: str
    country: str
    duty: Duty
    named_at: datetime


def is_competent(party: Party, duty: Duty, *, viewer: Party) -> bool:  # noqa: ARG001  # public
    """Whether a party stands named for a duty."""
    return Competence.objects.filter(party=party, duty=duty, ended_at=None).exists()


def competent(country: str, duty: Duty, *, viewer: Party) -> list[Party]:  # noqa: ARG001  # public
    """The authorities that a Member State named for a duty, by name."""
    found = Party.objects.filter(
        country=country, competences__duty=duty, competences__ended_at=None
    )
    return list(found.order_by("name").distinct())


def register(*, viewer: Party) -> list[CompetenceRow]:  # noqa: ARG001  # public
    """All authorities and their duties, by country and name."""
    return _rows()


def whole_register(*, by: str) -> list[CompetenceRow]:  # noqa: ARG001  # public
    """All authorities and their duties, for the operator at the hub's own console."""
    return _rows()


def _rows() -> list[CompetenceRow]:
    """The register."""
    found = Competence.objects.filter(ended_at=None).select_related("party")
    return [
        CompetenceRow(
            party=one.party.name,
            title=one.party.title,
            country=one.party.country,
            duty=Duty(one.duty),
            named_at=one.named_at,
        )
        for one in found.order_by("party__country", "party__name", "duty")
    ]
