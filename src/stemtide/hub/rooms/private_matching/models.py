# SPDX-License-Identifier: Apache-2.0
"""Epochs of private matching, the evaluated digests of each, and what parties spent of a day."""

from django.db import models

from stemtide.hub.rooms.parties.models import Party
from stemtide.hub.rooms.signals.models import Signal


class MatchEpoch(models.Model):
    """A key of the hub, and the time for which digests are evaluated with it.

    seed:        of the key, encrypted; empty once the epoch ended.
    public_key:  in hex.
    position:    of the feed: signals up to it are evaluated.
    prefix_bits: first bits of a tag that name its bucket; fixed once the epoch began.
    began_at:    when all signals were evaluated, and clients got the epoch.
    """

    seed = models.CharField(max_length=200)
    public_key = models.CharField(max_length=64)
    position = models.BigIntegerField(default=0)
    prefix_bits = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def ref(self) -> str:
        """Return the name of this row in the ledger."""
        return f"match_epoch:{self.pk}"


class EvaluatedSignal(models.Model):
    """The digest of a signal, evaluated with the key of an epoch.

    tag:    less 2^63, so that the column holds it; its order is that of tags.
    sealed: the signal's id and its strongest action, which the digest alone opens.
    """

    epoch = models.ForeignKey(MatchEpoch, models.CASCADE, related_name="+", db_index=False)
    signal = models.ForeignKey(Signal, models.CASCADE, related_name="+")
    tag = models.BigIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["epoch", "signal"], name="one_row_an_epoch_and_signal")
        ]
        indexes = [models.Index(fields=["epoch", "tag"], name="evaluated_signals_by_tag")]

    def __str__(self) -> str:
        return f"{self.signal_id} in {self.epoch_id}"


class EvaluationCount(models.Model):
    """How many digests a party looked up on the last day (UTC) on which it asked. Never which."""

    party = models.OneToOneField(Party, models.CASCADE, primary_key=True, related_name="+")
    day = models.DateField()
    count = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.party_id} {self.day} {self.count}"
