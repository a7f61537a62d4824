# SPDX-License-Identifier: Apache-2.0
"""Webhooks, what is on its way to them, and how far the ledger was read."""

from django.db import models

from stemtide.hub.rooms.parties.models import ApiKey, Party
from stemtide.hub.rooms.webhooks.rules import Why
from stemtide.protocol.messages.webhooks import WebhookDeliveryState, WebhookState


class Cursor(models.Model):
    """The one row that says up to which ledger entry events were made."""

    number = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"events made up to entry {self.number}"


class Webhook(models.Model):
    """One address that a party's machine registered.

    key:        the key that registered it, or last wrote it: it tells what that key could read, and
                ends with it.
    since:      ledger entries after this one are told.
    generation: of its signing secret, which is derived and never kept.
    oldest:     the first generation that signs beside it, until old_until.
    failures:   attempts in a row that did not arrive, since failing_since.
    rest_until: nothing new is tried before that.
    """

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.PROTECT, related_name="webhooks")
    key = models.ForeignKey(ApiKey, models.PROTECT, related_name="webhooks")
    url = models.CharField(max_length=300)
    event_types = models.JSONField(default=list)
    exercise = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=[(s.value, s.value) for s in WebhookState])
    why = models.CharField(max_length=10, blank=True, choices=[(w.value, w.value) for w in Why])
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
        """How the ledger names this row."""
        return f"webhook:{self.uid}"


class Delivery(models.Model):
    """One event on its way to one webhook, with all that happened until it first left.

    uid:     the same at every attempt.
    kind:    its event type.
    spans:   of signals: feed positions, as [first, last]; what lies there is told when it leaves.
    subjects: of all else: rows, as the ledger names them.
    more:    how many things there are beyond those named; of signals, how many its party saw there.
    next_at: queued, failed: when it is tried; sending: when another clock may take it over.
    status:  of the last answer. said: what went wrong, in our own words.
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
