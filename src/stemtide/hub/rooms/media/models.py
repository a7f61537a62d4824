# SPDX-License-Identifier: Apache-2.0
"""Previews, and the log of who opened one, for which purpose."""

from django.db import models

from stemtide.hub.platform.retention.columns import LawfulRow
from stemtide.hub.rooms.crises.models import Crisis
from stemtide.hub.rooms.parties.models import Person
from stemtide.hub.rooms.signals.models import Signal
from stemtide.protocol.messages.previews import PreviewKind, Purpose


class Preview(LawfulRow):
    """A small still or a short excerpt of a signal's content, as ciphertext.

    whole, veil: age files, for a key that is not in the database (media.keys); empty once the
                 preview is destroyed. The veil is a blurred version; an excerpt has none.
    size_bytes:  of the plaintext of the whole.
    """

    uid = models.UUIDField(unique=True)
    signal = models.ForeignKey(Signal, models.PROTECT, related_name="previews")
    kind = models.CharField(max_length=10, choices=[(k.value, k.value) for k in PreviewKind])
    whole = models.BinaryField()
    veil = models.BinaryField()
    size_bytes = models.PositiveIntegerField()
    added_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    destroyed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["added_at", "pk"]
        indexes = [
            models.Index(
                "expires_at",
                condition=models.Q(destroyed_at=None),
                name="previews_by_end",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.uid}"


class Look(models.Model):
    """One person opened the preview of one cluster, for one purpose.

    cluster:     the key that the cluster had then.
    revealed_at: when they asked for it without its veil; None if never.
    """

    uid = models.UUIDField(unique=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="looks")
    crisis = models.ForeignKey(Crisis, models.PROTECT, related_name="looks")
    signal = models.ForeignKey(Signal, models.PROTECT, related_name="looks")
    cluster = models.UUIDField()
    purpose = models.CharField(max_length=20, choices=[(p.value, p.value) for p in Purpose])
    opened_at = models.DateTimeField()
    revealed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["opened_at", "pk"]
        indexes = [models.Index(fields=["person", "opened_at"], name="looks_by_person_and_time")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.purpose}"

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"look:{self.uid}"
