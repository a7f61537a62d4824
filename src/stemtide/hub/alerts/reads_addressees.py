# SPDX-License-Identifier: Apache-2.0
"""Who is told of a ledger entry, and on which ladder: the only place that decides it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from stemtide.hub.alerts import reads_requests, rules
from stemtide.hub.alerts.models import Alert, Delivery
from stemtide.hub.alerts.rules_kinds import EVERY_KIND
from stemtide.hub.alerts.rules_rows import Rule, Who
from stemtide.hub.crises import reads as crisis_reads, reads_joining as crises
from stemtide.hub.crises.models import Crisis
from stemtide.hub.ledger.reads import EntryRow
from stemtide.hub.parties import reads_contacts as contacts
from stemtide.hub.parties.models import ContactPoint, Party, Person
from stemtide.hub.parties.rules import NotFoundError
from stemtide.hub.rechecks import reads as rechecks
from stemtide.hub.rechecks.models import Recheck
from stemtide.hub.signals import reads as signals
from stemtide.hub.signals.models import Signal
from stemtide.hub.situation.models import Lead
from stemtide.protocol.frameworks import framework
from stemtide.protocol.words import PartyKind

CHANNEL_OF = {"mail": rules.Channel.MAIL, "url": rules.Channel.WEBHOOK}
"""How the hub reaches a contact point; a telephone is for people to ring."""

_CLOCK = "clock"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a ladder. wait: how long it has to answer before the next is asked."""

    wait: timedelta
    point: ContactPoint
    channel: rules.Channel


