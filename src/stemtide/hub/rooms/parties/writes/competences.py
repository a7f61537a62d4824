# SPDX-License-Identifier: Apache-2.0
"""The only writers of competences and of file references."""

from datetime import UTC, datetime

from django.db import transaction
from django.db.models import F, Max

from stemtide.hub.rooms.ledger.writes import ledger
from stemtide.hub.rooms.parties.models import Competence, Party, Series
from stemtide.hub.rooms.parties.rules import competences as rules
from stemtide.protocol.enums import Duty, PartyKind


@transaction.atomic
def name_competent(party: Party, duty: Duty, *, actor: str, now: datetime) -> Competence:
    """Note that a Member State named an authority for a duty.

    raises: InvalidError, ConflictError where it was before.
    """
    ledger.take_turn()
    stands = _standing(party, duty) is not None
    kind = PartyKind(party.kind)
    rules.check_name_competent(duty, kind=kind, country=party.country, stands=stands)
    made = Competence.objects.create(party=party, duty=duty, named_at=now)
    _record("competence.named", made, actor=actor, now=now)
    return made


@transaction.atomic
def end_competence(party: Party, duty: Duty, *, actor: str, now: datetime) -> Competence:
    """Note that a competence ended. What was done under it stands.

    raises: NotFoundError where there is none.
    """
    ledger.take_turn()
    found = _standing(party, duty)
    rules.check_end_competence(duty, stands=found is not None)
    assert found is not None  # noqa: S101  # the rule said so
    found.ended_at = now
    found.save(update_fields=["ended_at"])
    _record("competence.ended", found, actor=actor, now=now)
    return found


def next_reference(party: Party, series: str, *, now: datetime) -> str:
    """The next file reference of a party's own, without gaps in each series and year (of UTC).

    For a write's own transaction, after ledger.take_turn(): no two may count at once, and what is
    given up gives its number back.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    """
    ledger.take_turn()
    year = now.astimezone(UTC).year
    row, _ = Series.objects.get_or_create(party=party, name=series, year=year)
    Series.objects.filter(pk=row.pk).update(last=F("last") + 1)
    row.refresh_from_db()
    return rules.reference(series, year=year, number=row.last)


def next_state_reference(party: Party, series: str, *, now: datetime) -> str:
    """The next file reference of a party that no other party on the hub has.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    source: Regulation (EU) 2021/784 Annexes II and III, Section A: an answer names the file
            reference of the issuing authority, and must mean one order.
    """
    return next_references(party, series, count=1, now=now)[0]


def next_references(party: Party, series: str, *, count: int, now: datetime) -> list[str]:
    """The next file references of a party, in order, as next_state_reference() gives one.

    They count through a Member State, or through the agencies: two authorities of one State share
    its numbers, and what each was given before the State stood in them is stepped over.

    raises: NoTransactionError, ValueError for a series that is not two to four capital letters.
    """
    ledger.take_turn()
    year = now.astimezone(UTC).year
    of_state = Series.objects.filter(party__country=party.country, name=series, year=year)
    last = of_state.aggregate(Max("last"))["last__max"] or 0
    Series.objects.update_or_create(
        party=party, name=series, year=year, defaults={"last": last + count}
    )
    state = party.country or "EU"
    return [
        rules.reference(series, year=year, number=number, state=state)
        for number in range(last + 1, last + count + 1)
    ]


def _standing(party: Party, duty: Duty) -> Competence | None:
    """A competence that has not ended."""
    return Competence.objects.filter(party=party, duty=duty, ended_at=None).first()


def _record(kind: str, row: Competence, *, actor: str, now: datetime) -> None:
    """Write an act on a competence down."""
    detail: dict[str, object] = {"duty": row.duty}
    ledger.append(kind, actor=actor, subject=row.party.ref, now=now, detail=detail)
