# SPDX-License-Identifier: Apache-2.0
"""End alerts that a ledger entry answers or makes unnecessary."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Q

from stemtide.hub.platform.exemptions import needs_no_entry
from stemtide.hub.rooms.alerts.models import Alert, Delivery
from stemtide.hub.rooms.alerts.reads import addressees
from stemtide.hub.rooms.alerts.reads.addressees import Matter
from stemtide.hub.rooms.alerts.rules import alerts as rules
from stemtide.hub.rooms.alerts.rules.alerts import WAITING, AlertState, DeliveryState
from stemtide.hub.rooms.alerts.rules.kinds import ANSWERS, EVERY_KIND, LEAVES, OVERTAKES
from stemtide.hub.rooms.ledger.reads.ledger import EntryRow
from stemtide.hub.rooms.ledger.rules.ledger import CLOCK
from stemtide.hub.rooms.ledger.writes import ledger


def end_alerts(entry: EntryRow, *, now: datetime) -> None:
    """End the open alerts that an entry answers or makes unnecessary, and alerts about these.

    1 Alerts that the entry ends for everybody, or for the party that it is about.
    2 Alerts of the party that acted, if the act shows that somebody there knows of them.
    3 "does not answer" alerts about any of these, or about an alert that is acknowledged.
    """
    overtaken = EVERY_KIND if entry.kind in LEAVES else OVERTAKES.get(entry.kind, ())
    answered = ANSWERS.get(entry.kind, ())
    if not overtaken and not answered and entry.kind != "alert.acknowledged":
        return
    matter = addressees.matter(entry)
    alerts = {alert.pk: alert for kind in overtaken for alert in _overtaken(kind, matter)}
    alerts |= {alert.pk: alert for kind in answered for alert in _own(kind, matter)}
    acknowledged = [matter.about] if matter.about is not None else []
    follow_ups = _unanswered_about([*alerts.values(), *acknowledged])
    alerts |= {alert.pk: alert for alert in follow_ups}
    if alerts:
        keys = list(alerts)
        Alert.objects.filter(pk__in=keys).update(state=AlertState.OVERTAKEN, step_due=None)
        stop_deliveries(keys)
        detail: dict[str, object] = {"entry": entry.number, "count": len(keys)}
        ledger.append(
            "alerts.settled",
            actor=CLOCK,
            subject=entry.subject,
            now=now,
            detail=detail,
            exercise=matter.exercise,
        )


@needs_no_entry("the caller records that the alert ended")
def stop_deliveries(alerts: list[int], *, personal: bool = True) -> None:
    """Cancel deliveries that are still queued. personal: also mail to a person."""
    waiting = Delivery.objects.filter(alert__in=alerts, state__in=WAITING)
    if not personal:
        waiting = waiting.filter(person=None)
    waiting.update(state=DeliveryState.STOPPED)


def _overtaken(kind: str, matter: Matter) -> list[Alert]:
    """Return open alerts that a matter ends, of everybody or of the party that it is about."""
    if EVERY_KIND[kind].sums and matter.entry.kind not in LEAVES:
        return [] if matter.is_waiting else _without(kind, matter)
    alerts = _open(kind, matter)
    if EVERY_KIND[kind].of_self or matter.entry.kind in LEAVES:
        own = {matter.entry.actor} if matter.entry.kind != "participant.uninvited" else set()
        own |= {party.ref for party in matter.addressed}
        return [alert for alert in alerts if alert.party.ref in own]
    return alerts


def _without(kind: str, matter: Matter) -> list[Alert]:
    """Take a thing out of open alerts about several; return the alerts with nothing left."""
    thing = matter.entry.subject.partition(":")[2]
    rows = Alert.objects.filter(kind=kind, state__in=rules.UNSETTLED, exercise=matter.exercise)
    emptied = []
    for alert in rows.select_related("party"):
        parameters = rules.remove_thing(alert.parameters, thing=thing)
        if parameters == alert.parameters:
            continue
        if parameters["things"]:
            alert.parameters = parameters
            alert.save(update_fields=["parameters"])
        else:
            emptied.append(alert)
    return emptied


def _own(kind: str, matter: Matter) -> list[Alert]:
    """Return open alerts about a matter to the party that acted."""
    return [alert for alert in _open(kind, matter) if alert.party.ref == matter.entry.actor]


def _open(kind: str, matter: Matter) -> list[Alert]:
    """Return unacknowledged alerts of a kind about a matter."""
    about = Q(subject=matter.entry.subject)
    is_narrow = EVERY_KIND[kind].of_subject and matter.entry.kind not in LEAVES
    if matter.crisis is not None and not is_narrow:
        about |= Q(crisis=matter.crisis)
    rows = Alert.objects.filter(about, kind=kind, state__in=rules.UNSETTLED)
    return list(rows.select_related("party"))


def _unanswered_about(alerts: Iterable[Alert]) -> list[Alert]:
    """Return open "does not answer" alerts about these alerts."""
    refs = [alert.ref for alert in alerts]
    rows = Alert.objects.filter(kind="unanswered", subject__in=refs, state__in=rules.UNSETTLED)
    return list(rows)
