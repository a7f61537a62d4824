# SPDX-License-Identifier: Apache-2.0
"""Read the values that a draft of an order starts with, and the facts that its lint needs."""

from datetime import UTC, datetime
from uuid import UUID

from stemtide.fingerprints.url.canonical import UrlError, canonical, digest
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.orders.models import Information, Order, OrderAddress, OrderAnswer
from stemtide.hub.rooms.orders.reads import interests, orders as reads
from stemtide.hub.rooms.orders.reads.entries import BY_BOTH, BY_ISSUER
from stemtide.hub.rooms.orders.rules import lint as lint_rules, orders as rules
from stemtide.hub.rooms.orders.rules.findings import DraftFinding
from stemtide.hub.rooms.orders.rules.lint import LintFacts
from stemtide.hub.rooms.orders.rules.orders import IN_EFFECT
from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.parties.reads import competences, contacts, parties
from stemtide.protocol.enums import Duty, PartyKind
from stemtide.protocol.law.forms import form
from stemtide.protocol.messages.orders import LintFinding, OrdersInEffectOut, Values

_KEPT = (
    *("authority_type", "authority_name", "representative", "authority_address"),
    *("authority_phone", "authority_fax", "authority_mail", "signature", "feedback_contact"),
    *("redress_authority", "redress_body", "redress_deadline", "redress_link"),
)
"""Fields of Annex I that an authority writes alike each time."""

_SIGNED = ("provider_name", "provider_state", "authorised_person", "contact_mail", "signature")
"""Fields of Annexes II and III that a provider writes alike each time."""


def start(to: str, *, viewer: Party, now: datetime) -> Values:
    """Return the fields of Annex I that the hub can fill in for a new draft.

    The authority's own fields come from its last order, the rest from the register and the contact
    points.

    raises: NotFoundError for an unknown provider.
    """
    provider = parties.party(to)
    made_here = Order.objects.filter(issued_by=viewer, is_entered=False)
    last = made_here.order_by("-drafted_at", "-pk").first()
    reused: Values = (
        {name: last.annex[name] for name in _KEPT if name in last.annex} if last else {}
    )
    is_abroad = bool(provider.country) and provider.country != viewer.country
    values: Values = {
        "authority_name": viewer.title,
        **reused,
        "contact_point": _contact(provider, viewer=viewer, now=now),
        "home_state": provider.country,
        "cross_border": is_abroad,
        "copy_sent": is_abroad,
        "non_disclosure": False,
        "signed_on": now.astimezone(UTC).date().isoformat(),
    }
    if is_abroad:
        homes = competences.competent(provider.country, Duty.SCRUTINISE)
        contacts_of_homes = [
            f"{home.title}: {_contact(home, viewer=viewer, now=now)}" for home in homes
        ]
        values["home_contact"] = "\n".join(
            contact.removesuffix(": ") for contact in contacts_of_homes
        ) or _last_home_contact(provider.country, viewer=viewer)
    return {name: value for name, value in values.items() if value not in ("", None)}


def _last_home_contact(country: str, *, viewer: Party) -> str:
    """Return the authority of a Member State that a party's last order there names; "" for none."""
    orders = Order.objects.filter(issued_by=viewer, addressee__country=country, is_entered=False)
    named = orders.filter(annex__has_key="home_contact").order_by("-drafted_at", "-pk").first()
    return str(named.annex["home_contact"]) if named else ""


def start_answer(name: str, *, viewer: Party, now: datetime) -> Values:
    """Return the fields of an answer that the hub can fill in, from the provider's last answer.

    name: of Annex II or III.
    """
    last = OrderAnswer.objects.filter(order__addressee=viewer).order_by("-answered_at", "-pk")
    previous = first.annex if (first := last.first()) else {}
    moment = now.astimezone(UTC).replace(microsecond=0)
    values: Values = {
        "provider_name": viewer.title,
        "provider_state": viewer.country,
        "contact_mail": _contact(viewer, viewer=viewer, now=now),
        **{field_name: previous[field_name] for field_name in _SIGNED if field_name in previous},
        "measure_at": moment.isoformat(),
        "signed_on": moment.date().isoformat(),
        "signed_at": moment.isoformat(),
    }
    open_fields = {field.name for field in form(name).fields if not field.is_filled_in}
    return {
        field_name: value
        for field_name, value in values.items()
        if field_name in open_fields and value
    }


