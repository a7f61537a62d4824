# SPDX-License-Identifier: Apache-2.0
"""Local features of pictures, as ciphertext."""

from django.db import models

from stemtide.hub.rooms.signals.models import Signal


class LocalFeatures(models.Model):
    """Local features of the picture behind a pdq signal. Its primary key is its number for agents.

    value:       an age file, for a key that is not in the database (media.keys); empty once they
                 are removed. The row stays, so that numbers never fall.
    tlp, audience: the signal's when they were sent. Under others nobody gets them.
    size_bytes:  of the plaintext.
    """

    signal = models.ForeignKey(Signal, models.PROTECT, related_name="local_features")
    value = models.BinaryField()
    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    size_bytes = models.PositiveIntegerField()
    sent_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["signal"],
                condition=models.Q(removed_at=None),
                name="one_set_of_local_features_a_signal",
            )
        ]

    def __str__(self) -> str:
        return f"{self.pk} of {self.signal_id}"
