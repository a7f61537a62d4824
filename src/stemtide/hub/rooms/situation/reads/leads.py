# SPDX-License-Identifier: Apache-2.0
"""Read leads to a threat to life, for sender, addressees and agencies alone."""

from datetime import datetime, timedelta, timezone
from uuid import UUID

from cryptography.fernet import InvalidToken
from django.db.models import Case, F, IntegerField, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber
from django.utils.translation import gettext as _

from stemtide.hub.platform import encryption
from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads.parties import marked_for
from stemtide.hub.rooms.situation.models import Lead
from stemtide.hub.rooms.situation.rules.leads import LeadFacts
from stemtide.protocol.enums import (
    CountryGround,
    LeadBasis,
    LeadLevel,
    LeadOutcome,
    LeadState,
    PartyKind,
)
from stemtide.protocol.messages.situation import LeadIn, LeadOut

AT_ONCE = 50
"""Maximum leads of one sender in a list that has no room for all leads."""

WORDS = ("facts", "reasons", "address", "locate", "callback")
"""The columns with a lead's texts, which are encrypted."""

_USE = "leads"


def leads(*, viewer: Party, is_open: bool | None = None, limit: int = 200) -> list[LeadOut]:
    """Return the leads that a party may see: open ones first, then the gravest, then the oldest.

    is_open: True for open leads only, False for closed ones only.

    If there are more than limit, the list has the first AT_ONCE of each sender: nobody hides
    another's lead behind many of their own.
    """
    visible = _visible(viewer)
    if is_open is not None:
        closed = Q(state=LeadState.CLOSED)
        visible = visible.filter(~closed if is_open else closed)
    gravity = Case(
        *(When(level=lead_level, then=Value(-lead_level.rank)) for lead_level in LeadLevel),
        output_field=IntegerField(),
    )
    over = Case(
        When(state=LeadState.CLOSED, then=Value(1)), default=Value(0), output_field=IntegerField()
    )
    ordering = ("over", "gravity", "reported_at")
    visible = visible.annotate(gravity=gravity, over=over)
    if visible.count() > limit:
        place = Window(RowNumber(), partition_by=[F("sent_by")], order_by=ordering)
        first = list(
            visible.annotate(place=place).filter(place__lte=AT_ONCE).order_by(*ordering)[:limit]
        )
        return [describe_lead(row) for row in first]
    return [describe_lead(row) for row in visible.order_by(*ordering)]


def of_crisis(uid: UUID, *, viewer: Party) -> list[LeadOut]:
    """Return the leads of a crisis that a party may see."""
    rows = _visible(viewer).filter(crisis__uid=uid).order_by("-reported_at")
    return [describe_lead(row) for row in rows]


def lead(uid: UUID, *, viewer: Party) -> LeadOut:
    """Return a lead that the viewer may see.

    raises: NotFoundError, also for a lead that the viewer may not see.
    """
    return describe_lead(find_lead(uid, viewer=viewer))


def find_lead(uid: UUID, *, viewer: Party) -> Lead:
    """Return the row of a lead, for writes.

    raises: NotFoundError, also for a lead that the viewer may not see.
    """
    row = _visible(viewer).filter(uid=uid).first()
    if row is None:
        raise NotFoundError("there is no lead {uid} that your party may see", uid=uid)
    return row


def lead_facts(row: Lead) -> LeadFacts:
    """Return the facts that the rules need of a lead."""
    recipients = {party.name for party in (row.addressed_to, row.copied_to, row.passed_to) if party}
    return LeadFacts(
        state=LeadState(row.state), sent_by=row.sent_by.name, recipients=frozenset(recipients)
    )


def words_of(row: Lead) -> dict[str, str]:
    """Decrypt what a lead says in words: what its digest in the ledger is made of.

    Where the secret was lost that they were encrypted with, say so: other leads must be read.
    """
    try:
        return {name: encryption.decrypt(getattr(row, name), use=_USE) for name in WORDS}
    except InvalidToken:
        lost = _("This was encrypted with an earlier secret of the hub: ask its sender.")
        return {name: lost if getattr(row, name) else "" for name in WORDS}


@needs_no_viewer("it returns ids to the operator, and no words")
def damaged_leads() -> list[UUID]:
    """Return leads that the hub's secret does not decrypt, and erased ones that have words."""
    damaged = []
    for row in Lead.objects.iterator():
        encrypted = [getattr(row, name) for name in WORDS if getattr(row, name)]
        try:
            for text in encrypted:
                encryption.decrypt(text, use=_USE)
        except InvalidToken:
            damaged.append(row.uid)
            continue
        if encrypted and row.erased_at is not None:
            damaged.append(row.uid)
    return damaged


@needs_no_viewer("the words are the sender's own")
def encrypt_texts(body: LeadIn) -> dict[str, str]:
    """Encrypt what a lead says in words, for its columns."""
    return {name: encryption.encrypt(getattr(body, name), use=_USE) for name in WORDS}


@needs_no_viewer("every party may see every other")
def candidates(country: str, *, exercise: bool = False) -> list[str]:
    """Return the names of possible addressees for a country; agencies if it is not known ("").

    source: Regulation (EU) 2021/784 Art. 14(5).
    """
    kind = PartyKind.AUTHORITY if country else PartyKind.AGENCY
    parties = Party.objects.filter(kind=kind, left_at=None)
    if not exercise:
        parties = parties.filter(exercise=False)
    if country:
        parties = parties.filter(country=country)
    return list(parties.order_by("name").values_list("name", flat=True))


def describe_lead(row: Lead) -> LeadOut:
    """Return a lead as a message. Its time of posting keeps the time zone that its sender gave."""
    return LeadOut(
        id=row.uid,
        level=LeadLevel(row.level),
        bases=[LeadBasis(base) for base in row.bases],
        state=LeadState(row.state),
        country=row.country,
        country_grounds=[CountryGround(ground) for ground in row.country_grounds or ()],
        sent_by=row.sent_by.name,
        addressed_to=row.addressed_to.name,
        copied_to=row.copied_to.name if row.copied_to else None,
        passed_to=row.passed_to.name if row.passed_to else None,
        **words_of(row),
        posted_at=_in_zone(row.posted_at, east_min=row.posted_zone),
        crisis=row.crisis.uid if row.crisis else None,
        exercise=row.exercise,
        reported_at=row.reported_at,
        received_at=row.received_at,
        passed_on_at=row.passed_on_at,
        closed_at=row.closed_at,
        outcome=LeadOutcome(row.outcome) if row.outcome else None,
        erase_due=row.erase_due,
        erased_at=row.erased_at,
        seal=row.salt,
    )


def _visible(viewer: Party) -> QuerySet[Lead]:
    """Return the leads that rules.leads.may_see lets a party see, as SQL."""
    rows = marked_for(viewer, Lead.objects.all()).select_related(
        "sent_by", "addressed_to", "copied_to", "passed_to", "crisis"
    )
    if viewer.kind == PartyKind.AGENCY:
        return rows
    mine = Q(sent_by=viewer) | Q(addressed_to=viewer) | Q(copied_to=viewer) | Q(passed_to=viewer)
    return rows.filter(mine)


def _in_zone(moment: datetime | None, *, east_min: int) -> datetime | None:
    """Return a moment in the time zone in which it was given. east_min: minutes east of UTC."""
    if moment is None:
        return None
    return moment.astimezone(timezone(timedelta(minutes=east_min)))
