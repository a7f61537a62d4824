# SPDX-License-Identifier: Apache-2.0
"""Tables of propagation: positions that agents reached, and sums of days. Decision 0186."""

from django.db import models

from stemtide.hub.rooms.parties.models import Party


class PositionBatch(models.Model):
    """Feed positions that agents reached in about a second.

    stage: delivered or applied. highest: position in the batch.
    body:  compressed JSON: [party, name, position, milliseconds before `at`] of each; the name is
           that of the agent if it applied, and the prefix of the key if it was delivered.
    """

    stage = models.CharField(max_length=10)
    at = models.DateTimeField(db_index=True)
    highest = models.BigIntegerField()
    body = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.stage} up to {self.highest}"


class PropagationDay(models.Model):
    """How long shares of a day took at one party's agents, or those of one party at all agents.

    is_sharer: the latter.
    buckets: how many took how long, by bucket (rules.bucket_of). late: how many more took longer.
    """

    day = models.DateField()
    party = models.ForeignKey(Party, models.PROTECT, related_name="+")
    is_sharer = models.BooleanField()
    stage = models.CharField(max_length=10)
    exercise = models.BooleanField()
    buckets = models.JSONField(default=dict)
    late = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["day", "party", "is_sharer", "stage", "exercise"],
                name="one_propagation_sum_a_day",
            )
        ]

    def __str__(self) -> str:
        return f"{self.stage} on {self.day}"
