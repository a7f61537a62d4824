# SPDX-License-Identifier: Apache-2.0
"""Alerts, their deliveries and receipts, and drills."""

from django.db import models

from stemtide.hub.rooms.alerts.rules.alerts import AlertState, Channel, DeliveryState, Urgency, Via
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import ContactPoint, Party, Person


class Drill(models.Model):
    """A contact drill: everybody in it is alerted, and the report shows who answered when."""

    uid = models.UUIDField(unique=True)
    started_by = models.ForeignKey(Party, models.PROTECT, null=True, related_name="drills")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-started_at"]

    def __str__(self) -> str:
        return f"drill of {self.started_at:%Y-%m-%d}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"drill:{self.uid}"


class Alert(models.Model):
    """One alert to one party. entry: the ledger entry that raised it, if any.

    parameters: the values in its text, so that every reader sees it in their own language.
    step: the step of the party's escalation ladder that was reached, from 0.
    step_due: when the next step is due; None if no answer is expected.
    assigned_to: the person of the party who looks after it. snoozed_until: until when the party's
    pages do not count it.
    """

    uid = models.UUIDField(unique=True)
    kind = models.CharField(max_length=40)
    party = models.ForeignKey(Party, models.PROTECT, related_name="alerts")
    subject = models.CharField(max_length=80)
    crisis = models.ForeignKey(Crisis, models.PROTECT, null=True, related_name="alerts")
    drill = models.ForeignKey(Drill, models.PROTECT, null=True, related_name="alerts")
    entry = models.BigIntegerField(null=True)
    urgency = models.CharField(max_length=10, choices=[(u, u) for u in Urgency])
    parameters = models.JSONField(default=dict)
    exercise = models.BooleanField(default=False)
    state = models.CharField(max_length=20, choices=[(s, s) for s in AlertState])
    step = models.PositiveSmallIntegerField(default=0)
    step_due = models.DateTimeField(null=True)
    created_at = models.DateTimeField()
    assigned_to = models.ForeignKey(
        Person, models.SET_NULL, null=True, related_name="assigned_alerts"
    )
    snoozed_until = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            models.Index(fields=["party", "state"], name="alerts_of_a_party"),
            models.Index(fields=["state", "step_due"], name="alerts_to_escalate"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["entry", "kind", "party"], name="one_alert_an_entry_and_party"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} to {self.party_id}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"alert:{self.uid}"


class MutedKind(models.Model):
    """A kind of alert that a person's own pages do not count until a time."""

    person = models.ForeignKey(Person, models.CASCADE, related_name="muted_kinds")
    kind = models.CharField(max_length=40)
    until = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "kind"], name="one_mute_a_person_and_kind")
        ]

    def __str__(self) -> str:
        return f"{self.kind} for person {self.person_id}"


class Delivery(models.Model):
    """An alert sent through one channel. uid: the id by which receivers detect repeats.

    point: the party's contact point that it goes to; person: a single recipient, instead.
    next_at: queued, failed: when it is tried; sending: when another scheduler may take it over.
    rank: 0 for the most urgent. proof: the reply of the receiver's server when it accepted it.
    """

    uid = models.UUIDField(unique=True)
    alert = models.ForeignKey(Alert, models.CASCADE, related_name="deliveries")
    step = models.PositiveSmallIntegerField()
    point = models.ForeignKey(ContactPoint, models.PROTECT, null=True, related_name="deliveries")
    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="deliveries")
    channel = models.CharField(max_length=20, choices=[(c, c) for c in Channel])
    state = models.CharField(max_length=20, choices=[(s, s) for s in DeliveryState])
    rank = models.PositiveSmallIntegerField(default=0)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    drop_reason = models.CharField(max_length=300, blank=True)
    proof = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-queued_at", "-pk"]
        verbose_name_plural = "deliveries"
        indexes = [models.Index(fields=["state", "next_at"], name="deliveries_due")]

    def __str__(self) -> str:
        return f"{self.channel} of alert {self.alert_id}: {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"delivery:{self.uid}"


class Receipt(models.Model):
    """The first acknowledgement of an alert; later ones do not count.

    person: None if a link or a machine answered. delivery: the one that was answered, if any.
    shown: SHA-256 in hex of the request that was shown behind the link; "" if there was none.
    """

    alert = models.OneToOneField(Alert, models.CASCADE, related_name="receipt")
    person = models.ForeignKey(Person, models.SET_NULL, null=True, related_name="receipts")
    delivery = models.ForeignKey(Delivery, models.SET_NULL, null=True, related_name="receipts")
    via = models.CharField(max_length=20, choices=[(v, v) for v in Via])
    step = models.PositiveSmallIntegerField()
    received_at = models.DateTimeField()
    shown = models.CharField(max_length=64, blank=True, db_default="")

    def __str__(self) -> str:
        return f"alert {self.alert_id} by {self.via}"


class SigningKey(models.Model):
    """A generation of a contact point's signing secret, created by a rotation.

    The secret itself is derived and never stored. The first generation needs no row.
    retires_at: until when it still signs beside a later one; None for the latest.
    """

    point = models.ForeignKey(ContactPoint, models.PROTECT, related_name="signing_keys")
    generation = models.PositiveIntegerField()
    made_at = models.DateTimeField()
    retires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["point", "-generation"]
        constraints = [
            models.UniqueConstraint(fields=["point", "generation"], name="one_key_a_generation")
        ]

    def __str__(self) -> str:
        return f"generation {self.generation} of contact point {self.point_id}"
