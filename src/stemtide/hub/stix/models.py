# SPDX-License-Identifier: Apache-2.0
"""STIX objects that are kept: as they were posted, or as we made them. Signals are not among them.

The indicator of a signal is made when it is read, unless its sharer posted one: then that one, its
*face*, is told in its place.
"""

from django.db import models
from django.db.models import Q

from stemtide.hub.crises.models import Crisis
from stemtide.hub.parties.models import Party
from stemtide.hub.signals.models import Signal


class StixObject(models.Model):
    """One version of one object.

    position:   its place among signals and objects; of a face's latest version the signal's counts.
    version_at: when it was last changed, as its creator says; None for one without versions.
    body:       the object as JSON text, property for property as it was posted.
    made_from:  what we made it from ("opinion:7:3"); "" where it was posted.
    shared_by:  who posted it, or whose act it tells of.
    tlp, audience: who may see it, unless its signal says so.
    signal:     what it is the face of, or speaks of. is_private: counts of one provider.
    crisis:     the crisis whose collection it lies in.
    is_beside:  whether it is told in its own place; the latest face is told in its signal's.
    """

    position = models.BigIntegerField(unique=True)
    stix_id = models.CharField(max_length=300)
    type = models.CharField(max_length=250)
    version_at = models.DateTimeField(null=True)
    body = models.TextField()
    made_from = models.CharField(max_length=80, blank=True)
    shared_by = models.ForeignKey(Party, models.PROTECT, related_name="stix_objects")
    tlp = models.CharField(max_length=15)
    audience = models.TextField(blank=True)
    signal = models.ForeignKey(Signal, models.PROTECT, null=True, related_name="stix_objects")
    crisis = models.ForeignKey(
        Crisis, models.PROTECT, null=True, related_name="stix_objects", db_index=False
    )
    exercise = models.BooleanField(default=False)
    is_private = models.BooleanField(default=False)
    is_beside = models.BooleanField(default=True)
    is_first = models.BooleanField(default=True)
    is_latest = models.BooleanField(default=True)
    kept_at = models.DateTimeField()

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(fields=["stix_id", "position"], name="stix_objects_by_id"),
            models.Index(
                fields=["is_beside", "crisis", "position"], name="stix_objects_of_a_crisis"
            ),
            models.Index(fields=["is_beside", "position"], name="stix_objects_in_order"),
            models.Index("made_from", condition=~Q(made_from=""), name="stix_objects_that_we_made"),
        ]

    def __str__(self) -> str:
        return self.stix_id

    @property
    def is_face(self) -> bool:
        """Whether it is told in the place of a signal's indicator."""
        return self.type == "indicator" and self.signal_id is not None


class PatternPart(models.Model):
    """One of the signals that a posted indicator describes, whose face it is not.

    It has several comparisons, or its party shares the value already. It is told to its poster
    alone; everybody else is told its signals, each by itself.

    is_made: whether the signal was made for it.
    """

    stix_id = models.CharField(max_length=300)
    signal = models.ForeignKey(Signal, models.CASCADE, related_name="+")
    is_made = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["stix_id", "signal"], name="stix_part_once"),
        ]

    def __str__(self) -> str:
        return f"{self.stix_id}: {self.signal_id}"


class Receipt(models.Model):
    """What became of the objects of one post, for whoever sent it, for some days."""

    uid = models.UUIDField(unique=True)
    party = models.ForeignKey(Party, models.CASCADE, related_name="+")
    received_at = models.DateTimeField(db_index=True)
    body = models.JSONField()

    def __str__(self) -> str:
        return str(self.uid)


class Cursor(models.Model):
    """How far objects were made from the ledger. counted_at: when counts were last looked at."""

    number = models.BigIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)
    counts_due = models.BooleanField(default=False)

    def __str__(self) -> str:
        return str(self.number)


class ToldSum(models.Model):
    """The count of a signal's sightings that was told last, so that a change is seen."""

    signal = models.OneToOneField(Signal, models.CASCADE, primary_key=True, related_name="+")
    total = models.BigIntegerField()

    def __str__(self) -> str:
        return f"{self.total} of signal {self.signal_id}"
