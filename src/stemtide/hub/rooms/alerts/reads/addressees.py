# SPDX-License-Identifier: Apache-2.0
"""Decide which parties are alerted by a ledger entry, and in which escalation steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from stemtide.hub.platform.errors import NotFoundError
from stemtide.hub.platform.exemptions import needs_no_viewer
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads import requests
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.kinds import EVERY_KIND
from stemtide.hub.rooms.alerts.rules.rows import Addressees, AlertRule
from stemtide.hub.rooms.approvals.models import Approval
from stemtide.hub.rooms.approvals.reads import approvals
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.crises.reads import crises as crises_reads, participants
from stemtide.hub.rooms.exercises.models import ExerciseRun
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.parties.models import ContactPoint, Party, Person
from stemtide.hub.rooms.parties.reads import contacts, parties as parties_reads
from stemtide.hub.rooms.rechecks import reads
from stemtide.hub.rooms.rechecks.models import Recheck
from stemtide.hub.rooms.signals.models import Signal
from stemtide.hub.rooms.signals.reads import opinions, signals
from stemtide.hub.rooms.situation.models import Lead, MessageReference
from stemtide.hub.rooms.tasks import reads as tasks_reads
from stemtide.hub.rooms.tasks.models import Task
from stemtide.protocol.enums import ApprovalState, PartyKind
from stemtide.protocol.law.frameworks import framework
from stemtide.protocol.trust.second_look import WaitingAct

CHANNEL_OF = {"mail": rules.Channel.MAIL, "url": rules.Channel.WEBHOOK}
"""The channel for each kind of contact point; people call telephones themselves."""


@dataclass(frozen=True, slots=True)
class EscalationStep:
    """One step of an escalation ladder. wait: the time to answer before the next step."""

    wait: timedelta
    point: ContactPoint
    channel: rules.Channel


@dataclass(frozen=True, slots=True)
class Matter:
    """The subject of a ledger entry, with the values for the text of its alert.

    addressed: the parties that the entry names, if any.
    about:     the alert that it is about, if any.
    person:    the person that it is about, if any.
    approval:  the act that needs a second look, if any.
    """

    entry: EntryRow
    crisis: Crisis | None = None
    signal: Signal | None = None
    addressed: tuple[Party, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    exercise: bool = False
    about: Alert | None = None
    person: Person | None = None
    approval: Approval | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether it is an act that still waits for a second look."""
        return self.approval is not None and self.approval.state == ApprovalState.WAITING


def ladder(*, party: Party, now: datetime) -> list[EscalationStep]:
    """Return the steps by which the hub reaches a party now; empty without contact points."""
    steps = [
        step
        for step in contacts.ladder(party, viewer=party, now=now)
        if step.contact.channel in CHANNEL_OF
    ]
    points = ContactPoint.objects.in_bulk([step.contact.number for step in steps])
    return [
        EscalationStep(
            wait=timedelta(minutes=step.wait_minutes),
            point=points[step.contact.number],
            channel=CHANNEL_OF[step.contact.channel],
        )
        for step in steps
    ]


def next_step(alert: Alert, *, party: Party, now: datetime) -> EscalationStep | None:
    """Return the first step of a party's ladder not tried yet for an alert; None at its end.

    This is not simply the step after the last one: contact points on duty change with the hour, and
    none may be left out because of that.
    """
    contacted = set(alert.deliveries.values_list("point_id", flat=True))
    return next(
        (step for step in ladder(party=party, now=now) if step.point.pk not in contacted), None
    )


@needs_no_viewer("the scheduler reads for all parties")
def matter(entry: EntryRow) -> Matter:
    """Return the subject of a ledger entry."""
    thing, _, name = entry.subject.partition(":")
    subject_matter = _READERS.get(thing, _plain)(name, entry)
    parameters = {"by": _title(entry.actor), **subject_matter.parameters}
    if subject_matter.crisis is not None:
        stage = framework(subject_matter.crisis.framework).stages[subject_matter.crisis.stage].title
        parameters |= {"crisis": subject_matter.crisis.name, "stage": stage}
    if subject_matter.addressed:
        parameters["party"] = subject_matter.addressed[0].title
    exercise = (
        entry.exercise
        or subject_matter.exercise
        or bool(subject_matter.crisis and subject_matter.crisis.exercise)
    )
    return replace(subject_matter, parameters=parameters, exercise=exercise)


