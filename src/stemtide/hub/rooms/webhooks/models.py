# SPDX-License-Identifier: Apache-2.0
"""Webhooks and their deliveries."""

from django.db import models

from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.webhooks.rules import DisableReason
from stemtide.protocol.messages.webhooks import WebhookDeliveryState, WebhookState


class Webhook(models.Model):
    """An address that a party's machine registered.

    key:        the key that registered or last changed it: the webhook gets the events that this
                key may read, and ends with it.
    since:      only later ledger entries create events.
    generation: of its signing secret, which is derived and never stored.
    oldest:     the first generation that still signs, until old_until.
    failures:   consecutive failed attempts since failing_since.
    rest_until: nothing new is tried before that.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="webhooks")
    key = models.ForeignKey(ApiKey, models.PROTECT, related_name="webhooks")
    url = models.CharField(max_length=300)
    event_types = models.JSONField(default=list)
    exercise = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in WebhookState])
    why = models.CharField(
        max_length=10, blank=True, choices=[(w.value, w.value) for w in DisableReason]
    )
    made_at = models.DateTimeField()
    since = models.BigIntegerField()
    generation = models.PositiveIntegerField(default=1)
    oldest = models.PositiveIntegerField(default=1)
    old_until = models.DateTimeField(null=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    rest_until = models.DateTimeField(null=True)
    last_sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["made_at", "pk"]

    def __str__(self) -> str:
        return f"webhook {self.uid} of {self.party_id}: {self.state}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"webhook:{self.uid}"


class Delivery(models.Model):
    """An event for one webhook, which collects everything that happens until it is first sent.

    uid:     the same at every attempt.
    kind:    its event type.
    spans:   of signals: feed positions, as [first, last]; the signals there are read when it is
    sent.
    subjects: of all other kinds: rows, by their names in the ledger.
    more:    how many subjects there are beyond those; of signals, how many its party saw.
    next_at: queued, failed: when it is tried; sending: when another scheduler may take it over.
    status:  of the last response. said: the error, in our own words.
    """

    uid = models.UUIDField(unique=True)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    kind = models.CharField(max_length=40)
    exercise = models.BooleanField(default=False)
    spans = models.JSONField(default=list)
    subjects = models.JSONField(default=list)
    more = models.PositiveIntegerField(default=0)
    state = models.CharField(
        max_length=10, choices=[(s.value, s.value) for s in WebhookDeliveryState]
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    happened_at = models.DateTimeField()
    queued_at = models.DateTimeField()
    next_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    said = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "deliveries"
        indexes = [
            models.Index(fields=["state", "next_at"], name="webhook_deliveries_due"),
            models.Index(fields=["webhook", "state"], name="webhook_deliveries_of_one"),
            models.Index(fields=["state", "queued_at"], name="webhook_deliveries_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to webhook {self.webhook_id}: {self.state}"
