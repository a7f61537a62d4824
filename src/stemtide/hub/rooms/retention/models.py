# SPDX-License-Identifier: Apache-2.0
"""Legal holds on rows, and the reasons for which rows were kept otherwise than by default."""

from datetime import datetime

from django.db import models

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.retention.rules import REST_AFTER_LIFT
from stemtide.protocol.law.retention import RowClass


class LegalHold(models.Model):
    """A row must not be erased, even after its date. row: its id.

    placed_ref, lifted_ref: the person or key, as the ledger names it.
    until: when the hold ends by itself; None until somebody lifts it.
    """

    uid = models.UUIDField(unique=True)
    row_class = models.CharField(max_length=12, choices=[(c.value, c.value) for c in RowClass])
    row = models.UUIDField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="legal_holds")
    reason = models.CharField(max_length=500)
    placed_ref = models.CharField(max_length=80)
    placed_at = models.DateTimeField()
    until = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)
    lifted_ref = models.CharField(max_length=80, blank=True, default="")
    lift_reason = models.CharField(max_length=500, blank=True, default="")

    class Meta:
        ordering = ["placed_at", "pk"]
        indexes = [models.Index(fields=["row_class", "row"], name="legal_holds_by_row")]

    def __str__(self) -> str:
        return f"hold on {self.row_class} {self.row}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"legal_hold:{self.uid}"

    @staticmethod
    def running_at(now: datetime) -> models.Q:
        """Return the condition of holds that run."""
        return models.Q(lifted_at=None) & (models.Q(until=None) | models.Q(until__gt=now))

    @staticmethod
    def lifted_lately(now: datetime) -> models.Q:
        """Return the condition of lifted holds that still stop an erasure."""
        return models.Q(lifted_at__gt=now - REST_AFTER_LIFT)


class RetentionChange(models.Model):
    """Why a party gave a row another date, basis or purpose. ref: who did, as the ledger says."""

    row_class = models.CharField(max_length=12, choices=[(c.value, c.value) for c in RowClass])
    row = models.UUIDField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    ref = models.CharField(max_length=80)
    reason = models.CharField(max_length=500)
    until = models.DateTimeField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["row_class", "row"], name="retention_changes_by_row")]

    def __str__(self) -> str:
        return f"{self.row_class} {self.row} until {self.until}"