def _plain(name: str, entry: EntryRow) -> Matter:  # noqa: ARG001  # the entry says it itself
    """Return the matter of an entry about a crisis; its detail may name parties and an act."""
    crisis = _crisis(entry.crisis) if entry.crisis else None
    named = entry.detail.get("parties")
    refs = (
        [f"party:{party_name}" for party_name in named]
        if isinstance(named, list)
        else [entry.subject]
    )
    act = entry.detail.get("act")
    parameters = {"act": act} if isinstance(act, str) else {}
    if entry.kind == "participant.invited" and crisis is not None:
        reason = participants.invite_reason(crisis, at=entry.recorded_at)
        parameters |= {"reasons": " ".join(reason.split())} if reason else {}
    return Matter(
        entry=entry,
        crisis=crisis,
        addressed=tuple(party for ref in refs for party in _party(ref)),
        parameters=parameters,
        person=_person_of(entry),
    )


def _exercise(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about an exercise, for the parties that it names."""
    title = ExerciseRun.objects.get(uid=name).title
    return Matter(entry=entry, addressed=_named(entry), parameters={"exercise": title})


def _person_of(entry: EntryRow) -> Person | None:
    """Return the person that an entry concerns, if it names one."""
    number = str(entry.detail.get("person", "")).removeprefix("person:")
    return Person.objects.filter(pk=int(number)).first() if number.isdigit() else None


def _task(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a task: its title is quoted at the desk only.

    Its person is the one whose task it is now, whom an entry of another party does not name.
    """
    row = Task.objects.select_related("crisis__opened_by").get(uid=name)
    return Matter(
        entry=entry,
        crisis=row.crisis,
        addressed=_named(entry),
        parameters={"reasons": row.title},
        person=tasks_reads.owner(row)[1],
    )


def _message(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a message: of a mention, with the person mentioned."""
    rows = MessageReference.objects.select_related("person")
    row = rows.filter(message__uid=name, token=entry.detail.get("reference", "")).first()
    return replace(_plain(name, entry), person=row.person if row else None)


def _signal(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a signal, with its crisis if it has one."""
    row = Signal.objects.select_related("shared_by", "crisis__opened_by").get(uid=name)
    words = opinions.words(entry.kind, signal=row, actor=entry.actor, party=_detail_party(entry))
    return Matter(
        entry=entry,
        crisis=row.crisis,
        signal=row,
        addressed=_named(entry),
        parameters={"reasons": words} if words else {},
    )


def _detail_party(entry: EntryRow) -> str:
    """Return the ledger reference of the party that an entry names; "" if it names none."""
    return str(entry.detail.get("party", ""))


def _alert(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about another alert."""
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
    """Return the matter of an entry about a person: their party is addressed."""
    row = Person.objects.select_related("party").get(pk=int(name))
    return Matter(entry=entry, addressed=(row.party,), person=row)


def _delivery(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a delivery of another alert."""
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
    """Return the matter of an entry about a lead to a threat to life.

    Its alert names no crisis and none of the lead's text, because a lead is sealed.
    """
    row = Lead.objects.select_related("addressed_to", "copied_to", "passed_to").get(uid=name)
    is_passed_on = entry.kind == "lead.forwarded"
    recipients = (row.passed_to,) if is_passed_on else (row.addressed_to, row.copied_to)
    return Matter(entry=entry, addressed=tuple(party for party in recipients if party is not None))


def _request(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a removal order, referral or hold, for the named parties.

    Its crisis is left out: neither side need see it, and the end of the crisis does not end the
    request.
    """
    thing = entry.subject.partition(":")[0]
    parameters = {key: str(entry.detail.get(key, "")) for key in ("count", "first", "last")}
    others = entry.detail.get("others")
    parameters["others"] = (
        ", ".join(_title(f"party:{name}") for name in others if name)
        if isinstance(others, list)
        else ""
    )
    parameters["reference"] = requests.reference(thing, name)
    return Matter(entry=entry, addressed=_named(entry), parameters=parameters)


def _named(entry: EntryRow) -> tuple[Party, ...]:
    """Return the parties that an entry names: several by name, or one by its ledger reference."""
    names = entry.detail.get("parties")
    refs = [f"party:{name}" for name in names] if isinstance(names, list) else []
    refs = refs or [str(entry.detail.get("party", ""))]
    return tuple(party for ref in refs for party in _party(ref))


def _approval(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about an act that needs a second look.

    Its party is addressed, unless it is an order that was issued at once: its end says so itself.
    """
    row = Approval.objects.select_related("party", "crisis__opened_by").get(uid=name)
    is_sent_order = row.act == WaitingAct.ORDER and row.is_done
    return Matter(
        entry=entry,
        crisis=row.crisis,
        addressed=() if is_sent_order else (row.party,),
        parameters={"reasons": row.note} if row.note else {},
        approval=row,
    )


def _dismissal(name: str, entry: EntryRow) -> Matter:  # noqa: ARG001  # the entry says it itself
    """Return the matter of a decision on many disputes of the party that the entry names."""
    parameters = {"count": str(entry.detail.get("count", ""))}
    return Matter(entry=entry, addressed=_named(entry), parameters=parameters)


def _complaint(name: str, entry: EntryRow) -> Matter:  # noqa: ARG001  # the entry says it itself
    """Return the matter of an entry about a complaint, or redress because of one."""
    return Matter(entry=entry, addressed=_party(str(entry.detail.get("party", ""))))


def _recheck(name: str, entry: EntryRow) -> Matter:
    """Return the matter of an entry about a re-check: the request's number, and no address."""
    row = Recheck.objects.select_related("referral", "order").get(uid=name)
    sides = reads.sides(row)
    parameters = {"reference": row.request.reference, "provider": sides[1].title}
    return Matter(
        entry=entry, addressed=_named(entry), parameters=parameters, exercise=row.exercise
    )


@needs_no_viewer("the scheduler reads for all parties")
def addressees(matter: Matter, *, rule: AlertRule) -> list[Party]:
    """Return the parties to alert; never the one that acted, and none that has not joined.

    The exceptions are invitations, and warnings and updates to the countries that they name. Alerts
    of an exercise go only to its participants: its early warning goes to those in its room. A
    suspended party gets only what it is owed, and one that a bot plays in an exercise nothing.
    """
    candidates = [party for party in _once(_WHO[rule.who](matter)) if not party.exercise]
    parties = [party for party in candidates if _may_know(matter, party=party)]
    if not rule.reaches_suspended:
        parties = [party for party in parties if not party.is_suspended]
    if rule.who in _WITH_COLLEAGUES:
        return parties
    return [party for party in parties if party.ref != matter.entry.actor]


def _may_know(matter: Matter, *, party: Party) -> bool:
    """Whether a party may see the crisis of a matter: observers may not in its first stage."""
    if matter.crisis is None:
        return True
    try:
        crises_reads.find(matter.crisis.uid, viewer=party)
    except NotFoundError:
        return False
    return True


@needs_no_viewer("the scheduler reads for all parties")
def agencies() -> list[Party]:
    """Return the agencies, which oversee all other parties; none that a bot plays."""
    return list(parties_reads.agencies(exercise=False))


def room(crisis: Crisis) -> list[Party]:
    """Return the parties in a crisis: its opener, agencies, and parties that joined."""
    return participants.room(crisis)


def _room(matter: Matter) -> list[Party]:
    """Return the parties in the matter's crisis; none if there is no crisis."""
    return room(matter.crisis) if matter.crisis else []


def _warned(matter: Matter) -> list[Party]:
    """Return the agencies, and the authorities of the countries that a warning names."""
    if matter.crisis is None or matter.exercise:
        return _room(matter)
    authorities = Party.objects.filter(
        kind=PartyKind.AUTHORITY, country__in=matter.crisis.countries
    )
    return [*agencies(), *authorities.order_by("name")]


def _concerned(matter: Matter) -> list[Party]:
    """Return the authorities of the countries that the entry adds; in an exercise, those in it."""
    added = matter.entry.detail.get("countries")
    codes = set(added) if isinstance(added, list) else set()
    if matter.exercise:
        return [leader for leader in _leaders(matter) if leader.country in codes]
    rows = Party.objects.filter(kind=PartyKind.AUTHORITY, country__in=codes)
    return list(rows.order_by("name"))


def _invited(matter: Matter) -> list[Party]:
    """Return the parties that the entry names."""
    return list(matter.addressed)


def _leaders(matter: Matter) -> list[Party]:
    """Return the authorities and agencies in the crisis."""
    leading = {PartyKind.AUTHORITY, PartyKind.AGENCY}
    return [party for party in _room(matter) if party.kind in leading]


def _sharer(matter: Matter) -> list[Party]:
    """Return the sharer of the signal, unless it has left the signal's crisis."""
    if matter.signal is None:
        return []
    sharer = matter.signal.shared_by
    is_out = matter.crisis is not None and sharer not in _room(matter)
    return [] if is_out else [sharer]


def _responsible(matter: Matter) -> list[Party]:
    """Return the sharer, the agencies that may see the signal, and its readers in the crisis."""
    if matter.signal is None:
        return []
    may_see = [party for party in agencies() if _may_see(matter.signal, viewer=party)]
    return [matter.signal.shared_by, *may_see, *_readers(matter)]


def _readers(matter: Matter) -> list[Party]:
    """Return the parties in the signal's crisis that may see the signal."""
    if matter.signal is None:
        return []
    return [party for party in _room(matter) if _may_see(matter.signal, viewer=party)]


def _counterparts(matter: Matter) -> list[Party]:
    """Return the agencies, the crisis' opener and a request's sender; none for a drill."""
    if matter.parameters.get("kind") == "drill":
        return []
    opener = [matter.crisis.opened_by] if matter.crisis else []
    parties = (*_onlookers(matter), *opener, *_senders(matter))
    return [party for party in parties if party not in matter.addressed]


def _owner(matter: Matter) -> list[Party]:
    """Return the party whose contact point fails, the request's sender, and agencies."""
    return [*_invited(matter), *_senders(matter), *_onlookers(matter)]


def _onlookers(matter: Matter) -> list[Party]:
    """Return the agencies, unless the alert is confidential to the two sides of a request."""
    is_sealed = matter.about is not None and EVERY_KIND[matter.about.kind].sealed
    return [] if is_sealed else agencies()


def _lookers(matter: Matter) -> list[Party]:
    """Return the nearest parties that may give the second look; orders have their own alert."""
    if matter.approval is None or matter.approval.act == WaitingAct.ORDER or not matter.is_waiting:
        return []
    return approvals.nearest_lookers(matter.approval)


def _other_agencies(matter: Matter) -> list[Party]:
    """Return the agencies, without the one that the entry is about."""
    return [agency for agency in agencies() if agency not in matter.addressed]


def _senders(matter: Matter) -> list[Party]:
    """Return the sender of the request in an alert, who must know that it did not arrive."""
    if matter.about is None:
        return []
    thing, _, name = matter.about.subject.partition(":")
    return requests.senders(thing, name)


_WHO: Mapping[Addressees, Callable[[Matter], list[Party]]] = {
    Addressees.WARNED: _warned,
    Addressees.CONCERNED: _concerned,
    Addressees.INVITED: _invited,
    Addressees.CONFIRMERS: _leaders,
    Addressees.ROOM: _room,
    Addressees.LEADERS: _leaders,
    Addressees.ADDRESSED: _invited,
    Addressees.SHARER: _sharer,
    Addressees.RESPONSIBLE: _responsible,
    Addressees.READERS: _readers,
    Addressees.COUNTERPARTS: _counterparts,
    Addressees.OWNER: _owner,
    Addressees.COLLEAGUES: _invited,
    Addressees.SIDES: _invited,
    Addressees.LOOKERS: _lookers,
    Addressees.AGENCIES: _other_agencies,
}

_WITH_COLLEAGUES = frozenset(
    {Addressees.CONFIRMERS, Addressees.AGENCIES, Addressees.COLLEAGUES, Addressees.LOOKERS}
)
"""Groups that the acting party belongs to as well: a colleague may be the second person."""

_READERS: Mapping[str, Callable[[str, EntryRow], Matter]] = {
    "signal": _signal,
    "alert": _alert,
    "delivery": _delivery,
    "person": _person,
    "lead": _lead,
    "message": _message,
    "approval": _approval,
    "complaint": _complaint,
    "dismissal": _dismissal,
    "recheck": _recheck,
    "task": _task,
    "exercise": _exercise,
    **dict.fromkeys(requests.THINGS, _request),
}
"""Readers of a subject, by its type before the colon."""


def _may_see(signal: Signal, *, viewer: Party) -> bool:
    """Whether a party may see a signal."""
    try:
        signals.find(signal.uid, viewer=viewer)
    except NotFoundError:
        return False
    return True


def _crisis(uid: UUID) -> Crisis:
    """Return the row of a crisis."""
    return Crisis.objects.select_related("opened_by").get(uid=uid)


def _party(ref: str) -> tuple[Party, ...]:
    """Return the party of a ledger reference; empty if it is not a party's."""
    thing, _, name = ref.partition(":")
    return tuple(Party.objects.filter(name=name)) if thing == "party" else ()


def _title(ref: str) -> str:
    """Return the title of the actor, "" for the scheduler and the operator."""
    return next((party.title for party in _party(ref)), "")


def _once(parties: list[Party]) -> list[Party]:
    """Return the parties without duplicates, in order."""
    return list({party.pk: party for party in parties}.values())