def lint(uid: UUID, *, viewer: Party, now: datetime) -> list[LintFinding]:
    """Return the errors and doubts of a draft that is about to be issued.

    raises: NotFoundError.
    """
    row = reads.find(uid, viewer=viewer)
    return [
        LintFinding(
            field=finding.field,
            is_error=finding.is_error,
            message=finding.message,
            kind=finding.kind,
        )
        for finding in findings(row, viewer=viewer, now=now)
    ]


def findings(row: Order, *, viewer: Party, now: datetime) -> list[DraftFinding]:
    """Return the findings of lint() untranslated, for writes and for pages in other languages."""
    return lint_rules.lint(row.annex, facts=_facts(row, viewer=viewer, now=now))


def is_first(row: Order, *, viewer: Party) -> bool:
    """Whether an authority never issued an order to the provider of a draft.

    Exercises do not count for real orders, nor real orders for exercises. Orders that it entered by
    hand count once the provider has confirmed them: its word alone shortens no notice.
    """
    before = Order.objects.filter(
        BY_BOTH,
        issued_by=viewer,
        addressee=row.addressee,
        exercise=row.exercise,
        issued_at__isnull=False,
    )
    return not before.exclude(pk=row.pk).exists()


@needs_no_viewer("it depends on no party")
def address_digest(url: str) -> str:
    """Return the digest by which equal addresses are found; "" for a text that is no address."""
    try:
        return digest(canonical(url)).hex()
    except UrlError:
        return ""


def address_rows(row: Order) -> list[OrderAddress]:
    """Return the addresses of an order's form, to be stored where they can be looked up."""
    urls = row.annex.get("urls") or []
    return [
        OrderAddress(order=row, place=place, url=url[:8192], digest=address_digest(url))
        for place, url in enumerate(urls)
    ]


def standing(url: str, *, viewer: Party, exercise: bool = False) -> OrdersInEffectOut:
    """Return which authorities have an order in effect for an address, to those who coordinate.

    raises: NotAllowedError for all but authorities and agencies.
    """
    rules.check_look(kind=PartyKind(viewer.kind))
    in_effect = Order.objects.filter(BY_ISSUER, issued_by__isnull=False, state__in=IN_EFFECT)
    addresses = OrderAddress.objects.filter(
        digest=address_digest(url), order__in=in_effect.filter(exercise=exercise)
    ).exclude(digest="")
    rows = list(addresses.values_list("order__issued_by__name", "order__received_at"))
    return OrdersInEffectOut(
        parties=sorted({name for name, _ in rows}),
        is_received=any(received_at is not None for _, received_at in rows),
    )


def _facts(row: Order, *, viewer: Party, now: datetime) -> LintFacts:
    """Return the facts that the lint needs."""
    informations = Information.objects.filter(
        sent_by=row.issued_by, sent_to=row.addressee, exercise=row.exercise
    )
    # Of several the first counts: informing a provider again does not start a new term.
    first = informations.order_by("sent_at").first()
    home = row.addressee.country
    homes = competences.competent(home, Duty.SCRUTINISE) if home else []
    points = contacts.contact_points(viewer=viewer, now=now)
    languages = {
        tag.partition("-")[0]
        for point in points
        if point.party == row.addressee.name
        for tag in point.languages
    }
    return LintFacts(
        issuing_state=row.issuer_state,
        home_state=home,
        homes=tuple(authority.name for authority in homes),
        is_first=is_first(row, viewer=row.issuer),
        now=now,
        emergency=row.emergency,
        emergency_ground=row.emergency_ground,
        informed_at=first.sent_at if first else None,
        language=row.language,
        languages=frozenset(languages),
        interests=interests.interests(row, viewer=row.issuer, now=now),
        is_media_service=row.is_media_service,
        lacks_agency=row.copy_to_europol
        and not parties.agencies(exercise=row.exercise).exclude(pk=row.issuer.pk).exists(),
    )


def _contact(party: Party, *, viewer: Party, now: datetime) -> str:
    """Return a party's mail address, or another contact; "" if the viewer may see none."""
    points = [
        point
        for point in contacts.contact_points(viewer=viewer, now=now)
        if point.party == party.name
    ]
    ordered = sorted(points, key=lambda contact_point: contact_point.channel != "mail")
    return ordered[0].address if ordered else ""