@dataclass(frozen=True, slots=True)
class Matter:
    """What an entry is about, and what the text of its alert names.

    addressed: the parties that the entry names, where it names any.
    about:     the alert that it is about, where it is about one.
    person:    the person that it is about, where it is about one.
    """

    entry: EntryRow
    crisis: Crisis | None = None
    signal: Signal | None = None
    addressed: tuple[Party, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    exercise: bool = False
    about: Alert | None = None
    person: Person | None = None


def ladder(*, party: Party, now: datetime) -> list[Step]:
    """How the hub reaches a party now, step by step; empty where no contact point is written to."""
    steps = [
        one
        for one in contacts.ladder(party, viewer=party, now=now)
        if one.contact.channel in CHANNEL_OF
    ]
    points = ContactPoint.objects.in_bulk([step.contact.number for step in steps])
    return [
        Step(
            wait=timedelta(minutes=step.wait_minutes),
            point=points[step.contact.number],
            channel=CHANNEL_OF[step.contact.channel],
        )
        for step in steps
    ]


def next_step(alert: Alert, *, party: Party, now: datetime) -> Step | None:
    """The first step of a party's ladder that was not asked yet for an alert; None at its end.

    Not the step after the last one: whose turn it is changes with the hour, and nobody may be
    left out because of that.
    """
    asked = set(alert.deliveries.values_list("point_id", flat=True))
    return next((one for one in ladder(party=party, now=now) if one.point.pk not in asked), None)


def matter(entry: EntryRow, *, by: str) -> Matter:  # noqa: ARG001  # the clock, for everyone
    """What an entry is about. by: who reads it for everyone."""
    thing, _, name = entry.subject.partition(":")
    told = _ABOUT.get(thing, _plain)(name, entry)
    parameters = {"by": _title(entry.actor), **told.parameters}
    if told.crisis is not None:
        stage = framework(told.crisis.framework).stages[told.crisis.stage].title
        parameters |= {"crisis": told.crisis.name, "stage": stage}
    if told.addressed:
        parameters["party"] = told.addressed[0].title
    exercise = entry.exercise or told.exercise or bool(told.crisis and told.crisis.exercise)
    return replace(told, parameters=parameters, exercise=exercise)


def _plain(name: str, entry: EntryRow) -> Matter:  # noqa: ARG001  # the entry says it itself
    """A crisis, or something in one; the entry's detail may name parties and an act."""
    crisis = _crisis(entry.crisis) if entry.crisis else None
    named = entry.detail.get("parties")
    refs = [f"party:{one}" for one in named] if isinstance(named, list) else [entry.subject]
    act = entry.detail.get("act")
    return Matter(
        entry=entry,
        crisis=crisis,
        addressed=tuple(party for ref in refs for party in _party(ref)),
        parameters={"act": act} if isinstance(act, str) else {},
    )


def _signal(name: str, entry: EntryRow) -> Matter:
    """A signal; its crisis, if it has one."""
    row = Signal.objects.select_related("shared_by", "crisis__opened_by").get(uid=name)
    return Matter(entry=entry, crisis=row.crisis, signal=row)


def _alert(name: str, entry: EntryRow) -> Matter:
    """Another alert."""
    row = Alert.objects.select_related("party", "crisis__opened_by").get(uid=name)
    return Matter(
        entry=entry,
        crisis=row.crisis,
        addressed=(row.party,),
        parameters={"kind": row.kind, "reference": row.parameters.get("reference", "")},
        about=row,
        exercise=row.exercise,
    )


def _person(name: str, entry: EntryRow) -> Matter:
    """Return what an entry about a person is about: their party is addressed."""
    row = Person.objects.select_related("party").get(pk=int(name))
    return Matter(entry=entry, addressed=(row.party,), person=row)


def _delivery(name: str, entry: EntryRow) -> Matter:
    """A delivery of another alert."""
    row = Delivery.objects.select_related("alert__party", "alert__crisis__opened_by").get(uid=name)
    return Matter(
        entry=entry,
        crisis=row.alert.crisis,
        addressed=(row.alert.party,),
        parameters={
            "channel": row.channel,
            "error": row.last_error,
            "reference": row.alert.parameters.get("reference", ""),
        },
        about=row.alert,
        exercise=row.alert.exercise,
    )


def _lead(name: str, entry: EntryRow) -> Matter:
    """A lead to a threat to life: its alert names no crisis and no word of it, for it is sealed."""
    row = Lead.objects.select_related("addressed_to", "copied_to", "passed_to").get(uid=name)
    is_passed_on = entry.kind == "lead.forwarded"
    told = (row.passed_to,) if is_passed_on else (row.addressed_to, row.copied_to)
    return Matter(entry=entry, addressed=tuple(one for one in told if one is not None))


def _request(name: str, entry: EntryRow) -> Matter:
    """A removal order, a referral, a hold: the entry names whom it is for.

    Its crisis is left out: neither side need see it, and what ends in the one ends nothing in the
    other.
    """
    thing = entry.subject.partition(":")[0]
    told = {one: str(entry.detail.get(one, "")) for one in ("count", "first", "last")}
    others = entry.detail.get("others")
    told["others"] = (
        ", ".join(_title(f"party:{name}") for name in others if name)
        if isinstance(others, list)
        else ""
    )
    told["reference"] = reads_requests.reference(thing, name, by=_CLOCK)
    return Matter(entry=entry, addressed=_named(entry), parameters=told)


def _named(entry: EntryRow) -> tuple[Party, ...]:
    """The parties that an entry names: several by name, or one as the ledger names it."""
    names = entry.detail.get("parties")
    refs = [f"party:{name}" for name in names] if isinstance(names, list) else []
    refs = refs or [str(entry.detail.get("party", ""))]
    return tuple(party for ref in refs for party in _party(ref))


def _complaint(name: str, entry: EntryRow) -> Matter:  # noqa: ARG001  # the entry says it itself
    """A complaint, or what is asked because of one: the entry names whom it is for."""
    return Matter(entry=entry, addressed=_party(str(entry.detail.get("party", ""))))


def _recheck(name: str, entry: EntryRow) -> Matter:
    """The re-check of a request: its alert names the request's number, and no address."""
    row = Recheck.objects.select_related("referral", "order").get(uid=name)
    told = rechecks.sides(row, by=_CLOCK)
    parameters = {"reference": row.request.reference, "provider": told[1].title}
    return Matter(
        entry=entry, addressed=_named(entry), parameters=parameters, exercise=row.exercise
    )


def addressees(matter: Matter, *, rule: Rule, by: str) -> list[Party]:  # noqa: ARG001  # the clock, for everyone
    """The parties that are told; never the one that acted, and nobody that has not joined.

    The exceptions are an invitation, and a warning or news of it to the countries that it names. An
    exercise is told to those in it alone: its early warning goes to those in its room.
    """
    told = [party for party in _once(_WHO[rule.who](matter)) if _may_know(matter, party=party)]
    if rule.who is Who.CONFIRMERS:  # a colleague of the proposer may be the second person
        return told
    return [party for party in told if party.ref != matter.entry.actor]


def _may_know(matter: Matter, *, party: Party) -> bool:
    """Whether a party may see the crisis of a matter: an observer not in its first stage."""
    if matter.crisis is None:
        return True
    try:
        crisis_reads.find(matter.crisis.uid, viewer=party)
    except NotFoundError:
        return False
    return True


def agencies(*, by: str) -> list[Party]:  # noqa: ARG001  # the clock, for everyone
    """The parties that look after all the others."""
    return list(Party.objects.filter(kind=PartyKind.AGENCY).order_by("name"))


def room(crisis: Crisis, *, by: str) -> list[Party]:
    """The parties in the room of a crisis: who opened it, agencies, and those that joined."""
    return crises.room(crisis, by=by)


def _room(matter: Matter) -> list[Party]:
    """Those in the crisis' room; nobody where there is no crisis."""
    return room(matter.crisis, by=_CLOCK) if matter.crisis else []


def _warned(matter: Matter) -> list[Party]:
    """Agencies, and authorities of the countries that a warning names."""
    if matter.crisis is None or matter.exercise:
        return _room(matter)
    authorities = Party.objects.filter(
        kind=PartyKind.AUTHORITY, country__in=matter.crisis.countries
    )
    return [*agencies(by=_CLOCK), *authorities.order_by("name")]


def _concerned(matter: Matter) -> list[Party]:
    """Authorities of the countries that the entry adds; in an exercise, those in its room."""
    added = matter.entry.detail.get("countries")
    codes = set(added) if isinstance(added, list) else set()
    if matter.exercise:
        return [leader for leader in _leaders(matter) if leader.country in codes]
    rows = Party.objects.filter(kind=PartyKind.AUTHORITY, country__in=codes)
    return list(rows.order_by("name"))


def _invited(matter: Matter) -> list[Party]:
    """The parties that the entry names."""
    return list(matter.addressed)


def _leaders(matter: Matter) -> list[Party]:
    """Authorities and agencies in the crisis' room."""
    leading = {PartyKind.AUTHORITY, PartyKind.AGENCY}
    return [party for party in _room(matter) if party.kind in leading]


def _sharer(matter: Matter) -> list[Party]:
    """Who shared the signal, unless it has left the crisis that the signal belongs to."""
    if matter.signal is None:
        return []
    sharer = matter.signal.shared_by
    is_out = matter.crisis is not None and sharer not in _room(matter)
    return [] if is_out else [sharer]


def _readers(matter: Matter) -> list[Party]:
    """Those in the room of the signal's crisis whom its mark lets in."""
    if matter.signal is None:
        return []
    return [party for party in _room(matter) if _may_see(matter.signal, viewer=party)]


def _counterparts(matter: Matter) -> list[Party]:
    """Agencies and who opened the crisis; nobody in a drill, whose report says it already."""
    if matter.parameters.get("kind") == "drill":
        return []
    opener = [matter.crisis.opened_by] if matter.crisis else []
    told = (*_onlookers(matter), *opener, *_senders(matter))
    return [one for one in told if one not in matter.addressed]


def _owner(matter: Matter) -> list[Party]:
    """The party whose contact point fails, and agencies."""
    return [*_invited(matter), *_senders(matter), *_onlookers(matter)]


def _onlookers(matter: Matter) -> list[Party]:
    """Agencies, unless an alert is between the two sides of a request."""
    is_sealed = matter.about is not None and EVERY_KIND[matter.about.kind].sealed
    return [] if is_sealed else agencies(by=_CLOCK)


def _senders(matter: Matter) -> list[Party]:
    """Whose request an alert carries, if it carries one: they must know that it did not arrive."""
    if matter.about is None:
        return []
    thing, _, name = matter.about.subject.partition(":")
    return reads_requests.senders(thing, name, by=_CLOCK)


_WHO: Mapping[Who, Callable[[Matter], list[Party]]] = {
    Who.WARNED: _warned,
    Who.CONCERNED: _concerned,
    Who.INVITED: _invited,
    Who.CONFIRMERS: _leaders,
    Who.ROOM: _room,
    Who.LEADERS: _leaders,
    Who.ADDRESSED: _invited,
    Who.SHARER: _sharer,
    Who.READERS: _readers,
    Who.COUNTERPARTS: _counterparts,
    Who.OWNER: _owner,
    Who.SIDES: _invited,
}

_ABOUT: Mapping[str, Callable[[str, EntryRow], Matter]] = {
    "signal": _signal,
    "alert": _alert,
    "delivery": _delivery,
    "person": _person,
    "lead": _lead,
    "complaint": _complaint,
    "recheck": _recheck,
    **dict.fromkeys(reads_requests.THINGS, _request),
}
"""How a subject is read, by what stands before its colon."""


def _may_see(signal: Signal, *, viewer: Party) -> bool:
    """Whether a party may see a signal."""
    try:
        signals.find(signal.uid, viewer=viewer)
    except NotFoundError:
        return False
    return True


def _crisis(uid: UUID) -> Crisis:
    """A crisis' row."""
    return Crisis.objects.select_related("opened_by").get(uid=uid)


def _party(ref: str) -> tuple[Party, ...]:
    """The party that a ledger name stands for, if it is a party's."""
    thing, _, name = ref.partition(":")
    return tuple(Party.objects.filter(name=name)) if thing == "party" else ()


def _title(ref: str) -> str:
    """The title of whoever acted, "" for the clock and the operator."""
    return next((party.title for party in _party(ref)), "")


def _once(parties: list[Party]) -> list[Party]:
    """Each party once, in order."""
    return list({party.pk: party for party in parties}.values())
