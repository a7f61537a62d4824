# SPDX-License-Identifier: Apache-2.0
"""Signals of a crisis that a leading party adopted into the standing database."""

from django.db import models

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal


class Adoption(models.Model):
    """A signal that stays after its crisis.

    party, by_ref: who adopted it; by_ref as the ledger names persons and keys.
    until:  when it stops matching, if nobody extends it.
    given:  the columns of the signal that the adoption set. before: what they were, for an undo.
    """

    signal = models.OneToOneField(Signal, models.CASCADE, related_name="adoption")
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    by_ref = models.CharField(max_length=80)
    at = models.DateTimeField()
    until = models.DateTimeField()
    given = models.JSONField()
    before = models.JSONField()

    class Meta:
        ordering = ["signal"]

    def __str__(self) -> str:
        return f"{self.signal_id} of {self.party_id}"
